"""What closed trades come to when they are cut by symbol, hour, version, holding time, return or exit.

Called by services.figures (past days, kept) and selectors.analysis (trades since). Pure. Money is Decimal;
returns are float, in bps of what the entry cost, after all fees.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from trading.domain.performance import Z_95, wilson_interval
from trading.domain.values import BPS, PLACES, ZERO

# Upper bounds of the holding times that are told apart, in seconds; what is longer comes after the last.
HOLD_BOUNDS_S = (10, 30, 60, 300, 900, 3600, 4 * 3600, 86_400)
RETURN_STEP_BPS = 10
# Returns beyond this many steps are counted together at either end.
RETURN_STEPS = 10


class Cut(StrEnum):
    """By what trades are told apart; the key of ALL is empty."""

    ALL = "ALL"
    SYMBOL = "SYMBOL"
    HOUR = "HOUR"  # of the entry, UTC: 0 to 23
    VERSION = "VERSION"  # id of the worker's version
    HOLD = "HOLD"  # place in HOLD_BOUNDS_S
    RETURN = "RETURN"  # step of RETURN_STEP_BPS that it lies in, rounded down
    EXIT = "EXIT"


@dataclass(frozen=True, slots=True)
class Ended:
    """One closed trade. Amounts in the quote asset; None = not known."""

    worker_id: int
    version_id: int
    symbol: str
    quote_asset: str
    opened_at: datetime | None
    closed_at: datetime
    exit_reason: str
    entry_notional: Decimal
    exit_notional: Decimal
    fees: Decimal | None
    pnl: Decimal | None
    entry_slippage_bps: Decimal | None
    exit_slippage_bps: Decimal | None

    @property
    def held_s(self) -> float:
        """How long something was held, in seconds."""
        return (self.closed_at - self.opened_at).total_seconds() if self.opened_at else 0.0

    @property
    def return_bps(self) -> float | None:
        """What it brought of what it cost, after fees; None where that is not known."""
        if self.pnl is None or not self.entry_notional:
            return None
        return float(self.pnl / self.entry_notional * BPS)


@dataclass(slots=True)
class Tally:
    """Sums of closed trades of one quote asset. `unknown` counts those whose PnL is not known.

    `slipped_in` and `slipped_out` are what was paid more and received less than decided; trades of which
    that is not known add nothing, and are counted in `slip_unknown`. `measured` trades have a return.
    """

    trades: int = 0
    wins: int = 0
    unknown: int = 0
    pnl: Decimal = ZERO
    fees: Decimal = ZERO
    gains: Decimal = ZERO
    losses: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    slipped_in: Decimal = ZERO
    slipped_out: Decimal = ZERO
    slip_unknown: int = 0
    measured: int = 0
    return_sum_bps: float = 0.0
    return_squares: float = 0.0
    held_s: float = 0.0

    def count(self, trade: Ended) -> None:
        """Take in a trade."""
        self.trades += 1
        self.fees += trade.fees or ZERO
        self.bought += trade.entry_notional
        self.sold += trade.exit_notional
        self.held_s += trade.held_s
        self._count_pnl(trade.pnl)
        slips = trade.entry_slippage_bps, trade.exit_slippage_bps
        self.slipped_in += _part(trade.entry_notional, slips[0])
        self.slipped_out += _part(trade.exit_notional, slips[1])
        self.slip_unknown += None in slips
        if (got := trade.return_bps) is not None:
            self.measured += 1
            self.return_sum_bps += got
            self.return_squares += got * got

    def _count_pnl(self, pnl: Decimal | None) -> None:
        if pnl is None:
            self.unknown += 1
            return
        self.pnl += pnl
        self.wins += pnl > 0
        self.gains += max(pnl, ZERO)
        self.losses += min(pnl, ZERO)

    def add(self, other: Tally) -> None:
        """Take in what other trades come to. Named one by one: a page calls it thousands of times."""
        self.trades += other.trades
        self.wins += other.wins
        self.unknown += other.unknown
        self.pnl += other.pnl
        self.fees += other.fees
        self.gains += other.gains
        self.losses += other.losses
        self.bought += other.bought
        self.sold += other.sold
        self.slipped_in += other.slipped_in
        self.slipped_out += other.slipped_out
        self.slip_unknown += other.slip_unknown
        self.measured += other.measured
        self.return_sum_bps += other.return_sum_bps
        self.return_squares += other.return_squares
        self.held_s += other.held_s

    @property
    def win_rate(self) -> float | None:
        """Share of the trades of known PnL that made money."""
        known = self.trades - self.unknown
        return self.wins / known if known else None

    @property
    def win_range(self) -> tuple[float, float] | None:
        """Where the true win rate lies, with 95 % confidence."""
        return wilson_interval(self.wins, self.trades - self.unknown)

    @property
    def profit_factor(self) -> float | None:
        """Gains by losses; None while nothing was lost."""
        return float(self.gains / -self.losses) if self.losses else None

    @property
    def slippage(self) -> Decimal:
        """What slippage cost, in the quote asset."""
        return self.slipped_in + self.slipped_out

    @property
    def turnover(self) -> Decimal:
        """What was bought and sold."""
        return self.bought + self.sold

    @property
    def mean_held_s(self) -> float | None:
        """Mean holding time."""
        return self.held_s / self.trades if self.trades else None

    @property
    def mean_return_bps(self) -> float | None:
        """Mean return of a trade."""
        return self.return_sum_bps / self.measured if self.measured else None

    @property
    def return_variance(self) -> float | None:
        """Variance of the returns, in square bps; None for fewer than two."""
        if self.measured < 2:
            return None
        mean = self.return_sum_bps / self.measured
        spread = self.return_squares - self.measured * mean * mean
        return max(spread, 0.0) / (self.measured - 1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the range in which the true one lies, with 95 % confidence, by the normal distribution."""

    mean: float
    low: float
    high: float

    @property
    def is_told_apart(self) -> bool:
        """Tell whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def mean_return(tally: Tally) -> Estimate | None:
    """Give the mean return of a trade in bps; None for fewer than two trades."""
    mean, variance = tally.mean_return_bps, tally.return_variance
    if mean is None or variance is None:
        return None
    return _estimate(mean, variance / tally.measured)


def difference(before: Tally, after: Tally) -> Estimate | None:
    """Give how much more a trade returned after than before, in bps; None for fewer than two on a side.

    Source: B. L. Welch, The significance of the difference between two means (1938), Biometrika 29.
    """
    first, second = mean_return(before), mean_return(after)
    if first is None or second is None:
        return None
    errors = (
        (before.return_variance or 0.0) / before.measured,
        (after.return_variance or 0.0) / after.measured,
    )
    return _estimate(second.mean - first.mean, sum(errors))


def _estimate(mean: float, squared_error: float) -> Estimate:
    reach = Z_95 * math.sqrt(squared_error)
    return Estimate(mean, mean - reach, mean + reach)


Key = tuple[str, int | None, Cut, str]


def cut(trades: Iterable[Ended], *, wanted: Callable[[Key], bool] = lambda key: True) -> dict[Key, Tally]:
    """Cut trades in every way: by quote asset, by worker (None = all workers), by Cut and its key."""
    found: dict[Key, Tally] = {}
    for trade in trades:
        alone = Tally()
        alone.count(trade)
        for key in filter(wanted, _keys(trade)):
            found.setdefault(key, Tally()).add(alone)
    return found


def _keys(trade: Ended) -> Iterator[Key]:
    for kind, key in _places(trade):
        yield trade.quote_asset, trade.worker_id, kind, key
        if kind is not Cut.VERSION:  # a version has one worker
            yield trade.quote_asset, None, kind, key


def _places(trade: Ended) -> Iterator[tuple[Cut, str]]:
    entered_at = (trade.opened_at or trade.closed_at).astimezone(UTC)
    yield Cut.ALL, ""
    yield Cut.SYMBOL, trade.symbol
    yield Cut.HOUR, str(entered_at.hour)
    yield Cut.VERSION, str(trade.version_id)
    yield Cut.HOLD, str(bisect_right(HOLD_BOUNDS_S, trade.held_s))
    yield Cut.EXIT, trade.exit_reason
    if (got := trade.return_bps) is not None:
        step = math.floor(got / RETURN_STEP_BPS)
        yield Cut.RETURN, str(min(max(step, -RETURN_STEPS - 1), RETURN_STEPS))


def _part(amount: Decimal, bps: Decimal | None) -> Decimal:
    return (amount * bps / BPS).quantize(PLACES) if bps is not None else ZERO


def falls(levels: Sequence[Decimal]) -> list[Decimal]:
    """Give how far each level lies below the highest one so far; 0 at a peak. The first peak is 0."""
    peak, found = ZERO, []
    for level in levels:
        peak = max(peak, level)
        found.append(level - peak)
    return found
