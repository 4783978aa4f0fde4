"""Judges of a run: each compares our database with the venue's own truth and names what is wrong.

An oracle takes Facts and gives violations, one line each, beginning with its own name; none means that all is
well. They share no code with what they judge: money is summed here again from the venue's fills.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from bench.coverage import protection
from bench.facts import OPEN_AT_VENUE, Facts, effect, first_id, number, venue_totals
from bench.menaces import PLACED_TWICE
from trading.paper.catalogue_symbols import split_symbol

# Refusals of requests that broke a rule of a symbol or of the account's budget.
FILTER_CODES = ("-1013", "-1100", "-1111")
BUDGET_CODES = ("-1003", "-1015")
UNFINISHED = ("INITIALIZED", "SUBMITTED")
OPEN_TRADES = ("OPENING", "OPEN", "CLOSING")
ZERO = Decimal(0)


def ledger(facts: Facts) -> list[str]:
    """Per asset our ledger equals what the venue holds, once all that others did is booked or known."""
    theirs = venue_totals(facts.venue)
    ours = {row["asset"]: number(row["ledger"]) for row in facts.balances}
    pending = unbooked(facts)
    return [
        f"ledger: {asset} ours {ours.get(asset, ZERO)} venue {theirs.get(asset, ZERO)}"
        f" not booked of others {pending.get(asset, ZERO)}"
        for asset in sorted(ours.keys() | theirs.keys())
        if ours.get(asset, ZERO) + pending.get(asset, ZERO) != theirs.get(asset, ZERO)
    ]


def unbooked(facts: Facts) -> dict[str, Decimal]:
    """Give what others moved on the account and our ledger has not been told of, per asset."""
    moved = effect(facts.foreign_fills(), _assets(facts))
    for asset, amount in facts.venue["adjustments"].items():
        moved[asset] = moved.get(asset, ZERO) + Decimal(amount)
    for row in facts.externals:
        moved[row["asset"]] = moved.get(row["asset"], ZERO) - number(row["amount"])
    return {asset: amount for asset, amount in moved.items() if amount}


def honesty(facts: Facts) -> list[str]:
    """What others moved and our ledger was not told of is what our own reconcile reports, exactly."""
    if facts.reported is None:
        return []
    pending = unbooked(facts)
    return [
        f"honesty: {asset} differs by {pending.get(asset, ZERO)}, reported {facts.reported.get(asset, ZERO)}"
        for asset in sorted(pending.keys() | facts.reported.keys())
        if pending.get(asset, ZERO) != facts.reported.get(asset, ZERO)
    ]


def fills(facts: Facts) -> list[str]:
    """Every fill of our orders at the venue is in our database with the same figures, and no other."""
    theirs = {
        (fill["symbol"], fill["tradeId"]): (
            Decimal(fill["qty"]),
            Decimal(fill["price"]),
            Decimal(fill["commission"]),
            fill["commissionAsset"],
            fill["side"],
        )
        for fill in facts.our_fills()
    }
    ours = {
        (row["symbol"], row["venue_fill_id"]): (
            number(row["qty"]),
            number(row["price"]),
            number(row["fee"]),
            row["fee_asset"],
            row["side"],
        )
        for row in facts.fills
    }
    return [
        *(f"fills: {key} is not in our database" for key in sorted(theirs.keys() - ours.keys())),
        *(f"fills: {key} is not at the venue" for key in sorted(ours.keys() - theirs.keys())),
        *(
            f"fills: {key} ours {_texts(ours[key])} venue {_texts(theirs[key])}"
            for key in sorted(ours.keys() & theirs.keys())
            if ours[key] != theirs[key]
        ),
    ]


def orders(facts: Facts) -> list[str]:
    """No intent was placed twice, none is unknown to us, and never did two live for the same end."""
    known = {row["client_order_id"] for row in facts.orders}
    placed = Counter(first_id(order) for order in facts.our_orders())
    lives: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in facts.our_orders():
        lives[_purpose(first_id(order))].append(order)
    return [
        *(
            f"orders: {name} was placed {times} times"
            for name, times in placed.items()
            if times > 1 and PLACED_TWICE not in facts.excused
        ),
        *(f"orders: {name} is unknown to our database" for name in sorted(placed.keys() - known)),
        *(line for group in lives.values() if facts.has_true_times(group) for line in _overlaps(group)),
    ]


def nothing_left(facts: Facts) -> list[str]:
    """After a flatten: no open order of ours, no open trade, nothing unknown, positions as at the venue."""
    return [
        *(
            f"left: order {first_id(order)} {order['status']} at the venue"
            for order in facts.our_orders()
            if order["status"] in OPEN_AT_VENUE
        ),
        *(
            f"left: trade {row['key']} {row['symbol']} {row['state']} qty {row['qty']}"
            for row in facts.trades
            if row["state"] in OPEN_TRADES
        ),
        *(
            f"left: order {row['client_order_id']} {row['status']} in our database"
            for row in facts.orders
            if row["status"] in UNFINISHED
        ),
        *positions(facts),
    ]


def positions(facts: Facts) -> list[str]:
    """What our trades hold, dust included, is what our fills left at the venue, per base asset."""
    bases = {row["base_asset"] for row in facts.trades}
    held: dict[str, Decimal] = defaultdict(Decimal)
    for row in facts.trades:
        held[row["base_asset"]] += number(row["qty"])
    moved = effect(facts.our_fills(), _assets(facts))
    for row in facts.fills:  # fees of other symbols that an asset paid are no part of a position in it
        if row["fee_asset"] in bases and row["fee_asset"] != split_symbol(row["symbol"])[0]:
            moved[row["fee_asset"]] += number(row["fee"])
    return [
        f"left: position in {asset} ours {held[asset]} by the venue's fills {moved.get(asset, ZERO)}"
        for asset in sorted(bases)
        if held[asset] != moved.get(asset, ZERO)
    ]


def rules(facts: Facts) -> list[str]:
    """No request broke a filter of its symbol or the budget, unless a fault made it so."""
    return [
        f"rules: {count} calls of {method} were refused with {code}"
        for (method, code), count in sorted(facts.calls.items())
        if code in (*FILTER_CODES, *BUDGET_CODES) and code not in facts.excused
    ]


ORACLES: Mapping[str, Callable[[Facts], list[str]]] = {
    "ledger": ledger,
    "honesty": honesty,
    "fills": fills,
    "orders": orders,
    "left": nothing_left,
    "protection": protection,
    "rules": rules,
}


def judge(facts: Facts, names: Iterable[str] = tuple(ORACLES)) -> list[str]:
    """Give the violations that these oracles find."""
    return [line for name in names for line in ORACLES[name](facts)]


def _assets(facts: Facts) -> dict[str, tuple[str, str]]:
    return {symbol: split_symbol(symbol) for symbol in {fill["symbol"] for fill in facts.venue["fills"]}}


def _texts(values: Iterable[object]) -> str:
    return " ".join(str(value) for value in values)


def _purpose(name: str) -> str:
    """Give trade and role of an id such as fc-KEY-S2: its attempts may follow each other, not meet."""
    return name.rstrip("0123456789")


def _overlaps(group: list[dict[str, Any]]) -> list[str]:
    """Name the orders of one purpose that were alive at the same time; all times are the venue's."""
    ordered = sorted(group, key=lambda order: (order["time"], order["orderId"]))
    lines = []
    ends_ms, holder = -1, ""
    for order in ordered:
        name = first_id(order)
        if holder and order["time"] < ends_ms and name != holder:
            lines.append(f"orders: {name} was alive together with {holder}")
        end_ms = 1 << 62 if order["status"] in OPEN_AT_VENUE else int(order["updateTime"])
        if end_ms > ends_ms:
            ends_ms, holder = end_ms, name
    return lines
