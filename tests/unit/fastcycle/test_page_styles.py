"""A page carries the rules that it uses, in their order, and its large sheets follow at its end."""

from __future__ import annotations

import pytest

from fastcycle.page_styles import parse, used, write_styles

SHEET = """@layer theme,base,utilities;@layer theme{:root{--gap:4px}}
@layer base{a,button:not(.bare){color:red}}
@layer utilities{.p-2{padding:2px}.lg\\:p-2{@media (width>=64rem){padding:2px}}.w-\\[5px\\]{width:5px}
.group-hover\\:x:is(:where(.group):hover *){color:red}}@media (hover:hover){.only-here{color:red}}
.one.two,.three{color:red}.q:after{content:"}.p-2{"}
@keyframes turn{to{rotate:1turn}}@property --x{syntax:"*"}"""
ALWAYS = (
    "@layer theme,base,utilities;@layer theme{:root{--gap:4px}}@layer base{a,button:not(.bare){color:red}}"
    '@layer utilities{%s}%s@keyframes turn{to{rotate:1turn}}@property --x{syntax:"*"}'
)


@pytest.mark.parametrize(
    ("words", "utilities", "others"),
    [
        ("", "", ""),
        ("p-2", ".p-2{padding:2px}", ""),
        ("lg:p-2", ".lg\\:p-2{@media (width>=64rem){padding:2px}}", ""),
        ("w-[5px]", ".w-\\[5px\\]{width:5px}", ""),
        ("group-hover:x", ".group-hover\\:x:is(:where(.group):hover *){color:red}", ""),
        ("only-here", "", "@media (hover:hover){.only-here{color:red}}"),
        ("one", "", ""),
        ("one two", "", ".one.two,.three{color:red}"),
        ("three", "", ".one.two,.three{color:red}"),
        ("q", "", '.q:after{content:"}.p-2{"}'),
    ],
)
def test_a_rule_is_taken_where_the_page_has_the_classes_that_one_of_its_selectors_asks_for(
    words: str, utilities: str, others: str
) -> None:
    assert used(parse(SHEET), frozenset(words.split())) == ALWAYS % (utilities, others)


def test_a_page_of_all_classes_has_the_whole_sheet() -> None:
    everything = {"p-2", "lg:p-2", "w-[5px]", "group-hover:x", "only-here", "one", "two", "three", "q"}

    assert used(parse(SHEET), frozenset(everything)) == SHEET.replace("\n", "")


PAGE = (
    b'<head><link href="/static/unfold/css/styles.css" rel="stylesheet">'
    b'<link href="/static/unfold/fonts/material-symbols/styles.css" rel="stylesheet">'
    b'<link href="/elsewhere.css" rel="stylesheet">'
    b'<link href="/static/unfold/x.css" media="print" rel="stylesheet">'
    b'</head><body><p class="antialiased" :class="{\'hidden\': away}">Hello</p></body>'
)


def test_a_page_paints_without_asking_and_gets_the_whole_of_a_large_sheet_at_its_end() -> None:
    head, _, body = write_styles(PAGE).partition(b"</head>")

    assert b".antialiased{" in head
    assert b".hidden{" not in head
    assert body.endswith(b'</p><link href="/static/unfold/css/styles.css" rel="stylesheet"></body>')
    assert body.count(b"<link") == 1


def test_addresses_in_a_sheet_are_those_of_its_own_folder() -> None:
    assert b'url("/static/unfold/fonts/material-symbols/' in write_styles(PAGE)


def test_what_is_none_of_our_sheets_stays_as_it_is() -> None:
    page = write_styles(PAGE)

    assert b'<link href="/elsewhere.css" rel="stylesheet">' in page
    assert b'<link href="/static/unfold/x.css" media="print" rel="stylesheet">' in page
    assert write_styles(b"<head><title>No end") == b"<head><title>No end"
