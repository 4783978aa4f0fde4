"""Where the lines and bars of a plot lie: pure geometry for the templates, which draw it as SVG.

A plot is stretched to its place, so its own units mean nothing and its labels stand beside it as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

WIDTH, HEIGHT = 1000.0, 300.0
# More points than this are not told apart on any screen.
MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """A line over time: its corners, the same as an area down to 0, and what its edges stand for."""

    points: str
    area: str
    zero_y: float
    low: Decimal
    high: Decimal
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from 0 to a value: where it begins and how long it is, of 100."""

    start: float
    length: float
    is_loss: bool

    @property
    def top(self) -> float:
        """Where it begins from above, when it stands upright."""
        return round(100.0 - self.start - self.length, 2)


def line(
    values: Sequence[tuple[datetime, Decimal]],
    *,
    begin: datetime,
    end: datetime,
    low: Decimal | None = None,
    high: Decimal | None = None,
) -> Line:
    """Draw values (oldest first) that begin at 0; 0 is always in the picture.

    Args:
        low: The lower edge where several lines share it; the least value otherwise.
        high: The upper edge likewise.
    """
    everything = [Decimal(0), *(value for _, value in values)]
    low = min(everything) if low is None else low
    high = max(everything) if high is None else high
    span_s = max((end - begin).total_seconds(), 1.0)
    height = float(high - low) or 1.0

    def place(at: datetime, value: Decimal) -> tuple[float, float]:
        x = WIDTH * (at - begin).total_seconds() / span_s
        return min(max(x, 0.0), WIDTH), HEIGHT * float(high - value) / height

    corners = [place(begin, Decimal(0)), *(place(at, value) for at, value in _thinned(values, begin, span_s))]
    corners.append((WIDTH, corners[-1][1]))
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    zero_y = HEIGHT * float(high) / height
    area = f"0,{zero_y:.1f} {text} {WIDTH:.0f},{zero_y:.1f}"
    return Line(text, area, round(zero_y, 1), low, high, begin, end)


def _thinned(
    values: Sequence[tuple[datetime, Decimal]], begin: datetime, span_s: float
) -> list[tuple[datetime, Decimal]]:
    """Keep the last value of each of MOST_POINTS equal times."""
    if len(values) <= MOST_POINTS:
        return list(values)
    last = {int(MOST_POINTS * (at - begin).total_seconds() / span_s): (at, value) for at, value in values}
    return list(last.values())


def bars(values: Sequence[Decimal | int]) -> list[Bar]:
    """Draw values beside each other on one scale, losses to the other side of 0."""
    numbers = [float(value) for value in values]
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    scale = 100.0 / ((high - low) or 1.0)
    return [
        Bar(
            round((min(number, 0.0) - low) * scale, 2),
            round(abs(number) * scale, 2),
            number < 0,
        )
        for number in numbers
    ]
