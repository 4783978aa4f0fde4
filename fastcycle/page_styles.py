"""Puts into a page what it needs of its style sheets, so that it paints without asking for them.

The theme's sheet is 330 KB, of which a page uses a seventh. Rules are taken or left as a whole and in their
order, by the classes that their selectors ask for; what asks for no class is always taken. The sheet itself
follows at the end of the page, for what scripts add.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.contrib.staticfiles import finders

# A sheet that is smaller is put in as a whole.
LARGE = 5_000
# Pages whose styles are kept; lists and forms have few sets of classes, and each takes 50 KB.
KEPT_PAGES = 16
# Set by the first script, see monitoring/admin.js.
SET_BY_SCRIPTS = frozenset({"dark", "fc-lit"})

LINK = re.compile(
    rb'<link\s(?=[^>]*\brel="stylesheet")(?![^>]*\bmedia="(?!all"))[^>]*\bhref="(?P<address>[^"]+)"[^>]*>'
)
CLASSES = re.compile(rb"\bclass=(\"[^\"]*\"|'[^']*')")
MARKS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\.|[{};]", re.DOTALL)
REMARK = re.compile(r"/\*.*?\*/", re.DOTALL)
GROUPS = ("@layer", "@media", "@supports", "@container")
# What stands in brackets narrows a selector further, or names what must not match.
NARROWED = re.compile(r"(?<!\\)[(\[](?:\\.|[^()\[\]\\])*[)\]]")
CLASS = re.compile(r"(?<!\\)\.((?:[\w-]|\\.)+)")
ESCAPE = re.compile(r"\\(.)")
RELATIVE = re.compile(r"url\(([\"']?)(?![\"'/#]|[a-z]+:)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, or a group of them. `needs`: the classes of each of its selectors, one of which must match."""

    text: str
    needs: tuple[tuple[str, ...], ...] = ()
    inner: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A style sheet, taken apart if it is large."""

    text: str
    rules: tuple[Rule, ...] = ()


def write_styles(page: bytes) -> bytes:
    """Give the page with what it uses of its style sheets in their place, and the large ones at its end."""
    head, neck, body = page.partition(b"</head>")
    content, end, rest = body.rpartition(b"</body>")
    if not end:
        return page
    words = _words_of(page)
    whole: list[bytes] = []

    def write(found: re.Match[bytes]) -> bytes:
        address = found["address"].decode()
        sheet = _read_sheet(address)
        if sheet is None:
            return found[0]
        if sheet.rules:
            whole.append(found[0])
        return f"<style>{_used_of(address, words) if sheet.rules else sheet.text}</style>".encode()

    return b"".join((LINK.sub(write, head), neck, content, *whole, end, rest))


def used(rules: tuple[Rule, ...], words: frozenset[str]) -> str:
    """Give the rules that can match something on a page of these classes."""
    return "".join(_written(rule, words) for rule in rules)


def parse(text: str) -> tuple[Rule, ...]:
    """Take a sheet without remarks apart."""
    return tuple(_rules(text))


def _words_of(page: bytes) -> frozenset[str]:
    found = b" ".join(text[1:-1] for text in set(CLASSES.findall(page)))
    return SET_BY_SCRIPTS.union(html.unescape(found.decode()).split())


@cache
def _read_sheet(address: str) -> Sheet | None:
    """Read a sheet of the static files; None where the address is none of theirs."""
    if not address.startswith(settings.STATIC_URL):
        return None
    path = finders.find(address.removeprefix(settings.STATIC_URL))
    if path is None:
        return None
    text = REMARK.sub("", Path(path).read_text(encoding="utf-8"))
    text = RELATIVE.sub(rf"url(\g<1>{PurePosixPath(address).parent}/", text)
    return Sheet("", parse(text)) if len(text) > LARGE else Sheet(text)


@lru_cache(maxsize=KEPT_PAGES)
def _used_of(address: str, words: frozenset[str]) -> str:
    sheet = _read_sheet(address)
    return used(sheet.rules, words) if sheet else ""


def _written(rule: Rule, words: frozenset[str]) -> str:
    if rule.inner:
        inner = used(rule.inner, words)
        # An empty layer stays: where it comes first is its place among the others.
        return f"{rule.text}{{{inner}}}" if inner or rule.text.startswith("@layer") else ""
    return rule.text if not rule.needs or any(words.issuperset(each) for each in rule.needs) else ""


def _rules(text: str) -> Iterator[Rule]:
    depth = begin = brace = 0
    for mark in MARKS.finditer(text):
        if mark[0] == "{":
            brace = brace if depth else mark.start()
            depth += 1
        elif mark[0] == "}":
            depth -= 1
            if not depth:
                yield _rule(text[begin:brace].strip(), text[brace : mark.end()])
                begin = mark.end()
        elif mark[0] == ";" and not depth:
            yield Rule(text[begin : mark.end()].strip())
            begin = mark.end()


def _rule(head: str, block: str) -> Rule:
    if head.startswith(GROUPS):
        return Rule(head, inner=parse(block[1:-1]))
    return Rule(head + block, () if head.startswith("@") else _needs(head))


def _needs(selectors: str) -> tuple[tuple[str, ...], ...]:
    narrowed = 1
    while narrowed:
        selectors, narrowed = NARROWED.subn("", selectors)
    return tuple(
        tuple(ESCAPE.sub(r"\1", name) for name in CLASS.findall(each)) for each in selectors.split(",")
    )
