"""Lets the admin's pages paint before their scripts have run.

The theme and Django put a dozen scripts into the head, which the browser must fetch and run before it shows
anything. Here all of them are told to wait for the end of the page, in the order that they had; what
waits by itself (modules, and Alpine) still comes last.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Ours chooses light or dark, and must have done so before the first paint.
RUN_AT_ONCE = frozenset(source.encode() for source in settings.UNFOLD["SCRIPTS"])
SCRIPT = re.compile(rb'<script\s(?P<attributes>[^>]*\bsrc="(?P<source>[^"]+)"[^>]*)>\s*</script>')
END = b"</body>"


class EarlyPaintMiddleware:
    """Rewrites the script tags of the admin's pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; a page of the admin with its scripts put off."""
        response = self._get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming
        if is_page and request.path.startswith("/admin/"):
            response.content = put_off_scripts(response.content)
        return response


def put_off_scripts(page: bytes) -> bytes:
    """Give the page with its scripts deferred, those that were so already behind all others."""
    last: list[bytes] = []

    def put_off(found: re.Match[bytes]) -> bytes:
        words = found["attributes"].split()
        if found["source"] in RUN_AT_ONCE or b"async" in words:
            return found[0]
        if b"defer" in words or b'type="module"' in words:
            last.append(found[0])
            return b""
        return b"<script defer " + found["attributes"] + b"></script>"

    begin, end, rest = SCRIPT.sub(put_off, page).rpartition(END)
    return begin + b"".join(last) + end + rest if end else page
