"""The compiled heart of the back-tester: entry signals in, round trips out.

Called by `intelligence.backtest` and `intelligence.sweep`. The exits are trading's own scalar functions
(`trading.domain.exits`), compiled as they stand. Nothing outside this application imports it: numba costs
memory that live processes do not have to pay. Nothing is cached on disk, so nothing can be stale.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from trading.domain import exits
from trading.domain.exits import DATA_END, MAX_HOLD, NONE, TAKE_PROFIT, PriceRange
from trading.domain.signals import FloatArray, IntArray

BPS = exits.BPS
compiled = numba.njit(nogil=True)
tick_up = compiled(exits.tick_up)
tick_down = compiled(exits.tick_down)
exit_levels = compiled(exits.exit_levels)
exit_step = compiled(exits.exit_step)


class CandleArrays(NamedTuple):
    """Candles of all symbols one after the other; `run_ends[row]` is the row after the row's run.

    A run has no outage longer than a position is carried over, see backtest.MAX_OUTAGE_S.
    """

    open_s: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    run_ends: IntArray


class Costs(NamedTuple):
    """Of one side: fee as part of the notional, half the spread and slippage as part of the price."""

    fee: float
    half_spread: float
    slippage: float


class Wallet(NamedTuple):
    """What may be bound: quote asset per trade, in all, at the start, and how many trades at once.

    `max_slippage` and `max_spread` are parts of the price: the entry's limit above the ask, and the widest
    distance of ask and bid that is entered.
    """

    trade_notional: float
    budget: float
    balance: float
    max_open_trades: int
    cooldown_s: int
    max_slippage: float
    max_spread: float


class Steps(NamedTuple):
    """Rules of each symbol (symbol,): 1 / tick size, 1 / step size; and the least notional of an order."""

    ticks_per_unit: FloatArray
    steps_per_unit: FloatArray
    min_notional: float


ROUND_TRIP = np.dtype(
    [
        ("symbol", np.int64),
        ("signal_row", np.int64),
        ("exit_row", np.int64),
        ("entry_s", np.int64),
        ("exit_s", np.int64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("qty", np.float64),
        ("sold_qty", np.float64),
        ("pnl", np.float64),
        ("code", np.int64),
    ]
)
TripArray = npt.NDArray[np.void]
# Why a signal became no trade; the index of the counts that play_signals gives.
DENIED = (
    "NO_CANDLE_AFTER",
    "SYMBOL_BUSY",
    "WORKER_TRADES_FULL",
    "BUDGET_SPENT",
    "SPREAD_WIDE",
    "NOTIONAL_BELOW_MINIMUM",
    "NOT_FILLED",
)
NO_CANDLE_AFTER, SYMBOL_BUSY, TRADES_FULL, BUDGET_SPENT, SPREAD_WIDE, BELOW_MINIMUM, NOT_FILLED = range(
    len(DENIED)
)
ENTERED = len(DENIED)
FEE_STEPS_PER_UNIT = 1e8  # the venue takes its fee to the eighth decimal
# What floats make of a distance that is exactly the widest one allowed.
SPREAD_NOISE = 1e-9


@compiled
def follow(candles, levels, entry_row, entry_price, interval_s):  # type: ignore[no-untyped-def]  # compiled
    """Play a position from its entry at the open of a row: give exit row, price and code."""
    entry_s, highest = candles.open_s[entry_row], entry_price
    last_row = candles.run_ends[entry_row] - 1
    for row in range(entry_row, last_row + 1):
        prices = PriceRange(candles.open[row], candles.high[row], candles.low[row], candles.close[row])
        step = exit_step(levels, highest, prices, float(candles.open_s[row] + interval_s - entry_s))
        if step.code != NONE:
            return row, step.price, step.code
        highest = step.highest_price
    return last_row, candles.close[last_row], DATA_END


@compiled
def make_trip(candles, signal_row, steps, symbol, terms, costs, wallet, interval_s, trip):  # type: ignore[no-untyped-def]  # compiled
    """Buy at the open of the row after the signal and follow the position to its end, into `trip`.

    Gives ENTERED, or why there is no trade. Sized as live does: by the entry's limit price; what is sold
    is what its fee leaves of the purchase, down to the step, and must be sellable at the stop. The gain is
    that of what was sold; the rest keeps its share of the cost.
    """
    entry_row, ticks = signal_row + 1, steps.ticks_per_unit[symbol]
    price = candles.open[entry_row]
    ask, bid = (
        tick_up(price * (1.0 + costs.half_spread), ticks),
        tick_down(price * (1.0 - costs.half_spread), ticks),
    )
    if ask - bid > (wallet.max_spread + SPREAD_NOISE) * (ask + bid) / 2.0:
        return SPREAD_WIDE
    limit_price = tick_up(ask * (1.0 + wallet.max_slippage), ticks)
    entry_price = tick_up(ask * (1.0 + costs.slippage), ticks)
    qty = tick_down(wallet.trade_notional / limit_price, steps.steps_per_unit[symbol])
    received = qty - tick_down(qty * costs.fee, FEE_STEPS_PER_UNIT)
    sold_qty = tick_down(received, steps.steps_per_unit[symbol])
    levels = exit_levels(terms, ask, ticks)
    if sold_qty * levels.stop < steps.min_notional:
        return BELOW_MINIMUM
    if entry_price > limit_price:
        return NOT_FILLED
    # our own purchase is a trade like all others: a trailing stop begins at its price
    exit_row, exit_price, code = follow(candles, levels, entry_row, entry_price, interval_s)
    if code != TAKE_PROFIT:
        exit_price = tick_down(exit_price * (1.0 - costs.half_spread - costs.slippage), ticks)
    trip["symbol"], trip["signal_row"], trip["exit_row"], trip["code"] = symbol, signal_row, exit_row, code
    trip["entry_s"], trip["exit_s"] = candles.open_s[entry_row], candles.open_s[exit_row] + interval_s
    trip["entry_price"], trip["exit_price"] = entry_price, exit_price
    trip["qty"], trip["sold_qty"] = qty, sold_qty
    trip["pnl"] = sold_qty * exit_price * (1.0 - costs.fee) - qty * entry_price * (sold_qty / received)
    return ENTERED


@compiled
def play_signals(candles, symbols, rows, steps, terms, costs, wallet, interval_s, trips, denied):  # type: ignore[no-untyped-def]  # compiled
    """Play entry signals in their order against one wallet; give the number of round trips.

    The decision falls at the close of the signal's row and is filled at the open of the next one, at the ask
    with slippage. A target is a resting order: it fills at its price. Stops, time limits and the end of the
    data sell at the bid with slippage. A position sold for its time is sold just after the close, as live, so
    its symbol is still busy for a signal of that close.

    Args:
        candles: CandleArrays.
        symbols: Symbol of each signal (signal,), as an index of `steps`.
        rows: Row of each signal (signal,); signals sorted by time, then symbol.
        trips: ROUND_TRIP array to write to, one row per signal at most.
        denied: Counts per DENIED to add to.
    """
    made, bound, cash, open_count = 0, 0.0, wallet.balance, 0
    free_s = np.zeros(len(steps.ticks_per_unit), np.int64)
    until_s = np.zeros(wallet.max_open_trades, np.int64)
    trip_of = np.zeros(wallet.max_open_trades, np.int64)
    for signal in range(len(rows)):
        symbol, row = symbols[signal], rows[signal]
        now_s, place = candles.open_s[row] + interval_s, 0
        if now_s < free_s[symbol]:
            denied[SYMBOL_BUSY] += 1
            continue
        if row + 1 >= candles.run_ends[row] or candles.open_s[row + 1] != now_s:
            denied[NO_CANDLE_AFTER] += 1  # live has no quote to decide at
            continue
        while place < open_count:  # give back what has ended
            if until_s[place] > now_s:
                place += 1
                continue
            ended = trips[trip_of[place]]
            bound -= ended["qty"] * ended["entry_price"]
            cash += ended["sold_qty"] * ended["exit_price"] * (1.0 - costs.fee)
            open_count -= 1
            until_s[place], trip_of[place] = until_s[open_count], trip_of[open_count]
        if open_count >= wallet.max_open_trades:
            denied[TRADES_FULL] += 1
            continue
        if min(wallet.budget - bound, cash) < wallet.trade_notional:
            denied[BUDGET_SPENT] += 1
            continue
        outcome = make_trip(candles, row, steps, symbol, terms, costs, wallet, interval_s, trips[made])
        if outcome != ENTERED:
            denied[outcome] += 1
            continue
        trip = trips[made]
        still_held_s = 1 if trip["code"] == MAX_HOLD else 0
        free_s[symbol] = trip["exit_s"] + max(still_held_s, wallet.cooldown_s)
        until_s[open_count], trip_of[open_count] = trip["exit_s"] + still_held_s, made
        bound += trip["qty"] * trip["entry_price"]
        cash -= trip["qty"] * trip["entry_price"]
        open_count, made = open_count + 1, made + 1
    return made
