"""The judges of a chaos run: silent about a clean run, and each names the one thing that is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bench.coverage import gaps, outside
from bench.facts import Facts, Window
from bench.menaces import PLACED_TWICE
from bench.oracles import judge, unbooked

KEY = "ABCDEFGHIJKLMNOP"
BEGAN_S = 1_700_000_000
SYMBOL = "BTCUSDT"


def _ms(seconds: float) -> int:
    return round((BEGAN_S + seconds) * 1000)


def _order(number: int, role: str, *, begins_s: float, ends_s: float, **changes: Any) -> dict[str, Any]:
    side, kind, qty = {
        "E0": ("BUY", "LIMIT", "0.01"),
        "S1": ("SELL", "STOP_LOSS", "0.00999"),
        "X0": ("SELL", "MARKET", "0.00999"),
    }[role]
    return {
        "symbol": SYMBOL,
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": f"fc-{KEY}-{role}",
        "formerClientOrderIds": [],
        "side": side,
        "type": kind,
        "origQty": qty,
        "executedQty": qty,
        "status": "FILLED",
        "time": _ms(begins_s),
        "updateTime": _ms(ends_s),
        "workingTime": _ms(begins_s),
        "is_triggered": False,
    } | changes


def _fill(number: int, order: dict[str, Any], price: str, fee: str, fee_asset: str) -> dict[str, Any]:
    qty = order["origQty"]
    return {
        "symbol": SYMBOL,
        "tradeId": number,
        "orderId": order["orderId"],
        "clientOrderId": order["clientOrderId"],
        "side": order["side"],
        "price": price,
        "qty": qty,
        "quoteQty": f"{float(price) * float(qty):.2f}",
        "commission": fee,
        "commissionAsset": fee_asset,
        "time": order["updateTime"],
    }


def _row(fill: dict[str, Any]) -> dict[str, Any]:
    return {
        "symbol": fill["symbol"],
        "venue_fill_id": fill["tradeId"],
        "side": fill["side"],
        "price": fill["price"],
        "qty": fill["qty"],
        "fee": fill["commission"],
        "fee_asset": fill["commissionAsset"],
    }


@pytest.fixture
def facts() -> Facts:
    """One round trip: bought at 0 s, stop from 0.1 s, cancelled and sold at 5 s; nothing is left."""
    entry = _order(1, "E0", begins_s=0, ends_s=0)
    stop = _order(
        2,
        "S1",
        begins_s=0.1,
        ends_s=5,
        status="CANCELED",
        executedQty="0",
        clientOrderId="cancel",
        formerClientOrderIds=[f"fc-{KEY}-S1"],
    )
    leaving = _order(3, "X0", begins_s=5, ends_s=5)
    fills = [_fill(1, entry, "50000", "0.00001", "BTC"), _fill(2, leaving, "50100", "0.50", "USDT")]
    venue = {
        "initial_balances": {"USDT": "1000"},
        "adjustments": {},
        "balances": {"USDT": {"free": "999.99", "locked": "0"}, "BTC": {"free": "0", "locked": "0"}},
        "orders": [entry, stop, leaving],
        "fills": fills,
    }
    ids = [f"fc-{KEY}-{role}" for role in ("E0", "S1", "X0")]
    trade = {"key": KEY, "symbol": SYMBOL, "base_asset": "BTC", "state": "CLOSED", "qty": "0"}
    return Facts(
        venue=venue,
        orders=[{"client_order_id": name, "status": "FILLED"} for name in ids],
        fills=[_row(fill) for fill in fills],
        trades=[trade | {"unprotected_s": 0.1}],
        balances=[{"asset": "USDT", "ledger": "999.99"}, {"asset": "BTC", "ledger": "0"}],
        externals=[],
    )


def test_a_clean_run_is_not_blamed(facts: Facts) -> None:
    assert judge(facts) == []


def _lose_fill(facts: Facts) -> None:
    facts.fills.pop()


def _invent_fill(facts: Facts) -> None:
    facts.fills.append(facts.fills[0] | {"venue_fill_id": 9})


def _misread_fee(facts: Facts) -> None:
    facts.fills[0]["fee"] = "0.00002"


def _misbook(facts: Facts) -> None:
    facts.balances[0]["ledger"] = "999.98"


def _place_twice(facts: Facts) -> None:
    facts.venue["orders"].append(facts.venue["orders"][2] | {"orderId": 4, "status": "EXPIRED"})


def _forget_order(facts: Facts) -> None:
    facts.orders.pop()


def _let_two_live(facts: Facts) -> None:
    facts.venue["orders"].append(
        _order(4, "S1", begins_s=2, ends_s=3, clientOrderId=f"fc-{KEY}-S2", status="EXPIRED")
    )
    facts.orders.append({"client_order_id": f"fc-{KEY}-S2", "status": "EXPIRED"})


def _leave_order(facts: Facts) -> None:
    facts.venue["orders"][1]["status"] = "NEW"


def _leave_trade(facts: Facts) -> None:
    facts.trades[0]["state"] = "OPEN"


def _leave_unknown(facts: Facts) -> None:
    facts.orders[2]["status"] = "SUBMITTED"


def _hold_what_is_sold(facts: Facts) -> None:
    facts.trades[0]["qty"] = "0.00999"


def _protect_late(facts: Facts) -> None:
    facts.venue["orders"][1] |= {"time": _ms(20), "updateTime": _ms(25)}
    facts.venue["orders"][2] |= {"time": _ms(25), "updateTime": _ms(25)}
    facts.venue["fills"][1]["time"] = _ms(25)
    facts.trades[0]["unprotected_s"] = 20.0


def _flatter(facts: Facts) -> None:
    facts.venue["orders"][1]["time"] = _ms(3)


def _break_filter(facts: Facts) -> None:
    facts.calls["order.place", "-1013"] = 1


WRONGS: dict[str, tuple[Callable[[Facts], None], str]] = {
    "fill lost": (_lose_fill, "fills: ('BTCUSDT', 2) is not in our database"),
    "fill invented": (_invent_fill, "fills: ('BTCUSDT', 9) is not at the venue"),
    "fee misread": (_misread_fee, "fills: ('BTCUSDT', 1) ours"),
    "ledger": (_misbook, "ledger: USDT ours 999.98 venue 999.99"),
    "placed twice": (_place_twice, f"orders: fc-{KEY}-X0 was placed 2 times"),
    "order unknown": (_forget_order, f"orders: fc-{KEY}-X0 is unknown"),
    "two stops": (_let_two_live, f"orders: fc-{KEY}-S2 was alive together with fc-{KEY}-S1"),
    "order left": (_leave_order, f"left: order fc-{KEY}-S1 NEW"),
    "trade left": (_leave_trade, f"left: trade {KEY} BTCUSDT OPEN"),
    "unknown left": (_leave_unknown, f"left: order fc-{KEY}-X0 SUBMITTED"),
    "position": (_hold_what_is_sold, "left: position in BTC ours 0.00999"),
    "protection late": (_protect_late, f"protection: {KEY} BTCUSDT had none for 20.0 s"),
    "count flatters": (_flatter, f"protection: {KEY} counts 0.10 s without, the venue says 3.00"),
    "filter broken": (_break_filter, "rules: 1 calls of order.place were refused with -1013"),
}


@pytest.mark.parametrize(("spoil", "line"), WRONGS.values(), ids=WRONGS)
def test_a_wrong_is_named(facts: Facts, spoil: Callable[[Facts], None], line: str) -> None:
    spoiled = replace(deepcopy(facts), calls=Counter())
    spoil(spoiled)

    assert any(found.startswith(line) for found in judge(spoiled)), judge(spoiled)


def test_what_others_did_is_told_apart_until_it_is_booked(facts: Facts) -> None:
    facts.venue["adjustments"]["USDT"] = "5"
    facts.venue["balances"]["USDT"]["free"] = "1004.99"
    assert judge(facts) == []
    assert {asset: str(amount) for asset, amount in unbooked(facts).items()} == {"USDT": "5"}
    assert judge(replace(facts, reported={"USDT": Decimal(5)})) == []
    assert judge(replace(facts, reported={})) == ["honesty: USDT differs by 5, reported 0"]

    facts.externals.append({"asset": "USDT", "amount": "5"})
    facts.balances[0]["ledger"] = "1004.99"
    assert (judge(facts), unbooked(facts)) == ([], {})


def test_a_refusal_and_a_second_copy_that_a_fault_made_are_excused(facts: Facts) -> None:
    _break_filter(facts)
    _place_twice(facts)

    assert judge(replace(facts, excused=frozenset({"-1013", PLACED_TWICE}))) == []


def test_time_in_which_the_venue_took_no_order_is_left_out_of_a_gap(facts: Facts) -> None:
    _protect_late(facts)
    gap = gaps(facts)[0]
    shut = Window(BEGAN_S + 5, BEGAN_S + 12, "maintenance")
    elsewhere = Window(BEGAN_S, BEGAN_S + 20, "halted", symbol="ETHUSDT")

    assert outside(gap, [shut, elsewhere]) == pytest.approx(13.0)
    assert outside(gap, [shut, Window(BEGAN_S + 10, BEGAN_S + 16, "ban")]) == pytest.approx(9.0)


@pytest.mark.parametrize(("covered", "is_bare"), [("0.00995", False), ("0.00900", True)])
def test_a_rest_that_no_order_could_carry_needs_no_stop(facts: Facts, covered: str, *, is_bare: bool) -> None:
    facts.venue["orders"][1]["origQty"] = covered

    assert any(gap.length_s > 1 for gap in gaps(facts)) is is_bare


@pytest.mark.parametrize(("bought_before", "bare_s"), [("0", 3.0), ("0.00999", 20.0)])
def test_what_others_sold_is_held_bare_by_no_trade(facts: Facts, bought_before: str, bare_s: float) -> None:
    _protect_late(facts)
    foreign = {"symbol": SYMBOL, "commission": "0", "commissionAsset": "USDT", "price": "50000"}
    facts.venue["fills"][1:] = [
        foreign | {"tradeId": 8, "orderId": 8, "side": "BUY", "qty": bought_before, "time": _ms(-5)},
        foreign | {"tradeId": 9, "orderId": 9, "side": "SELL", "qty": "0.00999", "time": _ms(3)},
    ]

    assert [gap.length_s for gap in gaps(facts)] == [pytest.approx(bare_s)]


@pytest.mark.parametrize(("symbol", "is_dust"), [(SYMBOL, True), ("ETHUSDT", False)])
def test_dust_is_what_the_rules_of_its_moment_made_so(facts: Facts, symbol: str, *, is_dust: bool) -> None:
    facts.venue["fills"][1]["qty"] = "0.00899"
    facts.trades[0] |= {"closed_at": "2023-11-14 22:13:25", "dust_qty": "0.001"}
    coarser = Window(BEGAN_S + 2, BEGAN_S + 7, "rule-change", symbol)
    facts.venue["orders"].append(_order(9, "X0", begins_s=60, ends_s=60, orderId=9, clientOrderId="x"))

    found = gaps(replace(facts, coarser=[coarser]))

    assert any(gap.length_s > 1 for gap in found) is not is_dust


def test_moments_of_a_clock_that_was_set_apart_prove_nothing(facts: Facts) -> None:
    _protect_late(facts)
    skewed = replace(facts, skewed=[Window(BEGAN_S - 1, BEGAN_S + 1, "clock-skew")])

    assert gaps(skewed) == []
