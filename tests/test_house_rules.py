"""The countable house rules: sizes, words, names, clocks. Rules are data; each proves itself on two lines."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("fastcycle", "monitoring", "intelligence", "trading")
FOLDERS = (*PRODUCT, "tests", "bench")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_CLASS_LINES = 250
BANNED_FILE = re.compile(r"(^|_)(utils?|helpers?|misc|common)\.py$")
# Where the wall clock may be read: entrances, and the programs that are clocks themselves.
CLOCK_RIMS = (
    "fastcycle/",
    "trading/bootstrap.py",
    "trading/tasks.py",
    "trading/events.py",
    "trading/admin/",
    "trading/management/",
    "trading/market/",
    "trading/exchange/",
    "trading/paper/",
    "monitoring/",
    "intelligence/tasks.py",
    "intelligence/admin",
    "intelligence/management/",
)
# The paper venue is a stranger: product code must not know that it is one.
PAPER_ROOMS = (
    "fastcycle/",
    "trading/paper/",
    "trading/checks.py",
    "trading/replay/",
    "trading/management/supervisor/",
    "trading/management/commands/run_paper.py",
    "trading/management/commands/up.py",
)


@dataclass(frozen=True)
class Rule:
    """A pattern that no line of code may match. `spared` are paths where it may."""

    name: str
    pattern: str
    reason: str
    bad: str
    good: str
    spared: tuple[str, ...] = ()


RULES = (
    Rule(
        "clock",
        r"\b(datetime\.now|timezone\.now|time\.time|time\.time_ns)\(",
        "the clock is an argument; only entrances read it",
        bad="now = datetime.now(UTC)",
        good="def turn(*, now: datetime) -> None: ...",
        spared=(*CLOCK_RIMS, "tests/", "bench/"),
    ),
    Rule(
        "paper",
        r"(?i)paper",
        "no branch on the mode: the venue is an address",
        bad='if venue == "paper":',
        good="client = Client(settings.VENUE)",
        spared=(*PAPER_ROOMS, "tests/", "bench/"),
    ),
    Rule(
        "unfinished",
        r"\bNotImplementedError\b|@pytest\.mark\.(skip|xfail)\b",
        "what is here works",
        bad="raise NotImplementedError",
        good="raise UnknownStrategy(name)",
    ),
    Rule(
        "sleep",
        r"\btime\.sleep\(|\basyncio\.sleep\((?!0\))",
        "a test waits for a condition with a limit, never for a time",
        bad="time.sleep(1)",
        good='wait_until(is_filled, limit_s=2, what="fill")',
        spared=(*(f"{name}/" for name in PRODUCT), "tests/support/", "bench/"),
    ),
)
COMMENT_RULE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|pragma: no cover")
SUSPICIOUS = re.compile(rf"{COMMENT_RULE.pattern}|noqa|type: ignore")
BARE_IGNORE = re.compile(r"#\s*(type: ignore(?!\[[\w, -]+\]\s*#)|noqa(?!: [A-Z0-9, ]+\S*\s*--))")


def _files() -> list[Path]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _code_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give numbered lines of code: without comments, and without texts that stand alone (docstrings)."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.end_lineno:
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _breaches(rule: Rule) -> list[str]:
    return [
        f"{_named(path)}:{number}: {line.strip()}"
        for path in _files()
        if not _named(path).startswith(rule.spared) and path != Path(__file__)
        # Taking comments out is slow; most files have no such word at all.
        if re.search(rule.pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
        for number, line in _code_lines(path)
        if re.search(rule.pattern, line)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_tells_its_bad_line_from_its_good_one(rule: Rule) -> None:
    assert re.search(rule.pattern, rule.bad)
    assert not re.search(rule.pattern, rule.good)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_line_breaks_the_rule(rule: Rule) -> None:
    breaches = _breaches(rule)

    assert not breaches, f"{rule.reason}:\n" + "\n".join(breaches)


def test_no_file_is_longer_than_its_limit() -> None:
    lengths = {_named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _files()}

    assert not {name: length for name, length in lengths.items() if length > MAX_FILE_LINES}


def _long(kinds: tuple[type[ast.AST], ...], limit: int) -> list[str]:
    return [
        f"{_named(path)}:{node.lineno} {node.name}"  # type: ignore[attr-defined]  # both kinds have a name
        for path in _files()
        for node in ast.walk(_tree(path))
        if isinstance(node, kinds) and node.end_lineno - node.lineno + 1 > limit  # type: ignore[attr-defined]  # same
    ]


def test_no_function_is_longer_than_its_limit() -> None:
    assert not _long((ast.FunctionDef, ast.AsyncFunctionDef), MAX_FUNCTION_LINES)


def test_no_class_is_longer_than_its_limit() -> None:
    assert not _long((ast.ClassDef,), MAX_CLASS_LINES)


def test_every_module_says_what_lives_in_it() -> None:
    silent = [
        _named(path)
        for path in _files()
        if _tree(path).body and not ast.get_docstring(_tree(path)) and path.parts[-2] != "commands"
    ]

    assert not silent


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [_named(path) for path in _files() if BANNED_FILE.search(path.name)]


def test_no_comment_puts_off_work_or_silences_without_a_reason() -> None:
    found = []
    for path in _files():
        text = path.read_text(encoding="utf-8")
        if path == Path(__file__) or not SUSPICIOUS.search(text):
            continue
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = (token for token in tokens if token.type == tokenize.COMMENT)
        found += [
            f"{_named(path)}:{token.start[0]}: {token.string}"
            for token in comments
            if COMMENT_RULE.search(token.string) or BARE_IGNORE.search(token.string)
        ]

    assert not found, "\n".join(found)
