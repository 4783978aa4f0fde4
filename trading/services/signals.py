"""Signals of one turn: computed once per strategy and parameters over all symbols side by side.

Called by services.cycle. Looks at closed candles only, and at none after the candle that is decided on. A
strategy costs a fixed number of array passes; twenty symbols in one block cost little more than one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from trading.domain.market import INTERVAL_S
from trading.domain.ports import MarketView
from trading.domain.risk import Denial, DenialCode
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.services.roster import Squad

SPARE_ROWS = 5
# Symbols of a block: its arrays fit the processor's cache, and the allocator keeps their memory.
TOGETHER = 32
ARRAYS = ("open_ms", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """The last row of a strategy's signals: entry or not, the reason code, each condition's value."""

    is_entry: bool
    reason: str
    values: dict[str, float] = field(default_factory=dict)


Answer = SignalAnswer | Denial


class SignalBook:
    """Remembers candles and signals for the length of one turn over candles that were opened together."""

    def __init__(
        self, market: MarketView, interval: str, opened: datetime, *, symbols: Sequence[str], length: int
    ) -> None:
        self._step_ms = INTERVAL_S[interval] * 1000
        self._opened = opened
        self._opened_ms = to_ms(opened)
        self._length = length
        # A few rows more than needed: the next candle may have closed while this turn was on its way.
        self._raw = market.candles(symbols, interval, length=length + SPARE_ROWS)
        self._histories: dict[str, Candles | Denial] = {}
        self._blocks: dict[tuple[str, ...], Candles] = {}
        self._answers: dict[object, dict[str, Answer]] = {}

    def decide(self, squad: Squad, symbols: Iterable[str]) -> dict[str, Answer]:
        """Give what the squad's strategy says about these symbols; others that were asked for stay in it."""
        known = self._answers.setdefault(squad.parameters_key, {})
        whole: list[str] = []
        short: list[str] = []
        for symbol in symbols:
            if symbol in known:
                continue
            history = self._history(symbol)
            if isinstance(history, Denial):
                known[symbol] = history
            elif len(history) < squad.warmup:
                known[symbol] = Denial(DenialCode.CANDLES_SHORT, str(len(history)), str(squad.warmup))
            else:
                (whole if len(history) == self._length else short).append(symbol)
        for begin in range(0, len(whole), TOGETHER):
            known.update(self._ask(squad, tuple(whole[begin : begin + TOGETHER])))
        for symbol in short:  # enough for this strategy, but not for the longest warm-up of the turn
            known.update(self._ask(squad, (symbol,)))
        return known

    def _history(self, symbol: str) -> Candles | Denial:
        if symbol not in self._histories:
            self._histories[symbol] = self._read(symbol)
        return self._histories[symbol]

    def _read(self, symbol: str) -> Candles | Denial:
        candles = self._raw.get(symbol)
        if candles is None:
            return Denial(DenialCode.CANDLES_SHORT, "0", str(self._length))
        end = int(np.searchsorted(candles.open_ms, self._opened_ms, side="right"))
        if end == 0 or int(candles.open_ms[end - 1]) != self._opened_ms:
            return Denial(DenialCode.CANDLE_STALE, "the cache has not this candle", str(self._opened))
        rows = slice(max(end - self._length, 0), end)
        steps = np.diff(candles.open_ms[rows])
        if steps.size and int(steps.max()) != self._step_ms:
            return Denial(DenialCode.CANDLE_GAP, f"{int(steps.max()) // 1000} s", "one interval")
        arrays = {name: getattr(candles, name)[rows] for name in ARRAYS}
        return Candles(**arrays, interval_s=candles.interval_s)

    def _ask(self, squad: Squad, symbols: tuple[str, ...]) -> dict[str, Answer]:
        """Ask the strategy about the last row of symbols side by side."""
        if symbols not in self._blocks:  # workers mostly ask for the same
            found = [self._histories[symbol] for symbol in symbols]
            arrays = {name: np.stack([getattr(each, name) for each in found], axis=1) for name in ARRAYS}
            self._blocks[symbols] = Candles(**arrays, interval_s=self._step_ms // 1000)
        signals = squad.spec.signals(self._blocks[symbols].tail(squad.warmup), squad.parameters)
        entries, reasons = signals.entries[-1].tolist(), signals.reasons[-1].tolist()
        names, rows = list(signals.values), [values[-1].tolist() for values in signals.values.values()]
        figures = zip(*rows, strict=True) if rows else iter([()] * len(symbols))
        return {
            symbol: SignalAnswer(is_entry, squad.spec.reasons[code], dict(zip(names, values, strict=True)))
            for symbol, is_entry, code, values in zip(symbols, entries, reasons, figures, strict=True)
        }
