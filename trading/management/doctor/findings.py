"""One line of the doctor: what was looked at, how it is, what mends it. Used by the other modules here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"  # it works, and is worth a thought; or it cannot be looked at from here
    FAIL = "FAIL"  # trading must not start like this


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `mend` is what to do, empty where all is well."""

    area: str
    verdict: Verdict
    text: str
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the line for scripts."""
        return {name: str(value) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        line = f"{self.verdict:<5} {self.area:<12} {self.text}"
        return f"{line}\n{'':<19}mend: {self.mend}" if self.mend else line


Check = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Area:
    """Makes the findings of one place."""

    name: str

    def ok(self, text: str) -> Finding:
        """Say that it is well."""
        return Finding(self.name, Verdict.OK, text)

    def warn(self, text: str, mend: str) -> Finding:
        """Say what is worth a thought."""
        return Finding(self.name, Verdict.WARN, text, mend)

    def fail(self, text: str, mend: str) -> Finding:
        """Say what must not stay like this."""
        return Finding(self.name, Verdict.FAIL, text, mend)


def examine(checks: Sequence[tuple[str, Check]]) -> Iterator[Finding]:
    """Run every check; one that breaks is a finding of its own and hides no other."""
    for area, check in checks:
        try:
            yield from check()
        except Exception as error:  # the rim: whatever is broken here, the other places are looked at
            log.exception("doctor.check_broke", extra={"area": area})
            yield Area(area).fail(
                f"could not be looked at: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
                if str(error)
                else f"could not be looked at: {type(error).__name__}",
                "see the line doctor.check_broke in the log",
            )


def summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give all lines with the counts, for --json."""
    counts = {verdict.value: sum(each.verdict is verdict for each in findings) for verdict in Verdict}
    return {
        "ok": counts[Verdict.FAIL] == 0,
        "counts": counts,
        "findings": [each.to_json() for each in findings],
    }
