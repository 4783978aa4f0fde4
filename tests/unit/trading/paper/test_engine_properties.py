"""What must hold after any sequence of orders, books and trades, and across a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.paper_desk import Desk
from trading.paper import snapshots
from trading.paper.engine import Engine
from trading.paper.errors import VenueError

Step = Callable[[Desk], Any]
prices = st.integers(9400, 10600).map(lambda cents: f"{Decimal(cents) / 100}")
quantities = st.integers(6_000, 300_000).map(lambda steps: f"{Decimal(steps) / 100_000}")
sides = st.sampled_from(["BUY", "SELL"])
limits = st.fixed_dictionaries(
    {
        "side": sides,
        "type": st.just("LIMIT"),
        "timeInForce": st.sampled_from(["GTC", "IOC", "FOK"]),
        "quantity": quantities,
        "price": prices,
        "selfTradePreventionMode": st.sampled_from(
            ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"]
        ),
    }
)
markets = st.fixed_dictionaries({"side": sides, "type": st.just("MARKET"), "quantity": quantities})
budgets = st.fixed_dictionaries({"side": sides, "type": st.just("MARKET"), "quoteOrderQty": quantities})
stops = st.fixed_dictionaries(
    {
        "side": sides,
        "type": st.sampled_from(["STOP_LOSS", "TAKE_PROFIT"]),
        "quantity": quantities,
        "stopPrice": prices,
    }
)
trails = st.fixed_dictionaries(
    {
        "side": sides,
        "type": st.sampled_from(["STOP_LOSS", "TAKE_PROFIT"]),
        "quantity": quantities,
        "trailingDelta": st.integers(10, 500),
    }
)


def calling(method: str, params: dict[str, Any]) -> Step:
    """Make a step of a call; what the venue refuses is fine."""

    def step(desk: Desk) -> Any:
        try:
            return desk.call(method, **params)
        except VenueError as error:
            return error.body()

    return step


def booking(bid: int, sizes: tuple[str, str]) -> Step:
    """Make a step of a new book around a price in cents."""
    best, next_bid, ask = (Decimal(cents) / 100 for cents in (bid, bid - 50, bid + 3))
    return lambda desk: desk.book(f"{best}:{sizes[0]} {next_bid}:3", f"{ask}:{sizes[1]} {ask + 1}:4")


def trading(price: str, qty: str, buyer_is_maker: bool) -> Step:
    """Make a step of a public trade."""
    return lambda desk: desk.trade(price, qty, buyer_is_maker=buyer_is_maker)


def bracketing(kind: str, price: str, qty: str) -> Step:
    """Make a step of a bracket bought at a price."""
    terms = {
        "workingPrice": price,
        "workingQuantity": qty,
        "pendingAbovePrice": "103",
        "pendingBelowStopPrice": "97",
    }
    if kind == "otoco":
        terms["pendingQuantity"] = qty

    def step(desk: Desk) -> Any:
        try:
            return desk.bracket(kind, **terms)
        except VenueError as error:
            return error.body()

    return step


def pairing(side: str, high: str, low: str, qty: str) -> Step:
    """Make a step of an OCO around the market, its stop with a limit."""
    stop, gain = ("above", "below") if side == "BUY" else ("below", "above")
    stop_price, price = (high, low) if side == "BUY" else (low, high)
    terms = {"side": side, "quantity": qty, f"{gain}Type": "LIMIT_MAKER", f"{gain}Price": price}
    terms |= {f"{stop}Type": "STOP_LOSS_LIMIT", f"{stop}StopPrice": stop_price}
    terms |= {f"{stop}Price": stop_price, f"{stop}TimeInForce": "GTC"}
    return calling("orderList.place.oco", terms)


def replacing(order: dict[str, Any], order_id: int) -> Step:
    """Make a step of a cancelReplace that goes on when the cancel fails."""
    return calling(
        "order.cancelReplace", order | {"cancelOrderId": order_id, "cancelReplaceMode": "ALLOW_FAILURE"}
    )


steps = st.one_of(
    st.one_of(limits, markets, budgets, stops, trails).map(lambda p: calling("order.place", p)),
    st.builds(bracketing, st.sampled_from(["opoco", "otoco"]), prices, quantities),
    st.builds(pairing, sides, prices, prices, quantities),
    st.builds(replacing, limits, st.integers(1, 6)),
    st.just(calling("openOrders.cancelAll", {})),
    st.builds(booking, st.integers(9000, 10600), st.tuples(quantities, quantities)),
    st.builds(trading, prices, quantities, st.booleans()),
    st.integers(1, 6).map(lambda i: calling("order.cancel", {"orderId": i})),
    st.tuples(st.integers(1, 6), quantities).map(
        lambda a: calling("order.amend.keepPriority", {"orderId": a[0], "newQty": a[1]})
    ),
)
plays = st.lists(steps, min_size=8, max_size=30)


def check(desk: Desk) -> None:
    """Assert what must hold at any moment."""
    ledger = desk.engine.ledger()
    assert desk.drift() == {}
    for asset, held in ledger["balances"].items():
        assert Decimal(held["free"]) >= 0, asset
        assert Decimal(held["locked"]) >= 0, asset
    locked = {"USDT": Decimal(0), "BTC": Decimal(0), "BNB": Decimal(0)}
    for order in ledger["orders"]:
        assert Decimal(order["executedQty"]) + Decimal(order["preventedQuantity"]) <= Decimal(
            order["origQty"]
        )
        locked["USDT" if order["side"] == "BUY" else "BTC"] += Decimal(order["locked"])
    assert {a: Decimal(ledger["balances"][a]["locked"]) for a in locked} == locked


@settings(max_examples=30, deadline=None)
@given(play=plays, bnb_fees=st.booleans())
def test_balances_are_conserved_and_nothing_overfills(play: list[Step], bnb_fees: bool) -> None:
    desk = Desk(bnb_fees=bnb_fees, USDT="1000", BTC="5", BNB="0.001")
    for step in play:
        step(desk)
        check(desk)


@settings(max_examples=25, deadline=None)
@given(before=plays, after=plays)
def test_a_restored_engine_continues_as_if_nothing_had_happened(
    before: list[Step], after: list[Step]
) -> None:
    desk, twin = (Desk(USDT="1000", BTC="5", BNB="0") for _ in range(2))
    for step in before:
        step(desk)
    desk.engine.drain_events()
    twin.engine.restore(json.loads(json.dumps(desk.engine.snapshot())))
    for step in after:
        assert step(desk) == step(twin)
        assert desk.engine.drain_events() == twin.engine.drain_events()
    assert desk.engine.snapshot() == twin.engine.snapshot()
    assert desk.engine.ledger() == twin.engine.ledger()


@settings(max_examples=20, deadline=None)
@given(play=plays)
def test_changes_laid_onto_a_snapshot_give_the_next_snapshot(play: list[Step]) -> None:
    desk = Desk(USDT="1000", BTC="5", BNB="0")
    whole = desk.engine.snapshot()
    desk.engine.drain_changes()
    for step in play:
        step(desk)
        changes = desk.engine.drain_changes()
        if changes is not None:
            snapshots.merge(whole, json.loads(json.dumps(changes)))
    whole["books"] = desk.engine.snapshot()["books"]
    assert whole == desk.engine.snapshot()


def test_a_restarted_engine_keeps_open_orders_and_continues_its_numbers() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99", newClientOrderId="mine")
    fresh = Engine(catalogue=desk.catalogue, balances={}, clock=lambda: desk.now)
    fresh.restore(desk.engine.snapshot())
    assert fresh.execute("openOrders.status", {})[0]["clientOrderId"] == "mine"
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert fresh.execute("order.place", params)["orderId"] == 2
