"""Writes the account's limits, and notes in the journal when a day's loss has reached its limit.

Called by the admin and the command (set_limits), by services.entries and the watchdog (note_daily_loss). An
entry reads the limits under the account's lock, so a change holds from the next turn on, in every process.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading.domain.risk import AccountLimits
from trading.domain.values import to_text
from trading.models import AccountLimit, InstrumentRow
from trading.selectors.limits import LOSS_REACHED, DayLoss, day_losses, limit_subject, to_limits
from trading.services import journal
from trading.services.account_lock import lock_account

FIELDS = ("max_exposure", "max_symbol_exposure", "max_daily_loss")
LARGEST = Decimal(1_000_000_000_000)
SMALLEST = Decimal("0.00000001")
ACTOR = "limits"


class InvalidLimits(ValueError):
    """What is wrong, a line for each field: `problems` maps the field to what is allowed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {text}" for name, text in problems.items()))
        self.problems = dict(problems)


def set_limits(
    quote_asset: str,
    changes: Mapping[str, Decimal | None],
    *,
    actor: str,
    now: datetime,
    reason: str = "",
) -> AccountLimit:
    """Change those limits of a quote asset that are named; None takes a limit away.

    The same limits again change nothing and leave no journal row.

    Raises:
        InvalidLimits: A field is wrong; nothing was changed.
    """
    checked = check_limits(quote_asset, changes)
    with transaction.atomic():
        row, created = AccountLimit.objects.select_for_update().get_or_create(
            quote_asset=quote_asset, defaults={**checked, "changed_at": now, "changed_by": actor}
        )
        before = {} if created else _to_json(row)
        for name, amount in checked.items():
            setattr(row, name, amount)
        if before == _to_json(row):
            return row
        row.changed_at, row.changed_by = now, actor
        row.save()
        journal.write(
            "limits.changed",
            limit_subject(quote_asset),
            actor=actor,
            now=now,
            before=before,
            after=_to_json(row),
            reason=reason,
        )
    return row


def check_limits(quote_asset: str, changes: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    """Give the changes when all of them are allowed. Raises InvalidLimits."""
    problems = {}
    known = set(InstrumentRow.objects.values_list("quote_asset", flat=True).distinct())
    if not quote_asset.isalnum() or not quote_asset.isupper():
        problems["quote_asset"] = "an asset in capitals, say USDT"
    elif known and quote_asset not in known:
        problems["quote_asset"] = f"nothing is paid with {quote_asset} on this venue"
    for name, amount in changes.items():
        if name not in FIELDS:
            problems[name] = f"no such limit; there are {', '.join(FIELDS)}"
        elif amount is not None and not _is_amount(amount):
            problems[name] = f"more than 0, at most {LARGEST:,f}, with at most 8 decimals; empty for no limit"
    if problems:
        raise InvalidLimits(problems)
    return dict(changes)


def _is_amount(amount: Decimal) -> bool:
    return amount.is_finite() and 0 < amount <= LARGEST and amount == amount.quantize(SMALLEST)


def _to_json(row: AccountLimit) -> dict[str, str | None]:
    values = {name: getattr(row, name) for name in FIELDS}
    return {name: None if value is None else to_text(value) for name, value in values.items()}


def watch_daily_loss(*, now: datetime) -> list[str]:
    """Note the quote assets whose loss of the day has just reached its limit, and give them.

    For the watchdog: the note makes the stop last, whatever is gained later on the day.
    """
    watched = AccountLimit.objects.filter(max_daily_loss__isnull=False)
    limits = {row.quote_asset: to_limits(row) for row in watched}
    if not limits or not _new_stops(limits, day_losses(limits, now=now)):
        return []
    with transaction.atomic():
        # The account's lock, so that two watchdogs or a turn write one row.
        lock_account(now=now)
        return note_daily_loss(limits, day_losses(limits, now=now), now=now)


def _new_stops(
    limits: Mapping[str, AccountLimits], losses: Mapping[str, DayLoss]
) -> list[tuple[str, Decimal, DayLoss]]:
    """Give the assets that closed trades brought over a limit that was not noted on this day yet."""
    found = []
    for asset, day in losses.items():
        most = limits[asset].max_daily_loss
        if most is not None and -day.pnl >= most > day.worst:
            found.append((asset, most, day))
    return found


def note_daily_loss(
    limits: Mapping[str, AccountLimits], losses: Mapping[str, DayLoss], *, now: datetime
) -> list[str]:
    """Write the journal row of each quote asset that closed trades brought over its limit, once a day.

    What open trades would lose denies entries too, but may come back; it is not noted. Call it under the
    account's lock.
    """
    stops = _new_stops(limits, losses)
    for asset, most, day in stops:
        journal.write(
            LOSS_REACHED,
            limit_subject(asset),
            actor=ACTOR,
            now=now,
            before={"max_daily_loss": to_text(most)},
            after={"loss": to_text(-day.pnl), "unknown_pnl_trades": day.unknown},
            reason="No new entries until 00:00 UTC or until the limit is raised; exits go on",
        )
    return [asset for asset, _, _ in stops]
