"""What a row of the table of faults is made of: the fault, our answer to it, and the ways to arm it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of arming a fault.

    Args:
        params: Parameters of the venue's fault.
        count: How often it strikes; None = until it is cleared, `lasts_s` after arming.
        lasts_s: Seconds from arming to the end of a fault that does not end by its count; for one that
            strikes at the moment of arming, how long its effect lasts of itself.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    count: int | None = 3
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what happens, what we do about it, and the ways to arm it.

    `provocation` names what the drivers do besides, so that the fault finds something to strike.
    """

    number: int
    title: str
    answer: str
    arms: tuple[Arm, ...]
    provocation: str = ""


def row(number: int, title: str, answer: str, *arms: Arm, provocation: str = "") -> Row:
    """Make a row; without arms the fault is armed three times with its defaults."""
    return Row(number, title, answer, arms or (Arm(),), provocation)


def until_cleared(lasts_s: float, **params: object) -> Arm:
    """Arm for so many seconds."""
    return Arm(params, None, lasts_s)


def at_once(lasts_s: float = 0.0, **params: object) -> Arm:
    """Arm a fault that strikes in the moment of arming, and whose effect lasts so many seconds."""
    return Arm(params, 1, lasts_s)


def times(count: int, **params: object) -> Arm:
    """Arm for so many strikes."""
    return Arm(params, count)
