"""The compiled heart of the back-tester: entry signals in, round trips out.

Called by `intelligence.backtest` and `intelligence.sweep`. The exits are trading's own scalar functions
(`trading.domain.exits`), compiled as they stand. Nothing outside this application imports it: numba costs
memory that live processes do not have to pay. Nothing is cached on disk, so nothing can be stale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from trading.domain import exits, risk_score
from trading.domain.exits import DATA_END, MAX_HOLD, NONE, TAKE_PROFIT, PriceRange
from trading.domain.risk_score import HISTORY, NO_RISK_LIMIT
from trading.domain.signals import FloatArray, IntArray

BPS = exits.BPS
compiled = numba.njit(nogil=True)
# Called by compiled code alone: without a door for Python, the whole compiles a quarter faster.
_DOORLESS: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner = numba.njit(nogil=True, **_DOORLESS)
tick_up = inner(exits.tick_up)
tick_down = inner(exits.tick_down)
exit_levels = inner(exits.exit_levels)
exit_step = inner(exits.exit_step)
hourly_volatility_bps = inner(risk_score.hourly_volatility_bps)
largest_jump_bps = inner(risk_score.largest_jump_bps)
pattern = inner(risk_score.pattern)
comovement = inner(risk_score.comovement)
risk_points = inner(risk_score.risk_points)
total_score = inner(risk_score.total_score)
size_percent = inner(risk_score.size_percent)


class CandleArrays(NamedTuple):
    """Candles of all symbols one after the other; `run_ends[row]` is the row after the row's run.

    A run has no outage longer than a position is carried over, see backtest.MAX_OUTAGE_S. A symbol's rows go
    from `bounds[symbol]` to before `bounds[symbol + 1]`.
    """

    open_s: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    run_ends: IntArray
    bounds: IntArray


class Costs(NamedTuple):
    """Of one side: fee as part of the notional, half the spread and slippage as part of the price."""

    fee: float
    half_spread: float
    slippage: float


class Wallet(NamedTuple):
    """What may be bound: quote asset per trade, in all, at the start, and how many trades at once.

    `max_slippage` and `max_spread` are parts of the price: the entry's limit above the ask, and the widest
    distance of ask and bid that is entered. `full_size_risk` and `max_risk` are risk scores, see
    trading.domain.risk_score.size_percent.
    """

    trade_notional: float
    budget: float
    balance: float
    max_open_trades: int
    cooldown_s: int
    max_slippage: float
    max_spread: float
    full_size_risk: int
    max_risk: int


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
    "RISK_TOO_HIGH",
    "NOTIONAL_BELOW_MINIMUM",
    "NOT_FILLED",
)
(
    NO_CANDLE_AFTER,
    SYMBOL_BUSY,
    TRADES_FULL,
    BUDGET_SPENT,
    SPREAD_WIDE,
    RISK_TOO_HIGH,
    BELOW_MINIMUM,
    NOT_FILLED,
) = range(len(DENIED))
ENTERED = len(DENIED)
FEE_STEPS_PER_UNIT = 1e8  # the venue takes its fee to the eighth decimal
# What floats make of a distance that is exactly the widest one allowed.
SPREAD_NOISE = 1e-9


@inner
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


@inner
def quote_at(candles, row, ticks, costs):  # type: ignore[no-untyped-def]  # compiled
    """Give ask and bid around the open of a row."""
    price = candles.open[row]
    return tick_up(price * (1.0 + costs.half_spread), ticks), tick_down(
        price * (1.0 - costs.half_spread), ticks
    )


@inner
def is_whole(candles, symbol, row, interval_s):  # type: ignore[no-untyped-def]  # compiled
    """Say whether a risk score's candles up to a row are there without a gap."""
    first = row - HISTORY + 1
    return (
        first >= candles.bounds[symbol]
        and candles.open_s[row] - candles.open_s[first] == (HISTORY - 1) * interval_s
    )


