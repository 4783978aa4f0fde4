"""The admin's scripts wait for the end of the page, in the order that they had."""

from __future__ import annotations

import re

import pytest

from fastcycle.early_paint import put_off_scripts

PAGE = b"""<html><head>
<script src="/a/alpine.js" defer></script>
<script src="/a/jquery.js"></script>
<script src="/static/monitoring/admin.js"></script>
<script src="/a/preview.js" type="module"></script>
</head><body>
<script id="constants"
    src="/a/form.js" data-model="worker">
</script>
<script type="application/json">{"html": "<script>"}</script>
</body></html>
"""


def order(page: bytes) -> list[str]:
    """What runs, in its order: at once first, then what waits."""
    tags = re.findall(r"<script ([^>]*)src=\"[^\"]*/(\w+)\.js\"([^>]*)>", page.decode())
    waits = [any(word in before + after for word in ("defer", "module")) for before, _, after in tags]
    names = [name for _, name, _ in tags]
    early = [name for name, is_late in zip(names, waits, strict=True) if not is_late]
    return early + [name for name, is_late in zip(names, waits, strict=True) if is_late]


def test_scripts_run_in_their_old_order_and_only_one_of_them_before_the_page() -> None:
    assert order(PAGE) == ["jquery", "admin", "form", "alpine", "preview"]
    assert order(put_off_scripts(PAGE)) == ["admin", "jquery", "form", "alpine", "preview"]


def test_what_a_tag_carries_stays() -> None:
    page = put_off_scripts(PAGE)
    assert b'<script defer id="constants"\n    src="/a/form.js" data-model="worker"></script>' in page
    assert b'<script type="application/json">{"html": "<script>"}</script>' in page


@pytest.mark.parametrize("text", [b"", b"no page at all", b'<script src="/a/b.js"></script>'])
def test_what_has_no_end_stays_as_it_is(text: bytes) -> None:
    assert put_off_scripts(text) == text
