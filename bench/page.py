"""Puts the tables of bench/results.json into docs/performance.md, between markers; prose stays untouched.

`<!-- bench NAME -->` begins the table of a measurement and `<!-- end -->` ends it. One that has no place
in the page yet gets a section at its end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.tables import table

_PLACE = re.compile(r"<!-- bench (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def renew(page: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the page with every table renewed whose measurement is known; the others stay."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        return _placed(name, table(name, results[name])) if name in results else found[0]

    filled = _PLACE.sub(fill, page)
    missing = [name for name in sorted(results) if name not in places(page)]
    return filled + "".join(
        f"\n## {name.replace('_', ' ').capitalize()} (`python -m bench {name}`)\n\n"
        f"{_placed(name, table(name, results[name]))}\n"
        for name in missing
    )


def places(page: str) -> set[str]:
    """Give the names of the measurements that have a place in the page."""
    return set(_PLACE.findall(page))


def _placed(name: str, text: str) -> str:
    return f"<!-- bench {name} -->\n{text}\n<!-- end -->"
