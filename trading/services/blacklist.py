"""Bars symbols from new entries and lifts the bar. Called by admin, commands and intelligence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from trading.domain.missed import Missed
from trading.models import BlacklistEntry
from trading.services import journal


class NotBarred(LookupError):
    """The symbol has no live blacklist entry."""


def bar_symbol(
    symbol: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    note: str = "",
    evidence: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> BlacklistEntry:
    """Bar a symbol; a live entry is replaced, so that there is one at most."""
    with transaction.atomic():
        live = BlacklistEntry.objects.select_for_update().filter(symbol=symbol, lifted_at__isnull=True)
        live.update(lifted_at=now, lifted_by=actor)
        entry = BlacklistEntry.objects.create(
            symbol=symbol,
            reason=reason,
            note=note,
            evidence=dict(evidence or {}),
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
        )
        journal.write(
            "symbol.barred",
            f"symbol:{symbol}",
            actor=actor,
            now=now,
            after={"reason": reason, "expires_at": expires_at.isoformat() if expires_at else None},
            reason=note,
        )
    return entry


def note_missed(entry_id: int, missed: Missed) -> None:
    """Keep what a bar was measured to have kept from being made; the newest measurement stands."""
    BlacklistEntry.objects.filter(pk=entry_id).update(
        missed_trades=missed.trades,
        missed_open=missed.open_trades,
        missed_pnl=missed.pnl,
        missed_bps=missed.mean_bps,
        missed_error_bps=missed.error_bps,
        missed_until=missed.until,
        missed_note=missed.note[:200],
    )


def lift_symbol(symbol: str, *, actor: str, now: datetime, reason: str = "") -> BlacklistEntry:
    """Lift the bar of a symbol. Raises NotBarred."""
    with transaction.atomic():
        live = BlacklistEntry.objects.select_for_update().filter(symbol=symbol, lifted_at__isnull=True)
        entry = live.first()
        if entry is None:
            raise NotBarred(f"{symbol} is not on the blacklist")
        entry.lifted_at, entry.lifted_by = now, actor
        entry.save(update_fields=["lifted_at", "lifted_by"])
        journal.write("symbol.lifted", f"symbol:{symbol}", actor=actor, now=now, reason=reason)
    return entry
