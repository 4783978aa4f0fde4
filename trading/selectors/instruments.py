"""Reads about symbols: rules, volumes, blacklist."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.domain.fees import STANDARD_FEE
from trading.domain.instrument import Instrument
from trading.domain.missed import Missed
from trading.domain.universe import ListedSymbol
from trading.models import BlacklistEntry, InstrumentRow
from trading.selectors.prepared import Prepared


def to_instrument(row: InstrumentRow) -> Instrument:
    """Give the rules of a stored symbol."""
    return Instrument(
        symbol=row.symbol,
        base_asset=row.base_asset,
        quote_asset=row.quote_asset,
        status=row.status,
        tick_size=row.tick_size,
        step_size=row.step_size,
        min_qty=row.min_qty,
        max_qty=row.max_qty,
        market_max_qty=row.market_max_qty,
        min_notional=row.min_notional,
        order_types=frozenset(row.order_types),
        oco_allowed=row.oco_allowed,
        oto_allowed=row.oto_allowed,
        opo_allowed=row.opo_allowed,
        trailing_allowed=row.trailing_allowed,
        cancel_replace_allowed=row.cancel_replace_allowed,
        maker_fee=STANDARD_FEE if row.maker_fee is None else row.maker_fee,
        taker_fee=STANDARD_FEE if row.taker_fee is None else row.taker_fee,
        discount_asset=row.discount_asset or None,
        read_at=row.updated_at,
    )


def get_instrument(symbol: str) -> Instrument:
    """Give the rules of a symbol. Raises InstrumentRow.DoesNotExist."""
    return to_instrument(InstrumentRow.objects.get(symbol=symbol))


def get_instruments(symbols: Collection[str]) -> dict[str, Instrument]:
    """Give the rules of those of the symbols that are known."""
    rows = InstrumentRow.objects.filter(symbol__in=symbols)
    return {row.symbol: to_instrument(row) for row in rows}


def list_listed() -> list[ListedSymbol]:
    """Give all known symbols as universe rules see them."""
    return [
        ListedSymbol(
            instrument=to_instrument(row),
            quote_volume=row.quote_volume_24h,
            first_seen_at=row.first_seen_at,
        )
        for row in InstrumentRow.objects.all()
    ]


def list_barred(*, now: datetime) -> set[str]:
    """Give the symbols that are on the blacklist now."""
    return {symbol for symbol, expires_at in _BARRED.rows() if expires_at is None or expires_at > now}


_BARRED: Prepared[tuple[str, datetime | None]] = Prepared(
    lambda: BlacklistEntry.objects.filter(lifted_at__isnull=True).values_list("symbol", "expires_at"),
    lambda symbol, expires_at: (symbol, expires_at),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """The stretch for which an entry of the blacklist bars, or barred, its symbol."""

    entry_id: int
    symbol: str
    since: datetime
    until: datetime


def list_bars_to_measure(*, now: datetime, older_than: timedelta) -> list[Bar]:
    """Give the bars whose effect has not been measured to its end, nor within `older_than`.

    A trade that the bar prevented may be held longer than the bar lasts: it is measured until all are closed.
    """
    bars = []
    for entry in BlacklistEntry.objects.order_by("created_at"):
        until = min(moment for moment in (now, entry.lifted_at, entry.expires_at) if moment is not None)
        seen = entry.missed_until
        is_whole = seen is not None and seen >= until and until < now and not entry.missed_open
        if entry.created_at < until and not is_whole and (seen is None or now - seen >= older_than):
            bars.append(Bar(entry.pk, entry.symbol, entry.created_at, until))
    return bars


def missed_of(entry: BlacklistEntry) -> Missed:
    """Give what an entry of the blacklist kept from being made, as far as it is known."""
    return Missed(
        trades=entry.missed_trades,
        open_trades=entry.missed_open,
        pnl=entry.missed_pnl,
        mean_bps=entry.missed_bps,
        error_bps=entry.missed_error_bps,
        until=entry.missed_until,
        note=entry.missed_note,
    )


def list_bars(*, actor: str) -> list[BlacklistEntry]:
    """Give all blacklist entries that somebody made, the oldest first, those that are over included."""
    return list(BlacklistEntry.objects.filter(created_by=actor).order_by("created_at"))
