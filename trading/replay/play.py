"""Plays recorded candles to the live services and gives the trades that they made.

Called by `manage.py replay` and by the parity test. Turns, entries, protection, exits, upkeep and booking are
the product's own; what is played is the market:

    candle closes   the next one's open is shown as quote; the turn decides on it, then the watchdog looks
    candle runs     open, low, high, close; on the way the price stops at everything that rests or waits there
    candle missing  the symbol has no quote, and the venue has halted it where something is held
    candles end     what is open is sold, as an operator would

A candle does not say when inside it a price was met: everything happens in its last millisecond.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from trading.domain.market import INTERVAL_S, ClosedCandle
from trading.domain.orders import ON_BOOK, Side
from trading.domain.rollout import INSTALLATION, strategy_subject, version_subject
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import BPS, ONE, ZERO, floor_to_step, from_ms, to_ms
from trading.domain.workers import WorkerConfig
from trading.models import FillRow, Order, Trade, Worker
from trading.replay.market import Costs, Tape
from trading.replay.stage import Stage, set_stage
from trading.selectors.configuration import list_stages
from trading.selectors.trades import list_open
from trading.services import rollout, upkeep, workers
from trading.services.cycle import run_batch
from trading.services.exits import exit_trade

ACTOR = "replay"
# Over a longer hole nothing is carried, as in the back-tester: it is a hole in the files.
MAX_OUTAGE_MS = 86_400_000
NEVER_MS = 1 << 62
# The watchdog looks when a holding time is over, and else after so many candles: it costs more than a turn.
WATCH_CANDLES = 10


@dataclass(frozen=True, slots=True)
class ReplayedTrade:
    """A round trip as the ledger has it; `reason` is the ledger's word for its end."""

    symbol: str
    decided_on: datetime
    entered_at: datetime
    left_at: datetime
    entry_price: Decimal
    exit_price: Decimal
    qty: Decimal
    sold_qty: Decimal
    pnl: Decimal
    reason: str


def play(
    config: WorkerConfig,
    tapes: Sequence[Tape],
    *,
    costs: Costs,
    balance: Decimal,
    done: Callable[[int], object] = bool,
) -> list[ReplayedTrade]:
    """Play tapes of one interval to a worker, on this thread's database, which must be empty.

    Args:
        tapes: One per symbol of the worker's universe.
        balance: What the account has of each quote asset.
        done: Called with the number of candles that were played, again and again.

    Raises:
        ValueError: A symbol's name ends in no known quote asset.
        InvalidConfiguration: The worker cannot be.
    """
    first_ms = min(int(tape.candles.open_ms[0]) for tape in tapes)
    stage = set_stage(tapes, costs=costs, balance=balance, now_ms=first_ms)
    worker = workers.create_worker("replay", config, actor=ACTOR, now=stage.clock())
    workers.start_worker(worker.pk, actor=ACTOR, now=stage.clock())
    _open_all_stages(worker, now=stage.clock())
    stage.learn_fees()
    _Player(stage, config.interval).run(done)
    return _trades()


def _open_all_stages(worker: Worker, *, now: datetime) -> None:
    """Let the worker trade its full size at once: a gradual rollout would be compared with no back-test."""
    assert worker.version is not None
    last = list_stages()[-1].number
    subjects = INSTALLATION, strategy_subject(worker.version.strategy), version_subject(worker.version.pk)
    for subject in subjects:
        rollout.override(subject, last, by=ACTOR, now=now, reason="a replay")


