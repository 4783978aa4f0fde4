"""Reads about the account's limits: what is allowed, what is at risk now, what this day has lost.

Called by services.entries under the account's lock, by status and by the dashboard. Amounts are kept by
quote asset and never mixed; a day begins at 00:00 UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from trading.domain.market import Quote
from trading.domain.orders import UNRESOLVED
from trading.domain.risk import AccountLimits
from trading.domain.trades import TradeState
from trading.domain.values import ZERO, OrderRole, to_decimal, to_text
from trading.models import AccountLimit, JournalEntry, Order, Trade
from trading.selectors.prepared import Prepared
from trading.selectors.trades import OPEN_STATE_NAMES

PLACES = Decimal("1e-8")
LOSS_REACHED = "limits.daily_loss_reached"


def limit_subject(quote_asset: str) -> str:
    """Name the limits of a quote asset in the journal."""
    return f"limits:{quote_asset}"


class OpenTrade(NamedTuple):
    """What is read of an open trade to tell what it binds and what it would lose.

    `is_entering`: the end of its entry is not known yet.
    """

    id: int
    worker_id: int
    symbol: str
    quote_asset: str
    state: str
    qty: Decimal
    entry_notional: Decimal
    exit_notional: Decimal
    reserved_notional: Decimal
    is_entering: bool

    @property
    def at_risk(self) -> Decimal:
        """What it binds: what was paid, or all that its entry may still cost."""
        if self.is_entering:
            return max(self.entry_notional, self.reserved_notional)
        return self.entry_notional or self.reserved_notional

    def loss(self, bid: Decimal) -> Decimal:
        """Give what it would lose if it were sold at the bid, fees aside; never negative."""
        return max(self.entry_notional - self.exit_notional - self.qty * bid, ZERO)


@dataclass(slots=True)
class DayLoss:
    """What the trades closed since 00:00 UTC lost together, never negative.

    `unknown` counts trades whose PnL is not known, because a fee was paid in an asset without a price.
    They count with what their fills lost; a gain of theirs counts as nothing. So the limit errs towards
    stopping early, by at most what they gained, and towards stopping late by at most their unknown fees.
    """

    pnl: Decimal = ZERO
    unknown: int = 0
    worst: Decimal = ZERO
    open_loss: Decimal = ZERO

    @property
    def loss(self) -> Decimal:
        """What counts against the limit: the loss so far with that of open trades, or a stop of this day.

        A day that was stopped stays stopped: exits that gain afterwards do not begin it again.
        """
        return max(-self.pnl + self.open_loss, self.worst, ZERO)


def get_limits(quote_assets: Collection[str]) -> dict[str, AccountLimits]:
    """Give the limits of those of the quote assets that have any."""
    return {asset: limits for asset, limits in _LIMITS.rows() if asset in quote_assets}


def to_limits(row: AccountLimit) -> AccountLimits:
    """Give a stored row as the rules know it."""
    return AccountLimits(row.max_exposure, row.max_symbol_exposure, row.max_daily_loss)


def open_trades_at_risk() -> list[OpenTrade]:
    """Give the open trades."""
    return _OPEN_TRADES.rows()


def _ask_open_trades() -> QuerySet[Trade, Any]:
    entries = Order.objects.filter(
        trade=OuterRef("pk"), role=OrderRole.ENTRY.value, status__in=[each.value for each in UNRESOLVED]
    )
    trades = Trade.objects.filter(state__in=OPEN_STATE_NAMES).annotate(is_entering=Exists(entries))
    return trades.values_list(*OpenTrade._fields)


def _ask_limits() -> QuerySet[AccountLimit, Any]:
    return AccountLimit.objects.values_list(
        "quote_asset", "max_exposure", "max_symbol_exposure", "max_daily_loss"
    )


_OPEN_TRADES = Prepared(_ask_open_trades, OpenTrade)
_LIMITS = Prepared(_ask_limits, lambda asset, *limits: (asset, AccountLimits(*limits)))


def day_losses(quote_assets: Collection[str], *, now: datetime) -> dict[str, DayLoss]:
    """Give what each of the quote assets lost since 00:00 UTC; open trades are not looked at."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # By the moment alone, so that its index is used: the state's would lead through all trades ever closed.
    today = Trade.objects.filter(closed_at__gte=midnight)
    is_unknown = Q(state=TradeState.CLOSED.value, realised_pnl__isnull=True)
    losses = {asset: DayLoss() for asset in quote_assets}
    sums = today.values("quote_asset").annotate(
        pnl=Sum("realised_pnl"), unknown=Count("id", filter=is_unknown)
    )
    for row in sums.order_by():
        if row["quote_asset"] in losses:
            day = losses[row["quote_asset"]]
            # A sum of SQLite carries the dust of its floats; what was summed has eight places.
            day.pnl, day.unknown = (row["pnl"] or ZERO).quantize(PLACES), row["unknown"]
    if any(day.unknown for day in losses.values()):
        for trade in today.filter(is_unknown, quote_asset__in=losses):
            losses[trade.quote_asset].pnl += min(trade.exit_notional - trade.entry_notional, ZERO)
    for asset, worst in _stops(losses, since=midnight):
        losses[asset].worst = max(losses[asset].worst, worst)
    return losses


