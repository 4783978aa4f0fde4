"""A trader's desk at the paper venue's engine, so that a rule can be stated in a few lines.

Prices stand around 100 on BTCUSDT (tick 0.01, step 0.00001, smallest notional 5); the clock stands
still unless a test moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.paper.catalogue import Catalogue, default_catalogue
from trading.paper.engine import Engine, Levels
from trading.paper.errors import VenueError

SYMBOL = "BTCUSDT"
START_MS = 1_700_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT")


def levels(text: str) -> Levels:
    """Read "100:1 101:5" as price levels."""
    pairs = [level.split(":") for level in text.split()]
    return [(Decimal(price), Decimal(qty)) for price, qty in pairs]


class Desk:
    """An engine with balances, a book, and short words for what tests do all the time."""

    def __init__(self, *, bnb_fees: bool = False, book: bool = True, **balances: str) -> None:
        self.now = START_MS
        self.catalogue = default_catalogue(SYMBOLS)
        funds = balances or {"USDT": "10000", "BTC": "10"}
        self.engine = Engine(
            catalogue=self.catalogue,
            balances={asset: Decimal(amount) for asset, amount in funds.items()},
            clock=lambda: self.now,
            bnb_fees=bnb_fees,
        )
        if book:
            self.book("99:5 98:5", "100:1 101:5 102:5")

    def rules(self, **changes: Any) -> None:
        """Change rules of the symbol."""
        self.catalogue.update(SYMBOL, **changes)

    def book(self, bids: str, asks: str, *, symbol: str = SYMBOL) -> None:
        """Put the market's book."""
        self.engine.set_book(symbol, bids=levels(bids), asks=levels(asks))

    def trade(self, price: str, qty: str = "1", *, buyer_is_maker: bool = True) -> None:
        """Let others trade."""
        self.engine.public_trade(
            SYMBOL, price=Decimal(price), qty=Decimal(qty), buyer_is_maker=buyer_is_maker
        )

    def call(self, method: str, **params: Any) -> Any:
        """Call the engine, on the usual symbol unless one is given."""
        return self.engine.execute(method, {"symbol": SYMBOL} | params)

    def place(self, side: str, kind: str, **params: Any) -> dict[str, Any]:
        """Place a single order and give the answer."""
        answer: dict[str, Any] = self.call("order.place", side=side, type=kind, **params)
        return answer

    def limit(self, side: str, qty: str, price: str, **params: Any) -> dict[str, Any]:
        """Place a GTC limit order and give the answer."""
        terms = {"quantity": qty, "price": price, "timeInForce": "GTC"}
        return self.place(side, "LIMIT", **(terms | params))

    def oco(self, **changes: Any) -> dict[str, Any]:
        """Place a SELL OCO: 1 at 110, stopped at 95."""
        terms = {"side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110"}
        terms |= {"belowType": "STOP_LOSS", "belowStopPrice": "95"}
        answer: dict[str, Any] = self.call("orderList.place.oco", **(terms | changes))
        return answer

    def bracket(self, kind: str = "opoco", **changes: Any) -> dict[str, Any]:
        """Place a BUY of 1 at 100 with a bracket of 110 and 95 behind it."""
        terms = {"workingType": "LIMIT", "workingSide": "BUY", "workingTimeInForce": "GTC"}
        terms |= {"workingPrice": "100", "workingQuantity": "1", "pendingSide": "SELL"}
        terms |= {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "110"}
        terms |= {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "95"}
        answer: dict[str, Any] = self.call(f"orderList.place.{kind}", **(terms | changes))
        return answer

    def refusal(self, method: str, **params: Any) -> tuple[int, str]:
        """Give code and text of the refusal that this call must meet."""
        error = self.error(method, **params)
        return error.code, error.message

    def error(self, method: str, **params: Any) -> VenueError:
        """Give the refusal that this call must meet."""
        try:
            answer = self.call(method, **params)
        except VenueError as error:
            return error
        raise AssertionError(f"not refused: {answer}")

    def order(self, order_id: int) -> dict[str, Any]:
        """Ask for an order."""
        answer: dict[str, Any] = self.call("order.status", orderId=order_id)
        return answer

    def statuses(self, answer: Mapping[str, Any]) -> list[str]:
        """Give the present status of every order of a list."""
        return [self.order(entry["orderId"])["status"] for entry in answer["orders"]]

    def events(self, kind: str = "executionReport") -> list[dict[str, Any]]:
        """Drain the events and give those of one kind."""
        return [event for event in self.engine.drain_events() if event["e"] == kind]

    def balance(self, asset: str) -> tuple[Decimal | int, Decimal | int]:
        """Give free and locked of an asset."""
        held = self.engine.ledger()["balances"].get(asset, {"free": "0", "locked": "0"})
        return Decimal(held["free"]), Decimal(held["locked"])

    def drift(self) -> dict[str, Decimal]:
        """Give per asset what the ledger's own fills cannot explain; empty when all agrees."""
        return drift_of(self.engine, self.catalogue)


def drift_of(engine: Engine, catalogue: Catalogue) -> dict[str, Decimal]:
    """Give per asset what a ledger's own fills cannot explain; empty when all agrees."""
    ledger = engine.ledger()
    expected: dict[str, Decimal] = {}
    for source in (ledger["initial_balances"], ledger["adjustments"]):
        for asset, amount in source.items():
            expected[asset] = expected.get(asset, Decimal(0)) + Decimal(amount)
    for fill in ledger["fills"]:
        spec = catalogue[fill["symbol"]]
        sign = 1 if fill["side"] == "BUY" else -1
        moves = (
            (spec.base, sign * Decimal(fill["qty"])),
            (spec.quote, -sign * Decimal(fill["quoteQty"])),
            (fill["commissionAsset"], -Decimal(fill["commission"])),
        )
        for asset, amount in moves:
            expected[asset] = expected.get(asset, Decimal(0)) + amount
    held = {asset: Decimal(b["free"]) + Decimal(b["locked"]) for asset, b in ledger["balances"].items()}
    assets = expected.keys() | held.keys()
    drift = {a: held.get(a, Decimal(0)) - expected.get(a, Decimal(0)) for a in assets}
    return {asset: amount for asset, amount in drift.items() if amount}
