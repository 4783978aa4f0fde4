"""Faults of market data: depth, bursts, wrong or late prices, candles with holes.

Only `book` of WrongPrices moves the real market; all others change frames and replies, and the engine stays
sane.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from trading.paper.bends import Shift
from trading.paper.calls import Call, Reply
from trading.paper.faults import Fault, Frame, Setting
from trading.paper.tape import text8

BURST_ROUND_S = 0.01
OVERTAKEN_PERIODS = 5  # quiet markets report less often than they might
ZERO = text8(Decimal(0))


class _StreamFault(Fault):
    """A fault that strikes market frames of some streams, told by a part of their name."""

    stream: ClassVar[str] = ""
    default_count = None

    def selects_frame(self, frame: Frame) -> bool:
        """Strike the streams it is meant for."""
        return frame.kind == "market" and self.stream in frame.name and super().selects_frame(frame)


class DepthDisorder(_StreamFault):
    """Book differences that do not follow on each other."""

    number = 54
    name = "depth-disorder"
    what = (
        "Depth reports with a gap (U > u+1), twice, or out of order; or GET /depth older than every report "
        "(stale-snapshot)."
    )
    stream = "@depth"
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("gap", choices=("gap", "duplicate", "out-of-order", "stale-snapshot")),
        "behind": Setting(1000, 1, 1_000_000, kind=int),
    }

    def selects_frame(self, frame: Frame) -> bool:
        """Strike differences, not partial books."""
        is_report = isinstance(frame.payload, dict) and frame.payload.get("e") == "depthUpdate"
        return self.params["mode"] != "stale-snapshot" and is_report and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Lose it, double it, or let the next one overtake it."""
        match self.params["mode"]:
            case "gap":
                return []
            case "duplicate":
                return [frame, frame]
            case _:
                period_s = 0.1 if frame.name.endswith("@100ms") else 1.0
                return [replace(frame, delay_s=frame.delay_s + OVERTAKEN_PERIODS * period_s)]

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike snapshots."""
        is_stale = self.params["mode"] == "stale-snapshot" and call.route.method == "depth"
        return is_stale and reply is not None and reply.is_accepted and super().selects(call, reply)

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Answer with a snapshot of long ago."""
        last = max(reply.body["lastUpdateId"] - self.params["behind"], 0)
        reply.body = {**reply.body, "lastUpdateId": last}
        return reply


class TickerBurst(Fault):
    """More book tickers than anybody can read."""

    number = 55
    name = "ticker-burst"
    what = "per_s bookTicker frames a second over all streams listened to, for duration_s (5 s by itself)."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {"per_s": Setting(5000, 1, 200_000, kind=int)}

    def on_arm(self) -> None:
        """Begin."""
        self.ends_s = self.ends_s or time.monotonic() + 5.0
        self.shower = asyncio.ensure_future(self.pour())

    def on_clear(self) -> None:
        """Stop."""
        self.shower.cancel()

    async def pour(self) -> None:
        """Publish in small rounds, so that the rest of the venue still gets its turn."""
        began_s, poured = time.monotonic(), 0
        while not self.is_spent:
            due = int((time.monotonic() - began_s) * self.params["per_s"]) - poured
            for symbol in itertools.islice(itertools.cycle(self.heard()), due if self.heard() else 0):
                ticker = self.venue.market_data.market(symbol).book.ticker()
                self.fired += 1
                self.venue.streams.publish(f"{symbol.lower()}@bookTicker", ticker)
            poured += due
            await asyncio.sleep(BURST_ROUND_S)

    def heard(self) -> list[str]:
        """Give the symbols whose ticker somebody listens to."""
        tickers = (name.partition("@") for name in self.venue.streams.wanted)
        symbols = [head.upper() for head, _, kind in tickers if kind == "bookTicker"]
        return [symbol for symbol in symbols if self.params["symbol"] in (None, symbol)]


