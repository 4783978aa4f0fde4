"""What judging a criterion comes to, and the short forms that judges use. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a criterion comes to."""

    MET = "met"
    NOT_MET = "not met"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True)
class Measured:
    """A judged criterion: the value in words, over which window, and what is missing."""

    value: str
    verdict: Verdict
    window: str
    missing: str = ""


def missing(what: str, value: str = "not measured", window: str = "-") -> Measured:
    """Say what is missing for a verdict."""
    return Measured(value, Verdict.NOT_ENOUGH_DATA, window, what)


def judged(is_met: bool, value: str, window: str) -> Measured:  # noqa: FBT001 -- the one thing it is about
    """Give the verdict."""
    return Measured(value, Verdict.MET if is_met else Verdict.NOT_MET, window)
