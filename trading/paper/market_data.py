"""Public market data of the paper venue: folds books and trades, gives out stream payloads and REST replies.

The venue calls on_book and on_trade for every market event, drain_stream right after, due_stream about every
100 ms, and query for REST and WS API requests. It knows nothing of orders and balances.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from trading.paper.klines import KlineStore
from trading.paper.market_book import PublicBook
from trading.paper.market_payloads import KlineKey, aggregate_payload, kline_payload, trade_payload
from trading.paper.market_queries import Queries
from trading.paper.market_sink import Clock, Levels, to_units
from trading.paper.market_streams import ALL_MINI, DIFF_CADENCES, StreamName, mini_round, parse_name, payload
from trading.paper.market_streams import names_of as stream_names_of
from trading.paper.market_symbol import SymbolMarket
from trading.paper.tape import Tape

Message = tuple[str, Any]
SLOT_MS = 100


class Spec(Protocol):
    """What market data needs to know of a symbol."""

    @property
    def step_size(self) -> Decimal: ...
    @property
    def status(self) -> str: ...


class MarketData:
    """Everything public about all symbols of the catalogue."""

    def __init__(self, *, catalogue: Mapping[str, Spec], clock: Clock) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self._markets: dict[str, SymbolMarket] = {}
        self._moved: dict[str, None] = {}  # symbols whose top of book changed, in order
        self._traded: dict[str, None] = {}  # symbols with trades since the last drain
        self._events: list[Message] = []
        self._slot = self._second = -1
        self._names: dict[str, StreamName | None] = {}
        self._queries = Queries(catalogue=catalogue, clock=clock, market=self.market)

    def market(self, symbol: str) -> SymbolMarket:
        """Give the data of a symbol, made on first use."""
        found = self._markets.get(symbol)
        if found is None:
            whole = self.catalogue[symbol].step_size >= 1
            found = SymbolMarket(symbol, KlineStore(volume_decimals=4 if whole else 8), PublicBook(symbol))
            self._markets[symbol] = found
        return found

    def sides(self, symbol: str) -> tuple[Levels, Levels]:
        """Give bids and asks of the present book."""
        book = self.market(symbol).book
        return book.bids, book.asks

    def warm(self, symbol: str, rows: Iterable[Sequence[int]]) -> None:
        """Take a market's warm_klines before its start; trade ids continue after those of the history."""
        market = self.market(symbol)
        market.klines.seed(rows)
        day = market.klines.since(0)
        market.tape = Tape(last_id=day.trades if day else 0)

    def on_book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        """Take the visible book."""
        if self.market(symbol).book.replace(bids=bids, asks=asks, at_ms=at_ms):
            self._moved[symbol] = None

    def on_trade(
        self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int
    ) -> None:
        """Take one public trade, of the market or of an own execution."""
        market = self.market(symbol)
        trade = market.tape.add(price=price, qty=qty, buyer_is_maker=buyer_is_maker, at_ms=at_ms)
        market.klines.trade(
            at_ms,
            price=to_units(price),
            qty=int(qty.scaleb(market.klines.volume_decimals)),
            taker_buys=not buyer_is_maker,
            trade_id=trade.trade_id,
        )
        market.traded = True
        self._traded[symbol] = None
        lower = symbol.lower()
        self._events.append((f"{lower}@trade", trade_payload(symbol, trade, at_ms)))
        done = market.tape.aggregate(trade)
        if done is not None:
            self._events.append((f"{lower}@aggTrade", aggregate_payload(symbol, done, at_ms)))

    def drain_stream(self, wanted: Collection[str] | None = None) -> list[Message]:
        """Give what real-time streams have to say since the last call, ready for the wire.

        Args:
            wanted: Stream names that anyone listens to; None means all.
        """
        messages, self._events = self._events, []
        for symbol in self._moved:
            messages.append((f"{symbol.lower()}@bookTicker", self._markets[symbol].book.ticker()))
        self._moved.clear()
        now_ms = self.clock()
        traded, self._traded = self._traded, {}
        for symbol in traded:
            done = self._markets[symbol].tape.flush()
            if done is not None:
                messages.append((f"{symbol.lower()}@aggTrade", aggregate_payload(symbol, done, now_ms)))
        if wanted is not None:
            messages = [row for row in messages if row[0] in wanted]
        messages.extend(self._closed_klines(traded, wanted, now_ms))
        return messages

    def due_stream(self, now_ms: int, wanted: Collection[str] | None = None) -> list[Message]:
        """Give what time-driven streams have to say at the moment; closes candles that have ended.

        Args:
            wanted: Stream names that anyone listens to; None means all of them.
        """
        for market in self._markets.values():
            market.klines.roll(now_ms)
        messages = self._closed_klines(self._markets, wanted, now_ms)
        slot, second = now_ms // SLOT_MS, now_ms // 1000
        if slot == self._slot:
            return messages
        periods = {SLOT_MS}
        if second != self._second:
            periods |= {1000} if second % 2 else {1000, 2000}
        self._slot, self._second = slot, second
        messages.extend(self._due(self._all_names() if wanted is None else wanted, periods, now_ms))
        return messages

    def query(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer a market data request, named as the WS API names it.

        Raises:
            VenueError: As the venue refuses it.
        """
        return self._queries.answer(method, params)

    def _all_names(self) -> list[str]:
        return [name for symbol in self._markets for name in stream_names_of(symbol)] + [ALL_MINI[0]]

    def _closed_klines(
        self, symbols: Iterable[str], wanted: Collection[str] | None, now_ms: int
    ) -> list[Message]:
        messages: list[Message] = []
        for symbol in symbols:
            store = self._markets[symbol].klines
            closed = store.closed
            while closed:
                interval, candle = closed.popleft()
                name = f"{symbol.lower()}@kline_{interval}"
                if wanted is not None and name not in wanted:
                    continue
                key = KlineKey(symbol, interval, store.volume_decimals)
                text = kline_payload(key, candle, now_ms=now_ms, closed=True)
                messages.append((name, text))
        return messages

    def _due(self, names: Collection[str], periods: set[int], now_ms: int) -> list[Message]:
        messages: list[Message] = []
        heard: dict[str, set[str]] = {}
        for name in names:
            if name in ALL_MINI:
                continue
            found = self._parsed(name)
            if found is None:
                continue
            if found.kind == "depth":
                heard.setdefault(found.symbol, set()).add(found.argument)
            if found.period_ms in periods:
                text = payload(self.market(found.symbol), found, now_ms)
                if text is not None:
                    messages.append((name, text))
        if 1000 in periods:
            messages.extend(self._mini_round(names, now_ms))
        self._forget_unheard(heard)
        return messages

    def _mini_round(self, names: Collection[str], now_ms: int) -> list[Message]:
        listening = [name for name in ALL_MINI if name in names]
        rows = mini_round(self._markets.values(), now_ms) if listening else []
        for market in self._markets.values():
            market.traded = False
        return [(name, rows) for name in listening] if rows else []

    def _parsed(self, name: str) -> StreamName | None:
        if name not in self._names:
            self._names[name] = parse_name(name, self.catalogue)
        return self._names[name]

    def _forget_unheard(self, heard: Mapping[str, set[str]]) -> None:
        for symbol, market in self._markets.items():
            for cadence in DIFF_CADENCES - heard.get(symbol, set()):
                market.book.forget_diff(cadence)
