"""Reads about symbols: rules, volumes, blacklist."""

from collections.abc import Collection
from datetime import datetime

from trading.domain.fees import STANDARD_FEE
from trading.domain.instrument import Instrument
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


def list_bars(*, actor: str) -> list[BlacklistEntry]:
    """Give all blacklist entries that somebody made, the oldest first, those that are over included."""
    return list(BlacklistEntry.objects.filter(created_by=actor).order_by("created_at"))
