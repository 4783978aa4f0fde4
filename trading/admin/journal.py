"""The journal and the balances: who did what and why, what is owned. Read-only."""

from __future__ import annotations

from django.contrib import admin

from trading.admin.base import LedgerAdmin, LookedAdmin, column, moment, number
from trading.models import Balance, JournalEntry


@admin.register(JournalEntry)
class JournalAdmin(LedgerAdmin):
    """All acts and surprises, newest first."""

    export_kind = "journal"
    list_display = ("shown_at", "action", "subject", "actor", "reason")
    list_filter = ("action", "actor")
    list_filter_submit = True
    search_fields = ("subject", "actor", "reason")
    search_help_text = "Subject, actor or reason"
    ordering = ("-at", "-id")

    @column("At (UTC)", ordering="at")
    def shown_at(self, entry: JournalEntry) -> str:
        """Give the moment."""
        return moment(entry.at)


@admin.register(Balance)
class BalanceAdmin(LookedAdmin):
    """What the venue says we own, and what our ledger says."""

    list_display = ("asset", "shown_free", "shown_locked", "shown_ledger", "difference", "updated_at")
    search_fields = ("asset",)
    ordering = ("asset",)

    @column("Free")
    def shown_free(self, balance: Balance) -> str:
        """Give what may be spent."""
        return number(balance.free)

    @column("Locked")
    def shown_locked(self, balance: Balance) -> str:
        """Give what open orders hold."""
        return number(balance.locked)

    @column("Ledger")
    def shown_ledger(self, balance: Balance) -> str:
        """Give our own total."""
        return number(balance.ledger)

    @column("Difference")
    def difference(self, balance: Balance) -> str:
        """Give the venue's total minus ours; anything but 0 is an alert."""
        return number(balance.free + balance.locked - balance.ledger)
