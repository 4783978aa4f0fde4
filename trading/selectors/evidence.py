"""What trading has to show for itself over a stretch of time: latency, conflicts, protection, wins, drawdown.

Called by monitoring for the acceptance page, the reports and the health of this day. Reads only; what cannot
be known from the rows is None.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum

from trading.domain.performance import wilson_interval
from trading.domain.trades import ExitReason, TradeState
from trading.domain.universe import DELISTING_ANNOUNCED
from trading.domain.values import ZERO, OrderRole
from trading.models import Balance, BlacklistEntry, Order, Trade
from trading.selectors.trades import CHUNK

DAY = timedelta(hours=24)
# Of so many rows at most the newest are looked at: a share of them is a share of all.
NEWEST = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """Closed trades of a stretch. `profit_factor` is gains over losses after fees; None without a loss."""

    trades: int
    wins: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    profit_factor: float | None
    pnl: Decimal
    unknown: int


def outcome(*, since: datetime | None, until: datetime | None = None, **only: Any) -> Outcome:
    """Give what the trades that were closed in a stretch came to; `only` narrows by fields of a trade."""
    rows = Trade.objects.filter(state=TradeState.CLOSED.value, **only)
    if since is not None:
        rows = rows.filter(closed_at__gte=since)
    if until is not None:
        rows = rows.filter(closed_at__lt=until)
    found = rows.aggregate(
        trades=Count("id", filter=Q(realised_pnl__isnull=False)),
        wins=Count("id", filter=Q(realised_pnl__gt=0)),
        unknown=Count("id", filter=Q(realised_pnl__isnull=True)),
        gains=Sum("realised_pnl", filter=Q(realised_pnl__gt=0)),
        losses=Sum("realised_pnl", filter=Q(realised_pnl__lt=0)),
    )
    trades, wins = found["trades"], found["wins"]
    gains, losses = found["gains"] or ZERO, found["losses"] or ZERO
    low, high = wilson_interval(wins, trades) or (None, None)
    return Outcome(
        trades=trades,
        wins=wins,
        win_rate=wins / trades if trades else None,
        win_rate_low=low,
        win_rate_high=high,
        profit_factor=float(gains / -losses) if losses else None,
        pnl=gains + losses,
        unknown=found["unknown"],
    )


def outcome_by(field: str, *, since: datetime, until: datetime) -> dict[str, Outcome]:
    """Give the same for each value of a field, say `symbol` or `version__strategy`, by name."""
    rows = Trade.objects.filter(state=TradeState.CLOSED.value, closed_at__gte=since, closed_at__lt=until)
    names = rows.order_by(field).values_list(field, flat=True).distinct()
    return {str(name): outcome(since=since, until=until, **{field: name}) for name in names}


def signal_to_order_ms(*, since: datetime) -> list[float]:
    """Give, for each entry, the milliseconds from the closing frame's arrival to the request's leaving."""
    rows = (
        Order.objects.filter(
            role=OrderRole.ENTRY.value,
            created_at__gte=since,
            left_at__isnull=False,
            trade__signal_arrived_at__isnull=False,
        )
        .order_by("-created_at")
        .values_list("left_at", "trade__signal_arrived_at")[:NEWEST]
    )
    return [(left - arrived).total_seconds() * 1000 for left, arrived in rows if left and arrived]


def unprotected_seconds(*, since: datetime) -> list[float]:
    """Give, for each trade that held something, the seconds in which nothing protected it."""
    rows = Trade.objects.filter(opened_at__gte=since).order_by("-opened_at")
    return list(rows.values_list("unprotected_s", flat=True)[:NEWEST])


def conflicts(*, since: datetime) -> int:
    """Count trades that should not have been: a second one on a symbol, a second one for a decision."""
    doubled = (
        Trade.objects.filter(decided_at__gte=since)
        .values("worker", "symbol", "candle_open_at")
        .annotate(number=Count("id"))
        .filter(number__gt=1)
        .count()
    )
    held = Trade.objects.filter(opened_at__gte=since).order_by("symbol", "opened_at")
    rows = held.values_list("symbol", "opened_at", "closed_at")
    spans = rows.iterator(chunk_size=CHUNK)
    return doubled + _overlaps((symbol, opened, closed) for symbol, opened, closed in spans if opened)


def _overlaps(rows: Iterable[tuple[str, datetime, datetime | None]]) -> int:
    number, last_symbol, busy_until = 0, "", None
    for symbol, opened_at, closed_at in rows:
        if symbol == last_symbol and (busy_until is None or opened_at < busy_until):
            number += 1
        last_symbol, busy_until = symbol, closed_at
    return number


def exits_gone_wrong(*, since: datetime) -> tuple[int, int]:
    """Give the trades closed since, and how many of them were left because nothing protected them."""
    rows = Trade.objects.filter(state=TradeState.CLOSED.value, closed_at__gte=since)
    wrong = rows.filter(exit_reason=ExitReason.UNPROTECTED.value).count()
    return rows.count(), wrong


def drawdown(*, now: datetime) -> float:
    """Give the largest part of a quote asset that was lost since the best moment of the last 24 hours.

    Only closed trades count; deposits and withdrawals do not.
    """
    pnl: dict[str, Decimal] = {}
    peaks: dict[str, Decimal] = {}
    closed = Trade.objects.filter(closed_at__gte=now - DAY, realised_pnl__isnull=False)
    rows = closed.order_by("closed_at").values_list("quote_asset", "realised_pnl")
    # A few at a time: whoever asks again and again must not grow with the trades of a day.
    for asset, gained in rows.iterator(chunk_size=CHUNK):
        pnl[asset] = pnl.get(asset, ZERO) + (gained or ZERO)
        peaks[asset] = max(peaks.get(asset, ZERO), pnl[asset])
    lost = {asset: peaks[asset] - pnl[asset] for asset in pnl if peaks[asset] > pnl[asset]}
    owned = dict(Balance.objects.filter(asset__in=lost).values_list("asset", "ledger"))
    shares = (
        float(amount / (owned[asset] + amount))
        for asset, amount in lost.items()
        if owned.get(asset, ZERO) > 0
    )
    return max(shares, default=0.0)


def blacklistings(*, since: datetime) -> list[BlacklistEntry]:
    """Give what was barred since, newest first, whoever did it."""
    return list(BlacklistEntry.objects.filter(created_at__gte=since).order_by("-created_at")[:NEWEST])


def automatic_blacklistings() -> int:
    """Count the symbols barred with evidence that a program gathered; an announced delisting is none."""
    gathered = BlacklistEntry.objects.exclude(evidence={}).exclude(reason=DELISTING_ANNOUNCED)
    return gathered.filter(expires_at__gt=F("created_at")).count()
