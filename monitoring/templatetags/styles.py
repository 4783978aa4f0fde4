"""Style sheets of our pages, written into the page: it paints without a second question to the server."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
@cache
def style_sheet(path: str) -> SafeString:
    """Write a style sheet of the static files.

    Raises:
        LookupError: There is no such file.
    """
    found = finders.find(path)
    if found is None:
        raise LookupError(f"no style sheet {path} among the static files")
    return mark_safe(f"<style>{Path(found).read_text(encoding='utf-8')}</style>")  # noqa: S308 -- a file of ours