def watched_losses(
    limits: Mapping[str, AccountLimits],
    open_trades: Iterable[OpenTrade],
    quotes: Mapping[str, Quote],
    *,
    now: datetime,
) -> dict[str, DayLoss]:
    """Give the day's losses where a limit asks for them; what open trades would lose now counts too."""
    watched = [asset for asset, each in limits.items() if each.max_daily_loss is not None]
    losses = day_losses(watched, now=now) if watched else {}
    for trade in open_trades:
        if trade.quote_asset in losses and trade.symbol in quotes:
            losses[trade.quote_asset].open_loss += trade.loss(quotes[trade.symbol].bid)
    return losses


def _stops(quote_assets: Iterable[str], *, since: datetime) -> Iterable[tuple[str, Decimal]]:
    subjects = {limit_subject(asset): asset for asset in quote_assets}
    rows = JournalEntry.objects.filter(subject__in=subjects, at__gte=since, action=LOSS_REACHED)
    return [(subjects[row.subject], to_decimal(row.after["loss"])) for row in rows]


class LimitFigures(TypedDict):
    """One quote asset against its limits, amounts as exact text; a limit of null is none.

    `daily_loss` is what counts against the limit, `open_loss` the part of it that open trades would lose
    at the bid; null where the price of one of them is not known (the others count).
    """

    quote_asset: str
    exposure: str
    max_exposure: str | None
    largest_symbol: str | None
    largest_symbol_exposure: str
    max_symbol_exposure: str | None
    daily_pnl: str
    unknown_pnl_trades: int
    open_loss: str | None
    daily_loss: str
    max_daily_loss: str | None
    daily_loss_reached: bool


@dataclass(slots=True)
class _Exposure:
    """Exposure by symbol in one quote asset."""

    by_symbol: dict[str, Decimal] = field(default_factory=dict)
    open_loss: Decimal = ZERO
    is_priced: bool = True


def limit_figures(*, now: datetime, bids: Mapping[str, Decimal] | None) -> list[LimitFigures]:
    """Give each quote asset that has a limit or an open trade, by name; without bids nothing has a price."""
    prices = bids or {}
    limits = {row.quote_asset: to_limits(row) for row in AccountLimit.objects.all()}
    exposures: dict[str, _Exposure] = {asset: _Exposure() for asset in limits}
    for trade in open_trades_at_risk():
        found = exposures.setdefault(trade.quote_asset, _Exposure())
        found.by_symbol[trade.symbol] = found.by_symbol.get(trade.symbol, ZERO) + trade.at_risk
        if trade.symbol in prices:
            found.open_loss += trade.loss(prices[trade.symbol])
        elif trade.qty:
            found.is_priced = False
    losses = day_losses(exposures, now=now) if exposures else {}
    for asset, day in losses.items():
        day.open_loss = exposures[asset].open_loss
    return [
        _figures(asset, exposures[asset], limits.get(asset, AccountLimits()), losses[asset])
        for asset in sorted(exposures)
    ]


def _figures(asset: str, exposure: _Exposure, limits: AccountLimits, day: DayLoss) -> LimitFigures:
    largest = max(exposure.by_symbol, key=lambda symbol: exposure.by_symbol[symbol], default=None)
    return LimitFigures(
        quote_asset=asset,
        exposure=_text(sum(exposure.by_symbol.values(), ZERO)),
        max_exposure=_limit(limits.max_exposure),
        largest_symbol=largest,
        largest_symbol_exposure=_text(exposure.by_symbol[largest] if largest else ZERO),
        max_symbol_exposure=_limit(limits.max_symbol_exposure),
        daily_pnl=_text(day.pnl),
        unknown_pnl_trades=day.unknown,
        open_loss=_text(day.open_loss) if exposure.is_priced else None,
        daily_loss=_text(day.loss),
        max_daily_loss=_limit(limits.max_daily_loss),
        daily_loss_reached=limits.max_daily_loss is not None and day.loss >= limits.max_daily_loss,
    )


def _text(amount: Decimal) -> str:
    return to_text(amount.quantize(PLACES))


def _limit(amount: Decimal | None) -> str | None:
    return None if amount is None else to_text(amount)
