"""What a row of closed trades was worth: win rate with its doubt, profit factor, drawdown, Sharpe, turnover.

Back-test, learning and dashboard use these. Money stays Decimal; ratios and statistics are float.
What cannot be known from the trades given is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist

DAYS_A_YEAR = 365  # this market never closes
DAY_S = 86_400
Z_95 = 1.959964  # two-sided 95 % of the normal distribution
EULER = 0.5772156649


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One round trip after all fees; pnl and entry notional in the quote asset."""

    opened_at: datetime
    closed_at: datetime
    pnl: Decimal
    entry_notional: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a row of trades; ratios are 1 = whole."""

    trades: int
    wins: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    profit_factor: float | None
    expectancy_bps: float | None
    net_pnl: Decimal
    net_return: float
    max_drawdown: float
    sharpe: float | None
    exposure: float | None
    turnover: float | None


def wilson_interval(wins: int, trades: int, z: float = Z_95) -> tuple[float, float] | None:
    """Give the range in which the true win rate lies with 95 % confidence; None without trades.

    Source: E. B. Wilson, Probable Inference (1927), Journal of the American Statistical Association 22.
    """
    if trades <= 0:
        return None
    rate, square = wins / trades, z * z
    centre = rate + square / (2 * trades)
    reach = z * math.sqrt(rate * (1 - rate) / trades + square / (4 * trades * trades))
    scale = 1 + square / trades
    low, high = (centre - reach) / scale, (centre + reach) / scale
    # Rounding may carry an end past the rate itself where nothing, or everything, was won.
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))


def win_rate(pnls: Sequence[Decimal]) -> float | None:
    """Give the share of trades that made money after fees; None without trades."""
    return sum(pnl > 0 for pnl in pnls) / len(pnls) if pnls else None


def profit_factor(pnls: Sequence[Decimal]) -> float | None:
    """Give gains divided by losses; None while nothing was lost, since it would be endless."""
    gains = sum((pnl for pnl in pnls if pnl > 0), Decimal(0))
    losses = -sum((pnl for pnl in pnls if pnl < 0), Decimal(0))
    return float(gains / losses) if losses else None


def expectancy_bps(trades: Sequence[ClosedTrade]) -> float | None:
    """Give the mean return of a trade on its entry notional in bps; None without trades."""
    if not trades:
        return None
    return float(sum((trade.pnl / trade.entry_notional for trade in trades), Decimal(0)) / len(trades)) * 1e4


def equity_curve(pnls: Sequence[Decimal], *, starting_equity: Decimal) -> list[Decimal]:
    """Give equity before the first and after each trade."""
    curve = [starting_equity]
    for pnl in pnls:
        curve.append(curve[-1] + pnl)
    return curve


def max_drawdown(equity: Sequence[Decimal]) -> float:
    """Give the deepest fall from a peak as a ratio of the peak, 0 without any."""
    deepest, peak = Decimal(0), None
    for value in equity:
        peak = value if peak is None else max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak)
    return float(deepest)


def sharpe_ratio(
    trades: Sequence[ClosedTrade], *, starting_equity: Decimal, days: Collection[date] | None = None
) -> float | None:
    """Give the yearly Sharpe ratio of daily returns, days without trades included, riskless rate 0.

    None for fewer than two days or where every day was the same.
    Source: W. F. Sharpe, The Sharpe Ratio (1994), Journal of Portfolio Management 21.

    Args:
        days: The days (UTC) that were looked at; without them all from the first close to the last.
    """
    returns = daily_returns(trades, starting_equity=starting_equity, days=days)
    if len(returns) < 2:
        return None
    mean = sum(returns) / len(returns)
    variance = sum((value - mean) ** 2 for value in returns) / (len(returns) - 1)
    return mean / math.sqrt(variance) * math.sqrt(DAYS_A_YEAR) if variance > 0 else None


def deflated_sharpe(returns: Sequence[float], *, trials: int, trial_sharpe_variance: float) -> float | None:
    """Give the probability that the true Sharpe ratio is above what the best of many tries reaches by luck.

    Args:
        returns: Of equal periods, of the chosen try.
        trials: How many were tried; 1 makes it the plain probability of a Sharpe ratio above 0.
        trial_sharpe_variance: Variance of the tries' Sharpe ratios of one period.

    Returns:
        0 to 1; None for fewer than three returns or where all are the same.

    Source: D. Bailey, M. López de Prado, The Deflated Sharpe Ratio (2014), J. of Portfolio Management 40.
    """
    count = len(returns)
    mean = sum(returns) / count if count else 0.0
    moments = [sum((value - mean) ** power for value in returns) / max(count, 1) for power in (2, 3, 4)]
    if count < 3 or moments[0] <= 0.0:
        return None
    sharpe = mean / math.sqrt(moments[0])
    skew, kurtosis = moments[1] / moments[0] ** 1.5, moments[2] / moments[0] ** 2
    by_luck = 0.0
    if trials > 1:
        normal = NormalDist()
        by_luck = math.sqrt(trial_sharpe_variance) * (
            (1 - EULER) * normal.inv_cdf(1 - 1 / trials) + EULER * normal.inv_cdf(1 - 1 / (trials * math.e))
        )
    doubt = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return NormalDist().cdf((sharpe - by_luck) * math.sqrt((count - 1) / max(doubt, 1e-12)))


def exposure(
    trades: Sequence[ClosedTrade], *, starting_equity: Decimal, days: Collection[date]
) -> float | None:
    """Give the mean of what was bound in positions, as a ratio of the starting equity; None without days."""
    if not days:
        return None
    bound = sum(
        float(trade.entry_notional) * (trade.closed_at - trade.opened_at).total_seconds() for trade in trades
    )
    return bound / float(starting_equity) / (len(days) * DAY_S)


def turnover(
    trades: Sequence[ClosedTrade], *, starting_equity: Decimal, days: Collection[date]
) -> float | None:
    """Give what was bought a day, as a ratio of the starting equity; None without days."""
    if not days:
        return None
    bought = sum((trade.entry_notional for trade in trades), Decimal(0))
    return float(bought / starting_equity) / len(days)


def summarise(
    trades: Sequence[ClosedTrade], *, starting_equity: Decimal, days: Collection[date] | None = None
) -> Performance:
    """Give all figures of trades in any order.

    Args:
        days: The days (UTC) that were looked at; exposure and turnover are unknown without them.

    Raises:
        ValueError: The starting equity is not positive.
    """
    if starting_equity <= 0:
        raise ValueError(f"starting_equity must be above 0, not {starting_equity}")
    ordered = sorted(trades, key=lambda trade: trade.closed_at)  # the curve follows time
    pnls = [trade.pnl for trade in ordered]
    wins = sum(pnl > 0 for pnl in pnls)
    interval = wilson_interval(wins, len(pnls))
    net = sum(pnls, Decimal(0))
    return Performance(
        trades=len(pnls),
        wins=wins,
        win_rate=win_rate(pnls),
        win_rate_low=interval[0] if interval else None,
        win_rate_high=interval[1] if interval else None,
        profit_factor=profit_factor(pnls),
        expectancy_bps=expectancy_bps(ordered),
        net_pnl=net,
        net_return=float(net / starting_equity),
        max_drawdown=max_drawdown(equity_curve(pnls, starting_equity=starting_equity)),
        sharpe=sharpe_ratio(ordered, starting_equity=starting_equity, days=days),
        exposure=exposure(ordered, starting_equity=starting_equity, days=days or ()),
        turnover=turnover(ordered, starting_equity=starting_equity, days=days or ()),
    )


def daily_returns(
    trades: Sequence[ClosedTrade], *, starting_equity: Decimal, days: Collection[date] | None = None
) -> list[float]:
    """Give each day's gain as a ratio of the equity it began with, until there is none left.

    Args:
        days: As in sharpe_ratio.
    """
    by_day: dict[date, Decimal] = {}
    for trade in trades:
        day = trade.closed_at.date()
        by_day[day] = by_day.get(day, Decimal(0)) + trade.pnl
    equity, returns = starting_equity, []
    for day in sorted(_days_between(by_day) if days is None else {*days, *by_day}):
        if equity <= 0:
            break
        gain = by_day.get(day, Decimal(0))
        returns.append(float(gain / equity))
        equity += gain
    return returns


def _days_between(days: Collection[date]) -> list[date]:
    if not days:
        return []
    first = min(days)
    return [first + timedelta(days=number) for number in range((max(days) - first).days + 1)]