class _Player:
    """Walks all tapes candle by candle, in time."""

    def __init__(self, stage: Stage, interval: str) -> None:
        self._stage = stage
        self._interval = interval
        self._interval_ms = INTERVAL_S[interval] * 1000
        self._rows = dict.fromkeys(sorted(stage.tapes), 0)
        self._halted: set[str] = set()
        # What is held, by symbol: its sell orders on the book, and the highest price since the entry.
        self._held: dict[str, list[Order]] = {}
        self._expires_ms = NEVER_MS
        self._watched_ms = 0
        self._highest: dict[str, Decimal] = {}

    def run(self, done: Callable[[int], object]) -> None:
        """Play to the end."""
        opens = np.concatenate([tape.candles.open_ms for tape in self._stage.tapes.values()])
        for open_ms in np.unique(opens).tolist():
            symbols = [symbol for symbol in self._rows if self._next_open_ms(symbol) == open_ms]
            self._resume(symbols, open_ms)
            self._stage.clock.now_ms = open_ms + self._interval_ms - 1
            for symbol in self._held.keys() & set(symbols):
                self._run_candle(symbol)
            self._close(symbols, open_ms)
            done(len(symbols))

    def _next_open_ms(self, symbol: str) -> int | None:
        open_ms, row = self._stage.tapes[symbol].candles.open_ms, self._rows[symbol]
        return int(open_ms[row]) if row < len(open_ms) else None

    def _resume(self, symbols: Iterable[str], open_ms: int) -> None:
        back = sorted(self._halted.intersection(symbols))
        if back:
            self._stage.clock.now_ms = open_ms
            self._stage.halt(back, halted=False)
            self._halted.difference_update(back)

    def _run_candle(self, symbol: str) -> None:
        tape, row = self._stage.tapes[symbol], self._rows[symbol]
        columns = tape.candles.open, tape.candles.low, tape.candles.high, tape.candles.close
        opened, *way = (tape.on_tick(float(column[row])) for column in columns)
        self._trade(symbol, opened)
        for price in way:
            before = self._stage.engine.last_price(symbol)
            for stop in self._stops_between(symbol, before, price):
                self._trade(symbol, stop)
            self._trade(symbol, price)

    def _trade(self, symbol: str, price: Decimal) -> None:
        if symbol not in self._held:
            return
        self._highest[symbol] = max(self._highest[symbol], price)
        self._stage.trade(symbol, price)
        if self._stage.book():
            self._look()

    def _look(self) -> None:
        """Read what is held and what rests for it."""
        trades = list_open()
        self._held = {trade.symbol: [] for trade in trades}
        ends = [to_ms(trade.expires_at) for trade in trades if trade.expires_at]
        self._expires_ms = min(ends, default=NEVER_MS)
        on_book = [status.value for status in ON_BOOK]
        for order in Order.objects.filter(side=Side.SELL.value, status__in=on_book):
            self._held[order.symbol].append(order)
        for trade in trades:  # our own purchase is a trade like all others
            self._highest.setdefault(trade.symbol, trade.avg_entry_price)
        self._highest = {symbol: self._highest[symbol] for symbol in self._held}

    def _stops_between(self, symbol: str, before: Decimal, price: Decimal) -> list[Decimal]:
        """Give the prices of our own orders between two prices, in the order in which they are met."""
        wanted = {self._price_of(order) for order in self._held.get(symbol, ())}
        if price < before:
            return sorted((each for each in wanted if price < each < before), reverse=True)
        return sorted(each for each in wanted if before < each < price)

    def _price_of(self, order: Order) -> Decimal:
        if order.trailing_delta_bps is None:
            price: Decimal = order.price or order.stop_price
            return price
        trail = self._highest[order.symbol] * (ONE - Decimal(order.trailing_delta_bps) / BPS)
        return floor_to_step(trail, self._stage.catalogue[order.symbol].tick_size)

    def _close(self, symbols: Sequence[str], open_ms: int) -> None:
        """Let candles close: the turn, then the watchdog, then what a missing next candle means."""
        stage, closed_ms = self._stage, open_ms + self._interval_ms
        stage.clock.now_ms = closed_ms
        ended, down = [], []
        for symbol in symbols:
            self._rows[symbol] += 1
            stage.market.close_candles(symbol, self._rows[symbol])
            next_ms = self._next_open_ms(symbol)
            if next_ms is None or next_ms - closed_ms > MAX_OUTAGE_MS:
                ended.append(symbol)
            elif next_ms > closed_ms:
                down.append(symbol)
            self._show(symbol, is_down=next_ms != closed_ms)
        opened = from_ms(open_ms)
        closed = [ClosedCandle(symbol, self._interval, opened) for symbol in symbols]
        run_batch(closed, desk=stage.desk)
        if stage.book():
            self._look()
        if self._held:
            self._watch(ended, down)

    def _show(self, symbol: str, *, is_down: bool) -> None:
        """Show the market that the closing turn meets: what is held stands at its close."""
        tape, row = self._stage.tapes[symbol], self._rows[symbol]
        if symbol in self._held:
            self._stage.quote(symbol, float(tape.candles.close[row - 1]))
        elif is_down:
            self._stage.market.hide(symbol)
        else:
            opened = float(tape.candles.open[row])
            self._stage.trade(symbol, tape.on_tick(opened))
            self._stage.quote(symbol, opened)

    def _watch(self, ended: Sequence[str], down: Sequence[str]) -> None:
        stage, now_ms = self._stage, self._stage.clock.now_ms
        if now_ms >= self._expires_ms or now_ms - self._watched_ms >= WATCH_CANDLES * self._interval_ms:
            self._watched_ms = now_ms
            upkeep.run(desk=stage.desk)
        left = self._held.keys() & set(ended)
        for trade in list_open() if left else ():
            if trade.symbol in left:
                exit_trade(trade.pk, ExitReason.MANUAL, desk=stage.desk)
        if stage.book():
            self._look()
        halted = [symbol for symbol in down if symbol in self._held]
        if halted:
            stage.halt(halted, halted=True)
            self._halted.update(halted)


def _trades() -> list[ReplayedTrade]:
    """Give the round trips in the order of their entries."""
    closed = Trade.objects.filter(state=TradeState.CLOSED.value).order_by("decided_at", "symbol")
    fills: dict[int, list[FillRow]] = defaultdict(list)
    for fill in FillRow.objects.select_related("order").order_by("pk"):
        fills[fill.order.trade_id].append(fill)
    return [
        ReplayedTrade(
            symbol=trade.symbol,
            decided_on=trade.candle_open_at,
            entered_at=trade.opened_at,
            left_at=trade.closed_at,
            entry_price=trade.avg_entry_price,
            exit_price=trade.avg_exit_price,
            qty=sum((each.qty for each in fills[trade.pk] if each.side == Side.BUY.value), ZERO),
            sold_qty=sum((each.qty for each in fills[trade.pk] if each.side == Side.SELL.value), ZERO),
            pnl=trade.realised_pnl,
            reason=trade.exit_reason,
        )
        for trade in closed
        if trade.opened_at is not None and trade.closed_at is not None and trade.realised_pnl is not None
    ]