@inner
def row_at(candles, symbol, moment_s):  # type: ignore[no-untyped-def]  # compiled
    """Give the symbol's row that opened at a moment; -1 where there is none."""
    low, high = candles.bounds[symbol], candles.bounds[symbol + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if candles.open_s[middle] < moment_s:
            low = middle + 1
        else:
            high = middle
    return low if low < end and candles.open_s[low] == moment_s else -1


@inner
def crowding(candles, row, trips, held, interval_s):  # type: ignore[no-untyped-def]  # compiled
    """Give how many of the held trips' symbols move like this one; what is not known moves exactly so."""
    total, before_s = 0.0, candles.open_s[row] - interval_s
    for place in held:
        other = trips[place]["symbol"]
        other_row = row_at(candles, other, before_s)
        if other_row >= 0 and is_whole(candles, other, other_row, interval_s):
            total += comovement(pattern(candles.close, row - 1), pattern(candles.close, other_row))
        else:
            total += 1.0
    return total


@inner
def size_by_risk(candles, symbol, row, trips, held, steps, costs, wallet, interval_s):  # type: ignore[no-untyped-def]  # compiled
    """Give what a trade may cost at the risk score of the moment; 0 = nothing is entered.

    The book's depth is not modelled: it takes what is asked for.
    """
    if wallet.full_size_risk >= NO_RISK_LIMIT:
        return wallet.trade_notional
    ask, bid = quote_at(candles, row + 1, steps.ticks_per_unit[symbol], costs)
    spread_bps = (ask - bid) / ((ask + bid) / 2.0) * BPS
    if is_whole(candles, symbol, row, interval_s):
        points = risk_points(
            hourly_volatility_bps(candles.close, row, interval_s),
            largest_jump_bps(candles.high, candles.low, candles.close, row),
            spread_bps,
            0.0,
            crowding(candles, row, trips, held, interval_s),
        )
    else:
        points = risk_points(np.nan, np.nan, spread_bps, 0.0, float(len(held)))
    percent = size_percent(total_score(points), wallet.full_size_risk, wallet.max_risk)
    return wallet.trade_notional * percent / 100.0


@inner
def make_trip(candles, signal_row, steps, symbol, notional, terms, costs, wallet, interval_s, trip):  # type: ignore[no-untyped-def]  # compiled
    """Buy at the open of the row after the signal and follow the position to its end, into `trip`.

    Gives ENTERED, or why there is no trade. Sized as live does: by the entry's limit price; what is sold
    is what its fee leaves of the purchase, down to the step, and must be sellable at the stop. The gain is
    that of what was sold; the rest keeps its share of the cost.
    """
    entry_row, ticks = signal_row + 1, steps.ticks_per_unit[symbol]
    ask, bid = quote_at(candles, entry_row, ticks, costs)
    if ask - bid > (wallet.max_spread + SPREAD_NOISE) * (ask + bid) / 2.0:
        return SPREAD_WIDE
    limit_price = tick_up(ask * (1.0 + wallet.max_slippage), ticks)
    entry_price = tick_up(ask * (1.0 + costs.slippage), ticks)
    qty = tick_down(notional / limit_price, steps.steps_per_unit[symbol])
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
        held, trip = trip_of[:open_count], trips[made]
        notional = size_by_risk(candles, symbol, row, trips, held, steps, costs, wallet, interval_s)
        if notional == 0.0:
            denied[RISK_TOO_HIGH] += 1
            continue
        if min(wallet.budget - bound, cash) < notional:
            denied[BUDGET_SPENT] += 1
            continue
        outcome = make_trip(candles, row, steps, symbol, notional, terms, costs, wallet, interval_s, trip)
        if outcome != ENTERED:
            denied[outcome] += 1
            continue
        still_held_s = 1 if trip["code"] == MAX_HOLD else 0
        free_s[symbol] = trip["exit_s"] + max(still_held_s, wallet.cooldown_s)
        until_s[open_count], trip_of[open_count] = trip["exit_s"] + still_held_s, made
        bound += trip["qty"] * trip["entry_price"]
        cash -= trip["qty"] * trip["entry_price"]
        open_count, made = open_count + 1, made + 1
    return made
