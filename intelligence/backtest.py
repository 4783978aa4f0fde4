"""The back-tester: one strategy with one exit policy and one wallet over the candles of some symbols.

Called by `manage.py backtest`, `evaluate` and the benchmarks. Signals come from the strategy's own function,
exits from trading.domain.exits; what is modelled here is the fill (see trade_kernel.play_signals) and the
wallet. The same trades result whatever comes after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from intelligence.candle_files import History
from intelligence.signal_rows import entry_rows
from intelligence.trade_kernel import (
    DENIED,
    ROUND_TRIP,
    CandleArrays,
    Costs,
    Steps,
    TripArray,
    Wallet,
    play_signals,
)
from trading.domain.exits import ExitTerms
from trading.domain.risk_score import FULL_SIZE_RISK, MAX_RISK
from trading.domain.signal_model import SignalModel, with_model
from trading.domain.signals import IntArray, ParameterValues, StrategySpec

# Over a longer hole in the data nothing is carried: it is a hole in the files, not downtime of the venue.
MAX_OUTAGE_S = 24 * 3600
BPS = 10_000.0
# Ten trades of a tenth each: as much as is there, never more.
DEFAULT_WALLET = Wallet(
    trade_notional=1_000.0,
    budget=10_000.0,
    balance=10_000.0,
    max_open_trades=10,
    cooldown_s=0,
    max_slippage=10 / BPS,
    max_spread=10 / BPS,
    full_size_risk=FULL_SIZE_RISK,
    max_risk=MAX_RISK,
)


@dataclass(frozen=True, slots=True)
class CostModel:
    """What a fill costs, in bps of its price; each side pays the fee, half the spread and the slippage.

    A target rests at the venue and fills at its price: it pays the fee alone.
    """

    fee_bps: float = 10.0
    spread_bps: float = 2.0
    slippage_bps: float = 2.0

    def costs(self) -> Costs:
        """Give the model as the kernel takes it."""
        return Costs(self.fee_bps / BPS, self.spread_bps / 2.0 / BPS, self.slippage_bps / BPS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested. Amounts in the quote asset; `min_notional` is the venue's least order.

    A model is asked at every signal; None = all are taken.
    """

    spec: StrategySpec
    parameters: ParameterValues
    terms: ExitTerms
    wallet: Wallet = DEFAULT_WALLET
    costs: CostModel = CostModel()
    min_notional: float = 5.0
    model: SignalModel | None = None

    @property
    def asked(self) -> StrategySpec:
        """The strategy with the model's condition, where there is a model."""
        return self.spec if self.model is None else with_model(self.spec, self.model)


@dataclass(frozen=True, slots=True)
class Market:
    """The histories of one interval, joined for the kernel; symbols are numbered in their order."""

    symbols: tuple[str, ...]
    histories: tuple[History, ...]
    arrays: CandleArrays
    first_rows: IntArray
    interval_s: int

    @property
    def bars(self) -> int:
        """Number of candles of all symbols."""
        return len(self.arrays.open_s)

    def steps(self, min_notional: float) -> Steps:
        """Give the symbols' rules as the kernel takes them."""
        return Steps(
            np.array([each.ticks_per_unit for each in self.histories]),
            np.array([each.steps_per_unit for each in self.histories]),
            min_notional,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Round trips in the order of their entries, and how many signals were denied by what."""

    trips: TripArray
    signals: int
    denied: Mapping[str, int] = field(default_factory=dict)


def join(histories: Sequence[History]) -> Market:
    """Join histories of one interval, sorted by symbol."""
    interval_s = histories[0].candles.interval_s
    lengths = [len(each.candles) for each in histories]
    first_rows = np.concatenate(([0], np.cumsum(lengths)))[:-1].astype(np.int64)
    open_s = np.concatenate([each.candles.open_ms for each in histories]) // 1000
    joined = {
        name: np.concatenate([getattr(each.candles, name) for each in histories])
        for name in ("open", "high", "low", "close")
    }
    arrays = CandleArrays(
        open_s,
        **joined,
        run_ends=_run_ends(open_s, first_rows, interval_s),
        bounds=np.append(first_rows, len(open_s)),
    )
    return Market(tuple(each.symbol for each in histories), tuple(histories), arrays, first_rows, interval_s)


def _run_ends(open_s: IntArray, first_rows: IntArray, interval_s: int) -> IntArray:
    breaks = np.flatnonzero(np.diff(open_s) > MAX_OUTAGE_S + interval_s) + 1
    bounds = np.unique(np.concatenate((first_rows, breaks, [0, len(open_s)])))
    ends = np.empty(len(open_s), dtype=np.int64)
    for start, end in pairwise(bounds):
        ends[start:end] = end
    return ends


def find_signals(
    plan: Plan, market: Market, *, done: Callable[[], object] = bool
) -> tuple[IntArray, IntArray]:
    """Give symbol and joined row of every entry signal, by time, then symbol.

    Args:
        done: Called after each symbol.
    """
    symbols, rows = [], []
    for number, history in enumerate(market.histories):
        found = entry_rows(plan.asked, history.candles, plan.parameters)
        rows.append(found + market.first_rows[number])
        symbols.append(np.full(len(found), number, dtype=np.int64))
        done()
    return in_time_order(market, np.concatenate(symbols), np.concatenate(rows))


def in_time_order(market: Market, symbols: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Sort signals by time, then symbol."""
    order = np.lexsort((symbols, market.arrays.open_s[rows]))
    return symbols[order], rows[order]


def play(plan: Plan, market: Market, symbols: IntArray, rows: IntArray) -> Outcome:
    """Play signals that are in time order."""
    trips, denied = np.zeros(len(rows), ROUND_TRIP), np.zeros(len(DENIED), np.int64)
    made = play_signals(
        market.arrays,
        symbols,
        rows,
        market.steps(plan.min_notional),
        ExitTerms(*(float(term) for term in plan.terms)),  # one compiled version, whatever the numbers are
        plan.costs.costs(),
        plan.wallet,
        market.interval_s,
        trips,
        denied,
    )
    return Outcome(trips[:made], len(rows), dict(zip(DENIED, denied.tolist(), strict=True)))


def run(plan: Plan, market: Market) -> Outcome:
    """Test a plan on a market."""
    return play(plan, market, *find_signals(plan, market))