class WrongPrices(_StreamFault):
    """Prices that must not be traded on."""

    number = 56
    name = "wrong-prices"
    what = (
        "Book tickers late by delay_s (with all other frames), crossed, with a zero bid or ask, or spiking "
        "by percent, in frames only; mode book spikes the real books, for spike_s or until cleared."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("crossed", choices=("late", "crossed", "zero-bid", "zero-ask", "spike", "book")),
        "delay_s": Setting(5.0, 0, 3600),
        "percent": Setting(50.0, -99, 1000),
        "spike_s": Setting(None, 0.01, 3600),
    }

    def selects_frame(self, frame: Frame) -> bool:
        """Strike tickers; a connection that lags is late with everything."""
        mode = self.params["mode"]
        if mode == "book" or frame.kind != "market" or not super().selects_frame(frame):
            return False
        return mode == "late" or frame.name.endswith("@bookTicker")

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Change the ticker, or hold the frame back."""
        if self.params["mode"] == "late":
            return [replace(frame, delay_s=frame.delay_s + self.params["delay_s"])]
        return [replace(frame, payload={**frame.payload, **self.changed(frame.payload)})]

    def changed(self, ticker: Mapping[str, Any]) -> dict[str, str]:
        """Give the fields that are wrong."""
        match self.params["mode"]:
            case "crossed":
                return {"b": text8(Decimal(ticker["a"]) * Decimal("1.001")), "a": ticker["b"]}
            case "zero-bid":
                return {"b": ZERO, "B": ZERO}
            case "zero-ask":
                return {"a": ZERO, "A": ZERO}
            case _:
                return {side: text8(Decimal(ticker[side]) * self.factor()) for side in ("b", "a")}

    def factor(self) -> Decimal:
        """Give what a price is multiplied with in a spike."""
        return 1 + Decimal(str(self.params["percent"])) / 100

    def on_arm(self) -> None:
        """Move the real market, in one mode only."""
        if self.params["mode"] != "book":
            return
        chosen = [symbol for symbol in self.venue.catalogue if self.params["symbol"] in (None, symbol)]
        for symbol in chosen:
            if self.take():
                shift = Shift(self.factor(), self.venue.catalogue[symbol].tick_size)
                self.undo_later(self.venue.bends.lay(symbol, shift), after_s=self.params["spike_s"])


class BrokenKlines(_StreamFault):
    """Candles that are missing, late, told twice or empty."""

    number = 57
    name = "broken-klines"
    what = (
        "The close of a candle (x=true) never comes, comes twice (the second time with another price), comes "
        "delay_s late, or tells of no trade; in_rest leaves what is missing out of GET /klines too."
    )
    stream = "@kline_"
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("missing", choices=("missing", "repeated", "late", "zero-volume")),
        "delay_s": Setting(5.0, 0, 3600),
        "in_rest": Setting(default=False, kind=bool),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lost: set[tuple[str, str, int]] = set()

    @property
    def is_spent(self) -> bool:
        """A hole in the history stays as long as the fault is armed, however many candles it took."""
        if self.leaves_holes:
            return self.ends_s is not None and time.monotonic() >= self.ends_s
        return super().is_spent

    @property
    def leaves_holes(self) -> bool:
        """Tell whether what is lost is lost on REST too."""
        return self.params["mode"] == "missing" and bool(self.params["in_rest"])

    def selects_frame(self, frame: Frame) -> bool:
        """Strike candles that close."""
        is_enough = self.leaves_holes and self.count is not None and len(self.lost) >= self.count
        return not is_enough and super().selects_frame(frame) and bool(frame.payload["k"]["x"])

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Lose, double, hold back or empty the candle."""
        candle = frame.payload["k"]
        match self.params["mode"]:
            case "missing":
                self.lost.add((candle["s"], candle["i"], candle["t"]))
                return []
            case "repeated":
                again = {**candle, "c": candle["h"]}
                return [frame, replace(frame, payload={**frame.payload, "k": again})]
            case "late":
                return [replace(frame, delay_s=frame.delay_s + self.params["delay_s"])]
            case _:
                still = dict.fromkeys(("o", "h", "l"), candle["c"])
                none = {"v": ZERO, "q": ZERO, "V": ZERO, "Q": ZERO, "n": 0, "f": -1, "L": -1}
                return [replace(frame, payload={**frame.payload, "k": candle | still | none})]

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike replies with a candle that was lost."""
        if not self.leaves_holes or call.route.method != "klines" or reply is None or not reply.is_accepted:
            return False
        return any(self.is_lost(call, row) for row in reply.body)

    def is_lost(self, call: Call, row: list[Any]) -> bool:
        """Tell whether a row of a reply is a candle that was lost."""
        return (call.params["symbol"], call.params["interval"], row[0]) in self.lost

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Leave the lost candles out."""
        reply.body = [row for row in reply.body if not self.is_lost(call, row)]
        return reply


class StaleTicks(_StreamFault):
    """A node behind the balancer lags: old tickers come between the new ones."""

    number = 77
    name = "stale-ticks"
    what = "After a bookTicker comes that of age_s ago, with its lower update id, as from a lagging node."
    stream = "@bookTicker"
    settings: ClassVar[Mapping[str, Setting]] = {"age_s": Setting(5.0, 0.01, 600)}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.past: dict[str, deque[tuple[float, Frame]]] = {}

    def selects_frame(self, frame: Frame) -> bool:
        """Remember every ticker; strike when there is one that is old enough."""
        if not super().selects_frame(frame):
            return False
        now_s = time.monotonic()
        past = self.past.setdefault(frame.name, deque())
        past.append((now_s, frame))
        while len(past) > 1 and now_s - past[1][0] >= self.params["age_s"]:
            past.popleft()
        return bool(now_s - past[0][0] >= self.params["age_s"])

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Let the old one follow the new one."""
        return [frame, self.past[frame.name][0][1]]


MARKET_FAULTS: tuple[type[Fault], ...] = (
    DepthDisorder,
    TickerBurst,
    WrongPrices,
    BrokenKlines,
    StaleTicks,
)
