"""Lets the admin's pages paint with the first answer, before any style sheet or script is there.

The theme and Django put style sheets and a dozen scripts into the head, which the browser must fetch and run
before it shows anything, and the theme hides the page until then. Here the page carries the styles that it
uses, is shown at once, and its scripts come at its end, in the order that they had; what waits by itself
(modules, and Alpine) still comes last. Empty lines of templates are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from fastcycle.page_styles import write_styles

# Ours is asked for before all others: it chooses light or dark.
FIRST = frozenset(source.encode() for source in settings.UNFOLD["SCRIPTS"])
# Kept by it.
DARK_COOKIE = "fc_dark"
SCRIPT = re.compile(rb'<script\s(?P<attributes>[^>]*\bsrc="(?P<source>[^"]+)"[^>]*)>\s*</script>')
HIDDEN = re.compile(rb"<html\b(?P<attributes>[^>]*)\sx-cloak>")
END = b"</body>"
# A sixth of a list of the theme is empty lines.
APART = re.compile(rb">\s\s+<")
VERBATIM = re.compile(rb"<(?:textarea|pre)\b")


class EarlyPaintMiddleware:
    """Rewrites the admin's pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; a page of the admin so that it paints early."""
        response = self._get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming
        if is_page and request.path.startswith("/admin/"):
            page = show(response.content, is_dark=request.COOKIES.get(DARK_COOKIE) == "1")
            response.content = write_styles(put_off_scripts(squeeze(page)))
        return response


def show(page: bytes, *, is_dark: bool) -> bytes:
    """Give the page as one that is not hidden; what its scripts will hide is, see monitoring/admin.css."""
    classes = b"fc-waiting dark" if is_dark else b"fc-waiting"
    return HIDDEN.sub(rb'<html class="' + classes + rb'"\g<attributes>>', page, count=1)


def squeeze(page: bytes) -> bytes:
    """Give the page with one space where tags stand apart by more, unless it shows text as it is written."""
    return page if VERBATIM.search(page) else APART.sub(b"> <", page)


def put_off_scripts(page: bytes) -> bytes:
    """Give the page with its scripts deferred and at its end, those that were deferred behind all others."""
    later: list[bytes] = []
    last: list[bytes] = []

    def put_off(found: re.Match[bytes]) -> bytes:
        words = found["attributes"].split()
        deferred = b"<script defer " + found["attributes"] + b"></script>"
        if b"async" in words:
            return found[0]
        if found["source"] in FIRST:
            return deferred
        if b"defer" in words or b'type="module"' in words:
            last.append(found[0])
        else:
            later.append(deferred)
        return b""

    begin, end, rest = SCRIPT.sub(put_off, page).rpartition(END)
    return b"".join((begin, *later, *last, end, rest)) if end else page
