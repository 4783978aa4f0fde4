"""Seconds without protection by the venue's ledger alone: what was held against what stops covered.

Our own count is compared with it; both ends of the comparison come from different sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from bench.facts import OPEN_AT_VENUE, Facts, Window, first_id
from trading.paper.catalogue import spec_of

LONGEST_S = 10.0
# Our count works on the venue's own moments; more than this below the truth is a count that flatters.
COUNT_SLACK_S = 1.0
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a trade held what no stop covered, in seconds since 1970."""

    key: str
    symbol: str
    begins_s: float
    ends_s: float

    @property
    def length_s(self) -> float:
        """How long it lasted."""
        return self.ends_s - self.begins_s


def protection(facts: Facts) -> list[str]:
    """No trade is longer without protection than it may be, and our own count does not flatter."""
    found = gaps(facts)
    counted = {row["key"]: float(row["unprotected_s"]) for row in facts.trades}
    truth: dict[str, float] = defaultdict(float)
    for gap in found:
        truth[gap.key] += gap.length_s
    lines = []
    for gap in found:
        left_s = outside(gap, facts.blocked)
        if left_s > LONGEST_S:
            lines.append(
                f"protection: {gap.key} {gap.symbol} had none for {left_s:.1f} s from {gap.begins_s:.3f}"
            )
    return lines + [
        f"protection: {key} counts {counted.get(key, 0.0):.2f} s without, the venue says {seconds:.2f}"
        for key, seconds in truth.items()
        if counted.get(key, 0.0) + COUNT_SLACK_S < seconds
    ]


def gaps(facts: Facts) -> list[Gap]:
    """Give every gap of every trade, by the venue's own fills and orders."""
    orders: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in facts.our_orders():
        orders[_key(order)].append(order)
    fills: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for fill in facts.our_fills():
        fills[fill["orderId"]].append(fill)
    now_ms = max((int(order["updateTime"]) for order in facts.venue["orders"]), default=0)
    found: list[Gap] = []
    account = _account(facts)
    for key, group in orders.items():
        if facts.has_true_times(group):
            base = spec_of(str(group[0]["symbol"])).base
            found += _gaps_of(key, group, fills, account.get(base, []), dust=facts.dust(key), now_ms=now_ms)
    return found


def outside(gap: Gap, blocked: Iterable[Window]) -> float:
    """Give the seconds of a gap that lie in no window."""
    left, moment = 0.0, gap.begins_s
    for window in sorted(blocked, key=lambda each: each.begins_s):
        if window.symbol not in (None, gap.symbol):
            continue
        if window.ends_s <= moment or window.begins_s >= gap.ends_s:
            continue
        left += max(window.begins_s - moment, 0.0)
        moment = max(moment, window.ends_s)
    return left + max(gap.ends_s - moment, 0.0)


def _account(facts: Facts) -> dict[str, list[tuple[int, Decimal]]]:
    """Give what the account holds of each base asset after each fill, ours and foreign, as (ms, total).

    Deposits count from the beginning and withdrawals never: their moments are not known, and so no gap is
    explained by coins that may have been there.
    """
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for name in ("initial_balances", "adjustments"):
        for asset, amount in facts.venue.get(name, {}).items():
            totals[asset] += max(Decimal(amount), ZERO)
    found: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for fill in sorted(facts.venue["fills"], key=lambda each: int(each["time"])):
        base = spec_of(str(fill["symbol"])).base
        totals[base] += Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
        totals[fill["commissionAsset"]] -= Decimal(fill["commission"])
        found[base].append((int(fill["time"]), totals[base]))
    return found


def _key(order: Mapping[str, Any]) -> str:
    return first_id(order).split("-")[1]


def _gaps_of(
    key: str,
    orders: list[dict[str, Any]],
    fills: Mapping[int, list[dict[str, Any]]],
    account: list[tuple[int, Decimal]],
    *,
    dust: tuple[int, Decimal] | None,
    now_ms: int,
) -> list[Gap]:
    """Walk through the moments at which something changed; the state after the last change of one counts.

    Args:
        account: What the account holds of the base asset. What others took is held by no trade any more.
        dust: When the trade was closed, in ms, and what no order could carry by the rules of that moment.
    """
    changes: dict[int, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    symbol, price = str(orders[0]["symbol"]), ZERO
    base = spec_of(symbol).base
    for order in orders:
        for fill in fills.get(order["orderId"], []):
            sign = 1 if fill["side"] == "BUY" else -1
            fee = Decimal(fill["commission"]) if fill["commissionAsset"] == base else ZERO
            changes[int(fill["time"])].append((sign * Decimal(fill["qty"]) - fee, ZERO))
            price = price or Decimal(fill["price"])
        begins_ms, ends_ms, qty = _cover(order, orders, fills)
        if begins_ms < ends_ms:
            changes[begins_ms].append((ZERO, qty))
            changes[ends_ms].append((ZERO, -qty))
    if dust is not None:
        changes[dust[0]].append((-dust[1], ZERO))
    held = covered = ZERO
    since_ms: int | None = None
    found = []
    there = dict(account)  # after the last fill of a moment
    for moment_ms in there:
        changes[moment_ms] += []
    for moment_ms in sorted(changes):
        held += sum((change[0] for change in changes[moment_ms]), ZERO)
        covered += sum((change[1] for change in changes[moment_ms]), ZERO)
        held = min(held, max(there.get(moment_ms, held), ZERO)) if held > ZERO else held
        # What no order could carry beside the stop, say after a fee that fell, is not a hole in it.
        is_bare = _needed(symbol, held - covered, price) > ZERO
        if is_bare and since_ms is None:
            since_ms = moment_ms
        elif not is_bare and since_ms is not None:
            found.append(Gap(key, symbol, since_ms / 1000, moment_ms / 1000))
            since_ms = None
    if since_ms is not None and now_ms > since_ms:
        found.append(Gap(key, symbol, since_ms / 1000, now_ms / 1000))
    return found


def _needed(symbol: str, held: Decimal, price: Decimal) -> Decimal:
    """Give what must be covered of a held quantity: nothing of what is too small to be sold."""
    spec = spec_of(symbol)
    fitted = (held / spec.step_size).to_integral_value(ROUND_FLOOR) * spec.step_size
    return fitted if fitted >= spec.min_qty and fitted * price >= spec.min_notional else ZERO


def _cover(
    order: Mapping[str, Any],
    orders: Iterable[Mapping[str, Any]],
    fills: Mapping[int, list[dict[str, Any]]],
) -> tuple[int, int, Decimal]:
    """Give from when to when, in ms, a stop waited for its trigger, and the quantity; (0, 0, 0) for none."""
    if order["type"] not in STOPS:
        return 0, 0, ZERO
    begins_ms = int(order["time"])
    # A leg that waited for its entry stands from the entry's last fill on.
    entries = [
        each for each in orders if each["orderListId"] == order["orderListId"] and each["side"] == "BUY"
    ]
    if entries and order["orderListId"] != -1:
        filled = [int(fill["time"]) for fill in fills.get(entries[0]["orderId"], [])]
        if entries[0]["status"] != "FILLED" or not filled or order["status"] == "PENDING_NEW":
            return 0, 0, ZERO
        begins_ms = max(begins_ms, max(filled))
    if order["is_triggered"]:
        ends_ms = int(order["workingTime"]) if int(order["workingTime"]) > 0 else int(order["updateTime"])
    else:
        ends_ms = 1 << 62 if order["status"] in OPEN_AT_VENUE else int(order["updateTime"])
    return begins_ms, ends_ms, Decimal(order["origQty"])
