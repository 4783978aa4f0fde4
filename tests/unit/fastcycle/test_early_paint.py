"""The admin's pages wait for nothing: neither for scripts, which keep their order, nor for a known light."""

from __future__ import annotations

import re

import pytest

from fastcycle.early_paint import put_off_scripts, show, squeeze

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
    """What runs, in its order; every script waits for the page."""
    tags = re.findall(r"<script ([^>]*)src=\"[^\"]*/(\w+)\.js\"([^>]*)>", page.decode())
    assert all("defer" in before + after or "module" in before + after for before, _, after in tags)
    return [name for _, name, _ in tags]


def test_scripts_wait_for_the_page_in_their_old_order_and_ours_is_the_first() -> None:
    assert order(put_off_scripts(PAGE)) == ["admin", "jquery", "form", "alpine", "preview"]


def test_only_ours_is_asked_for_before_the_page() -> None:
    head, _, body = put_off_scripts(PAGE).partition(b"</head>")

    assert order(head) == ["admin"]
    assert body.index(b"application/json") < body.index(b"/a/jquery.js")


@pytest.mark.parametrize(("is_dark", "classes"), [(False, b"fc-waiting"), (True, b"fc-waiting dark")])
def test_a_hidden_page_is_shown_in_the_light_in_which_the_last_one_was_left(
    is_dark: bool, classes: bytes
) -> None:
    shown = show(b'<html lang="en" x-data="theme()" x-cloak><p x-cloak></p>', is_dark=is_dark)

    assert shown == b'<html class="' + classes + b'" lang="en" x-data="theme()"><p x-cloak></p>'


def test_what_a_tag_carries_stays() -> None:
    page = put_off_scripts(PAGE)
    assert b'<script defer id="constants"\n    src="/a/form.js" data-model="worker"></script>' in page
    assert b'<script type="application/json">{"html": "<script>"}</script>' in page


@pytest.mark.parametrize("text", [b"", b"no page at all", b'<script src="/a/b.js"></script>'])
def test_what_has_no_end_stays_as_it_is(text: bytes) -> None:
    assert put_off_scripts(text) == text


def test_tags_that_stand_far_apart_come_nearer_and_words_stay() -> None:
    assert squeeze(b"<td>a  b\n</td>\n\n   <td> <b>c</b> d</td>") == b"<td>a  b\n</td> <td> <b>c</b> d</td>"


@pytest.mark.parametrize("tag", [b"pre", b"textarea"])
def test_a_page_with_text_as_it_is_written_stays(tag: bytes) -> None:
    page = b"<p>\n\n<" + tag + b' rows="2">  \n </' + tag + b">"
    assert squeeze(page) == page
