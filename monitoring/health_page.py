"""Writes docs/health.md from the rules, so that the page cannot say anything else than the formula.

`manage.py health_page > docs/health.md`; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitoring import rules
from monitoring.alert_kinds import KINDS
from monitoring.alert_rules import CLEAR_AFTER, QUIET

HEAD = """# Health

Written by `manage.py health_page` from `monitoring/rules.py`; change it there.

The score is **100 minus all lost points, at most the lowest ceiling of all losses, never below 0**. So
one bad input cannot hide behind many good ones: with a position that nothing protects it cannot exceed
{unprotected}. Every lost point is named, on the dashboard, by `manage.py status` and in samples. An input
that nobody knows is listed as not known; where trading depends on it, that alone is a ceiling of {unknown}.
Below 70 the system is not fine.

The watch (in the web process) judges every second and keeps samples of ten seconds. Each loss raises an
alert, see [operations](operations.md#alerts); an alert ends when its finding has been away for {clear} s, and
is told at most every {quiet} minutes.

## Scales

No loss up to *fine*, all points from *bad* on, linear between; the ceiling falls from 100 in the same way.

| code | measured | fine | bad | points | ceiling | level |
|---|---|---|---|---|---|---|
"""
STATES = """
## States

| code | when | points | ceiling | level |
|---|---|---|---|---|
"""


def write() -> str:
    """Give the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield HEAD.format(
        unprotected=rules.UNPROTECTED_CEILING,
        unknown=rules.UNKNOWN_CEILING,
        clear=int(CLEAR_AFTER.total_seconds()),
        quiet=int(QUIET.total_seconds() // 60),
    ).rstrip("\n")
    for scale in rules.SCALES:
        unit = f" {scale.unit}" if scale.unit else ""
        yield (
            f"| `{scale.code}` | {scale.what} …{unit} | {scale.fine:g} | {scale.bad:g} | {scale.points} "
            f"| {scale.ceiling} | {KINDS[scale.code].level} |"
        )
    yield STATES.rstrip("\n")
    for fixed in rules.FIXED:
        level = KINDS[fixed.code].level
        yield f"| `{fixed.code}` | {fixed.what} | {fixed.points} | {fixed.ceiling} | {level} |"
