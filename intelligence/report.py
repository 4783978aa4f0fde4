"""A back-test's figures, as JSON with the keys that scripts rely on and as a table for people.

Called by the commands of this application. The figures are those of trading.domain.performance, from the
same trades that live would have closed; what is not known is null, never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from intelligence.backtest import Market, Outcome, Plan
from intelligence.trade_kernel import TripArray
from trading.domain.exits import ExitCode
from trading.domain.performance import ClosedTrade, Performance, summarise

DAY_S = 86_400


def closed_trades(trips: TripArray) -> list[ClosedTrade]:
    """Give round trips as trades; amounts to eight places."""
    notional = trips["qty"] * trips["entry_price"]
    columns = (trips["entry_s"], trips["exit_s"], trips["pnl"], notional)
    return [
        ClosedTrade(
            datetime.fromtimestamp(entry_s, tz=UTC),
            datetime.fromtimestamp(exit_s, tz=UTC),
            Decimal(f"{pnl:.8f}"),
            Decimal(f"{bought:.8f}"),
        )
        for entry_s, exit_s, pnl, bought in zip(*(column.tolist() for column in columns), strict=True)
    ]


def exact(amount: float) -> Decimal:
    """Give an amount of a plan as money."""
    return Decimal(str(amount))


def days_of(market: Market) -> list[date]:
    """Give the days (UTC) that the market has candles of."""
    numbers = np.unique(market.arrays.open_s // DAY_S)
    return [datetime.fromtimestamp(number * DAY_S, tz=UTC).date() for number in numbers.tolist()]


def performance(trips: TripArray, *, balance: float, days: Collection[date]) -> Performance:
    """Give the figures of round trips."""
    return summarise(closed_trades(trips), starting_equity=exact(balance), days=days)


def to_json(plan: Plan, market: Market, outcome: Outcome, *, taken_s: float) -> dict[str, Any]:
    """Give the figures of a back-test; net of fees, spread and slippage.

    Args:
        taken_s: Seconds of finding signals and playing them, without reading files and compiling.
    """
    days, balance = days_of(market), plan.wallet.balance
    return {
        **figures(performance(outcome.trips, balance=balance, days=days)),
        "bars": market.bars,
        "bars_per_s": round(market.bars / taken_s, 1),
        "per_symbol": {
            symbol: figures(
                performance(outcome.trips[outcome.trips["symbol"] == number], balance=balance, days=days)
            )
            for number, symbol in enumerate(market.symbols)
        },
    }


def figures(of: Performance) -> dict[str, Any]:
    """Give the figures with the keys that scripts rely on."""
    return {
        "trades": of.trades,
        "win_rate": of.win_rate,
        "profit_factor": of.profit_factor,
        "net_return": of.net_return,
        "expectancy_bps": of.expectancy_bps,
        "max_drawdown": of.max_drawdown,
        "sharpe": of.sharpe,
    }


def to_text(plan: Plan, market: Market, outcome: Outcome, *, taken_s: float) -> str:
    """Give the figures as lines for a terminal."""
    days = days_of(market)
    total = performance(outcome.trips, balance=plan.wallet.balance, days=days)
    costs = plan.costs
    codes = np.bincount(outcome.trips["code"], minlength=len(ExitCode)).tolist()
    lines = [
        f"{plan.spec.name}: {market.bars:,} candles, {len(days)} days, "
        f"{market.bars / taken_s / 1e6:.1f} million candles a second",
        f"costs a side: fee {costs.fee_bps:g} bps, half the spread {costs.spread_bps / 2:g}, "
        f"slippage {costs.slippage_bps:g}; a target pays the fee alone",
        "",
        *table(_rows(plan, market, outcome, total, days)),
        "",
        f"win rate {interval(total)} (95 %) · Sharpe {number(total.sharpe, '.2f')} · "
        f"exposure {number(total.exposure, '.1%')} · turnover {number(total.turnover, '.2f')} a day",
        "left by " + ", ".join(f"{ExitCode(code).name} {count}" for code, count in enumerate(codes) if count)
        if outcome.trips.size
        else "no trade",
        f"{outcome.signals:,} signals; not taken: "
        + (", ".join(f"{code} {count}" for code, count in outcome.denied.items() if count) or "none"),
    ]
    return "\n".join(lines)


def _rows(
    plan: Plan, market: Market, outcome: Outcome, total: Performance, days: Collection[date]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("symbol", "trades", "win rate", "profit factor", "bps a trade", "net return", "drawdown")
    ]
    for place, symbol in enumerate(market.symbols):
        trips = outcome.trips[outcome.trips["symbol"] == place]
        rows.append(_row(symbol, performance(trips, balance=plan.wallet.balance, days=days)))
    return [*rows, _row("all", total)]


def _row(name: str, figures: Performance) -> tuple[str, ...]:
    return (
        name,
        str(figures.trades),
        number(figures.win_rate, ".1%"),
        number(figures.profit_factor, ".2f"),
        number(figures.expectancy_bps, "+.1f"),
        number(figures.net_return, "+.2%"),
        number(figures.max_drawdown, ".2%"),
    )


def interval(figures: Performance) -> str:
    """Give the range of the win rate."""
    return f"{number(figures.win_rate_low, '.1%')} to {number(figures.win_rate_high, '.1%')}"


def number(value: float | None, layout: str) -> str:
    """Give a figure, or a dash where it is not known."""
    return "–" if value is None else format(value, layout)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Give rows in columns, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
