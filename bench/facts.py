"""What the oracles judge: the venue's own ledger beside the rows of our database, as plain values.

`read_facts` takes both from a running stack; a test builds Facts itself.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.stack import Stack

OURS = "fc-"
OPEN_AT_VENUE = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED"})
TABLES = {
    "orders": "select * from trading_order",
    "fills": "select * from trading_fill",
    "trades": "select * from trading_trade",
    "balances": "select * from trading_balance",
    # What was there at the first start is in nobody's adjustments.
    "externals": "select * from trading_externalchange where ref not like 'opened:%'",
}


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the venue took no orders, or its clock was apart, in seconds since 1970, and why."""

    begins_s: float
    ends_s: float
    why: str
    symbol: str | None = None  # None: all of them


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides at one moment. Rows of the database are dictionaries by column."""

    venue: Mapping[str, Any]
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    balances: list[dict[str, Any]]
    externals: list[dict[str, Any]]
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    excused: frozenset[str] = frozenset()
    blocked: list[Window] = field(default_factory=list)
    skewed: list[Window] = field(default_factory=list)
    # Windows in which the smallest sale of a symbol was larger: what was called dust in them was dust.
    coarser: list[Window] = field(default_factory=list)
    reported: Mapping[str, Decimal] | None = None  # what our own reconcile says the venue has more, per asset

    def has_true_times(self, orders: Iterable[Mapping[str, Any]]) -> bool:
        """Tell whether no moment of these orders of the venue lies where its clock was set apart."""
        moments = [int(order[name]) / 1000 for order in orders for name in ("time", "updateTime")]
        return not any(
            window.begins_s <= moment <= window.ends_s for window in self.skewed for moment in moments
        )

    def dust(self, key: str) -> tuple[int, Decimal] | None:
        """Give when a trade was closed, in ms, and what it left as dust while the rules made it so."""
        for row in self.trades:
            closed_s = _seconds(row["closed_at"]) if row["key"] == key and row.get("closed_at") else 0.0
            if any(
                each.symbol == row["symbol"] and each.begins_s <= closed_s <= each.ends_s
                for each in self.coarser
            ):
                return round(closed_s * 1000), number(row["dust_qty"])
        return None

    def our_orders(self) -> list[dict[str, Any]]:
        """Give the venue's orders that carry, or carried before their cancel, an id of ours."""
        return [order for order in self.venue["orders"] if first_id(order).startswith(OURS)]

    def our_fills(self) -> list[dict[str, Any]]:
        """Give the venue's fills of our orders."""
        ours = {(order["symbol"], order["orderId"]) for order in self.our_orders()}
        return [fill for fill in self.venue["fills"] if (fill["symbol"], fill["orderId"]) in ours]

    def foreign_fills(self) -> list[dict[str, Any]]:
        """Give the venue's fills of everybody else's orders."""
        ours = {(fill["symbol"], fill["tradeId"]) for fill in self.our_fills()}
        return [fill for fill in self.venue["fills"] if (fill["symbol"], fill["tradeId"]) not in ours]


def first_id(order: Mapping[str, Any]) -> str:
    """Give the client id that an order of the venue was placed with; a cancel gives it another."""
    former: list[str] = order["formerClientOrderIds"]
    return former[0] if former else str(order["clientOrderId"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def number(value: object) -> Decimal:
    """Read a figure of a row; empty is 0."""
    return Decimal(str(value or 0))


def venue_totals(venue: Mapping[str, Any]) -> dict[str, Decimal]:
    """Give free and locked together, per asset."""
    return {
        asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in venue["balances"].items()
    }


def effect(fills: Iterable[Mapping[str, Any]], assets: Mapping[str, tuple[str, str]]) -> dict[str, Decimal]:
    """Give what fills of the venue moved, per asset; `assets` gives base and quote of a symbol."""
    moved: dict[str, Decimal] = {}
    for fill in fills:
        base, quote = assets[fill["symbol"]]
        sign = 1 if fill["side"] == "BUY" else -1
        for asset, amount in (
            (base, sign * Decimal(fill["qty"])),
            (quote, -sign * Decimal(fill["quoteQty"])),
            (fill["commissionAsset"], -Decimal(fill["commission"])),
        ):
            moved[asset] = moved.get(asset, Decimal(0)) + amount
    return moved


def read_facts(stack: Stack) -> Facts:
    """Ask the venue and read the database, one right after the other."""
    venue = stack.ask_venue("/paper/ledger")
    with closing(sqlite3.connect(stack.home / "fastcycle.sqlite3", timeout=20)) as database:
        database.row_factory = sqlite3.Row
        database.execute("begin")
        rows = {name: [dict(row) for row in database.execute(query)] for name, query in TABLES.items()}
    return Facts(
        venue=venue,
        orders=rows["orders"],
        fills=rows["fills"],
        trades=rows["trades"],
        balances=rows["balances"],
        externals=rows["externals"],
    )
