"""The back-tester held against the live services: the same plan on the same candles, trade by trade.

Called by `manage.py replay`, its test and its benchmark. Two trades are the same where symbol, signal, entry
and end, both prices, both quantities and the reason agree exactly, and the gain to a millionth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from intelligence.backtest import Market, Outcome, Plan
from intelligence.plans import config_of_plan
from trading.domain.exits import DATA_END, MAX_HOLD, STOP_LOSS, TAKE_PROFIT, TRAILING
from trading.domain.trades import ExitReason
from trading.domain.values import ONE
from trading.replay.market import Costs, Tape
from trading.replay.play import ReplayedTrade, play

REASONS = {
    TAKE_PROFIT: ExitReason.TAKE_PROFIT.value,
    STOP_LOSS: ExitReason.STOP_LOSS.value,
    TRAILING: ExitReason.TRAILING.value,
    MAX_HOLD: ExitReason.MAX_HOLD.value,
    DATA_END: ExitReason.MANUAL.value,  # the replay sells what is left, as an operator would
}
BPS = Decimal(10_000)
PNL_NOISE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Difference:
    """A trade that only one side has, or that they have differently."""

    tested: ReplayedTrade | None
    replayed: ReplayedTrade | None


def replay(plan: Plan, market: Market, *, done: Callable[[int], object] = bool) -> list[ReplayedTrade]:
    """Let the live services trade the plan over the market's candles, on this thread's empty database.

    Raises:
        ValueError: No worker can be like that, or a symbol's quote asset is not known.
    """
    costs = plan.costs
    tapes = [
        Tape(each.symbol, each.candles, each.ticks_per_unit, each.steps_per_unit) for each in market.histories
    ]
    model = costs.costs()
    return play(
        config_of_plan(plan, market),
        tapes,
        costs=Costs(Decimal(str(costs.fee_bps)) / BPS, model.half_spread, model.slippage),
        balance=Decimal(str(plan.wallet.balance)),
        done=done,
    )


def tested_trades(market: Market, outcome: Outcome) -> list[ReplayedTrade]:
    """Give a back-test's round trips in the ledger's words: prices on the tick, quantities on the step."""
    trades = []
    open_s = market.arrays.open_s
    for trip in outcome.trips:
        history = market.histories[trip["symbol"]]
        ticks, steps = Decimal(int(history.ticks_per_unit)), Decimal(int(history.steps_per_unit))
        trades.append(
            ReplayedTrade(
                symbol=history.symbol,
                decided_on=_moment(open_s[trip["signal_row"]]),
                entered_at=_moment(trip["entry_s"]),
                left_at=_moment(trip["exit_s"]),
                entry_price=round(trip["entry_price"] * float(ticks)) / ticks,
                exit_price=round(trip["exit_price"] * float(ticks)) / ticks,
                qty=round(trip["qty"] * float(steps)) / steps,
                sold_qty=round(trip["sold_qty"] * float(steps)) / steps,
                pnl=Decimal(repr(float(trip["pnl"]))),
                reason=REASONS[int(trip["code"])],
            )
        )
    return trades


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC)


def differences(tested: Sequence[ReplayedTrade], replayed: Sequence[ReplayedTrade]) -> list[Difference]:
    """Give what the two sides do not have in common, in time."""
    by_key = {(each.symbol, each.decided_on): each for each in replayed}
    found = []
    for each in tested:
        other = by_key.pop((each.symbol, each.decided_on), None)
        if other is None or not is_same(each, other):
            found.append(Difference(each, other))
    found += [Difference(None, each) for each in by_key.values()]
    return sorted(found, key=_place)


def _place(difference: Difference) -> tuple[datetime, str]:
    known = difference.tested or difference.replayed
    assert known is not None
    return known.decided_on, known.symbol


def is_same(one: ReplayedTrade, other: ReplayedTrade) -> bool:
    """Tell whether two trades agree; a candle's events are in its last second."""
    exact = (
        "symbol",
        "decided_on",
        "entered_at",
        "entry_price",
        "exit_price",
        "qty",
        "sold_qty",
        "reason",
    )
    return (
        all(getattr(one, name) == getattr(other, name) for name in exact)
        and abs((one.left_at - other.left_at).total_seconds()) < 1.0
        and abs(one.pnl - other.pnl) <= PNL_NOISE * (ONE + one.qty * one.entry_price)
    )
