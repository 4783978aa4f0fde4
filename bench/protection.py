"""Seconds without protection while nothing goes wrong: per trade and kind of protection.

Busy workers enter and leave by target, stop, trailing stop and time on symbols of every kind. The venue's own
orders and fills tell what no stop covered, after the entry's fill and in the whole life of the trade; our
count stands beside it. Where the market had passed the exits before the entry was filled, the venue refuses
them; such trades are told apart, because no order could have covered them.
"""

import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.coverage import gaps
from bench.facts import Facts, first_id, read_facts
from bench.house import House
from bench.stack import ledger_differences, quantile, wait_until

SAME_MOMENT_S = 0.002


def measure(*, minutes: float = 3.0) -> dict[str, Any]:
    """Trade for some minutes and give the seconds without protection."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, House(Path(folder), seed=11) as house:
        house.hire()
        time.sleep(minutes * 60)
        house.stack.manage("kill", "--level", "flatten")

        def is_flat() -> bool:
            """no open trade"""
            return not house.stack.rows(
                "select 1 from trading_trade where state in ('OPENING', 'OPEN', 'CLOSING')"
            )

        wait_until(is_flat, limit_s=30)
        differences = ledger_differences(house.stack)
        return {**_by_mode(read_facts(house.stack)), "ledger_differences": differences}


def _by_mode(facts: Facts) -> dict[str, Any]:
    found = gaps(facts)
    passed = _passed_before_the_fill(facts)
    modes: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for trade in facts.trades:
        if trade["opened_at"] is None:
            continue
        opened_s = datetime.fromisoformat(trade["opened_at"]).replace(tzinfo=UTC).timestamp()
        own = [gap for gap in found if gap.key == trade["key"]]
        after_entry_s = sum(gap.length_s for gap in own if abs(gap.begins_s - opened_s) < SAME_MOMENT_S)
        seconds = after_entry_s, sum(gap.length_s for gap in own), float(trade["unprotected_s"])
        mode = (
            f"{trade['protection']}, market past the exits" if trade["key"] in passed else trade["protection"]
        )
        modes[mode].append(seconds)
        modes["all"].append(seconds)
    return {mode: _figures(seconds) for mode, seconds in sorted(modes.items())}


def _passed_before_the_fill(facts: Facts) -> set[str]:
    """Give the trades of which the venue refused every exit that came with the entry, when it was filled."""
    lists: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for order in facts.our_orders():
        if order["orderListId"] != -1:
            lists[order["orderListId"]].append(order)
    found = set()
    for orders in lists.values():
        bought = [order for order in orders if order["side"] == "BUY" and order["status"] == "FILLED"]
        exits = [order for order in orders if order["side"] == "SELL"]
        if bought and all(
            order["status"] == "EXPIRED" and not Decimal(order["executedQty"]) and not order["is_triggered"]
            for order in exits
        ):
            found.add(first_id(bought[0]).split("-")[1])
    return found


def _figures(seconds: list[tuple[float, float, float]]) -> dict[str, Any]:
    after_entry, whole, counted = (list(each) for each in zip(*seconds, strict=True))
    return {
        "trades": len(seconds),
        "after_entry_p99_s": round(quantile(after_entry, 0.99), 4),
        "after_entry_longest_s": round(max(after_entry), 4),
        "whole_p50_s": round(quantile(whole, 0.5), 4),
        "whole_p99_s": round(quantile(whole, 0.99), 4),
        "whole_longest_s": round(max(whole), 4),
        "counted_longest_s": round(max(counted), 4),
    }
