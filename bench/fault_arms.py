"""What a row of the table of faults is made of: the fault, our answer to it, and the ways to arm it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of arming a fault.

    Args:
        params: Parameters of the venue's fault.
        count: How often it strikes; None = until it is cleared, `lasts_s` after arming.
        lasts_s: Seconds from arming to the end of a fault that does not end by its count; for one that
            strikes at the moment of arming, how long its effect lasts of itself.
        quick: Parameters that differ where all waits are shorter, in the tests' one process.
        is_live_only: So like another form that the tests leave it to the running stack.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    count: int | None = 3
    lasts_s: float = 0.0
    quick: Mapping[str, object] = field(default_factory=dict)
    is_live_only: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what happens, what we do about it, and the ways to arm it.

    Args:
        provocation: What is done to the running stack instead of arming a fault, by name.
        besides: Faults (number, count) armed along, so that this one finds something to strike.
        nudges: Tasks given to the queue while the fault waits to strike, as the clock does less often.
        is_idle: Nothing that we send can be struck; the row proves that.
        is_fed: The fault lies in the market's stream.
        symbols: Which symbol must reach its target and which must run out of time, where it matters.
    """

    number: int
    title: str
    answer: str
    arms: tuple[Arm, ...]
    provocation: str = ""
    besides: tuple[tuple[int, int | None], ...] = ()
    nudges: tuple[str, ...] = ()
    is_idle: bool = False
    is_fed: bool = False
    symbols: tuple[str, str] | None = None


def row(number: int, title: str, answer: str, *arms: Arm, **special: Any) -> Row:
    """Make a row; without arms the fault is armed three times with its defaults."""
    return Row(number, title, answer, arms or (Arm(),), **special)


Quick = Mapping[str, object]


def until_cleared(lasts_s: float, quick: Quick | None = None, **params: object) -> Arm:
    """Arm for so many seconds."""
    return Arm(params, None, lasts_s, quick or {})


def at_once(lasts_s: float = 0.0, quick: Quick | None = None, **params: object) -> Arm:
    """Arm a fault that strikes in the moment of arming, and whose effect lasts so many seconds."""
    return Arm(params, 1, lasts_s, quick or {})


def times(count: int, quick: Quick | None = None, **params: object) -> Arm:
    """Arm for so many strikes."""
    return Arm(params, count, 0.0, quick or {})


def live_only(arm: Arm) -> Arm:
    """Leave this form to the running stack."""
    return replace(arm, is_live_only=True)
