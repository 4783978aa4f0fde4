"""Moves the ledger, per asset: by fills of ours, and by what others did to the account.

Called by services.executions inside the transaction that books fills, by services.foreign and the executions
process for outsiders, by reconcile to open it, and by the operator to accept a difference. Whatever moves it
is a row: a fill, or an external change with a unique reference. Balances are locked in alphabetical order and
after trades, as everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading.domain.executions import AssetBalance, Fill, Transfer
from trading.domain.orders import Side
from trading.domain.values import ZERO, to_ms, to_text
from trading.models import Balance, ExternalChange, FillRow
from trading.services import journal

TRANSFER, FILL, ACCEPTED = "TRANSFER", "FILL", "ACCEPTED"
_ACTIONS = {TRANSFER: "ledger.transfer", FILL: "ledger.foreign_fill", ACCEPTED: "ledger.accepted"}
OPENED = "ledger.opened"


class NothingToAccept(Exception):
    """The asset does not differ."""


@dataclass(frozen=True, slots=True)
class External:
    """What somebody else did to one asset, not booked yet. `ref` names it once and for all."""

    ref: str
    kind: str
    asset: str
    amount: Decimal
    happened_at: datetime
    note: str = ""


def move(changes: Mapping[str, Decimal], *, at: datetime) -> None:
    """Add signed amounts to the ledger's figures. Call inside the transaction that books their cause."""
    for asset, balance in _lock(changes, at=at).items():
        balance.ledger += changes[asset]
        balance.save(update_fields=["ledger"])


def _lock(assets: Iterable[str], *, at: datetime) -> dict[str, Balance]:
    names = sorted(set(assets))
    Balance.objects.bulk_create(
        [Balance(asset=asset, updated_at=at) for asset in names], ignore_conflicts=True
    )
    rows = Balance.objects.select_for_update().filter(asset__in=names).order_by("asset")
    return {balance.asset: balance for balance in rows}


def changes_of(fill: Fill | FillRow, *, base_asset: str, quote_asset: str) -> dict[str, Decimal]:
    """Give what one fill does to the balances: two assets, or three where a third pays the fee."""
    sign = 1 if fill.side == Side.BUY.value else -1
    changes: dict[str, Decimal] = {}
    for asset, change in (
        (base_asset, sign * fill.qty),
        (quote_asset, -sign * fill.qty * fill.price),
        (fill.fee_asset, -fill.fee),
    ):
        changes[asset] = changes.get(asset, ZERO) + change
    return {asset: change for asset, change in changes.items() if change}


def external_fill(fill: Fill, *, base_asset: str, quote_asset: str, note: str) -> list[External]:
    """Give what a fill of somebody else's order did, one change an asset."""
    changes = changes_of(fill, base_asset=base_asset, quote_asset=quote_asset)
    return [
        External(
            f"fill:{fill.symbol}:{fill.venue_fill_id}:{asset}", FILL, asset, amount, fill.filled_at, note
        )
        for asset, amount in changes.items()
    ]


def book_transfers(
    transfers: Sequence[Transfer], *, now: datetime, actor: str = "executions"
) -> list[ExternalChange]:
    """Book deposits and withdrawals that the venue told of. Gives what was new."""
    externals = [
        External(
            # The venue names none: two of one asset and amount in one millisecond would count once.
            ref=f"transfer:{each.asset}:{to_ms(each.happened_at)}:{to_ms(each.reported_at)}"
            f":{to_text(each.amount)}",
            kind=TRANSFER,
            asset=each.asset,
            amount=each.amount,
            happened_at=each.happened_at,
            note="deposit" if each.amount > ZERO else "withdrawal",
        )
        for each in transfers
    ]
    return book_externals(externals, now=now, actor=actor)


def book_externals(externals: Sequence[External], *, now: datetime, actor: str) -> list[ExternalChange]:
    """Book what others did: rows, ledger and journal in one transaction. Gives what was new.

    What happened before the ledger of its asset was last set from the venue (opened, or a difference
    accepted) is in it already and is left out.
    """
    if not externals:
        return []
    with transaction.atomic():
        balances = _lock({each.asset for each in externals}, at=now)
        known = set(
            ExternalChange.objects.filter(ref__in=[each.ref for each in externals]).values_list(
                "ref", flat=True
            )
        )
        settled = _settled(balances)
        new = {
            each.ref: each
            for each in externals
            if each.ref not in known
            and not (each.asset in settled and each.happened_at < settled[each.asset])
        }
        rows = [
            ExternalChange(
                ref=each.ref,
                kind=each.kind,
                asset=each.asset,
                amount=each.amount,
                happened_at=each.happened_at,
                booked_at=now,
                booked_by=actor,
                note=each.note[:300],
            )
            for each in new.values()
        ]
        ExternalChange.objects.bulk_create(rows)
        for row in rows:
            balances[row.asset].ledger += row.amount
        for asset in {row.asset for row in rows}:
            balances[asset].save(update_fields=["ledger"])
        _write_journal(rows, actor=actor, now=now)
    return rows


def _settled(assets: Iterable[str]) -> dict[str, datetime]:
    """Give per asset the moment up to which its ledger holds everything that ever happened."""
    marks = ExternalChange.objects.filter(kind=ACCEPTED)
    opened = marks.order_by("happened_at").values_list("happened_at", flat=True).first()
    settled = dict.fromkeys(assets, opened) if opened is not None else {}
    for asset, at in marks.filter(asset__in=list(settled)).values_list("asset", "happened_at"):
        settled[asset] = max(settled[asset], at)
    return settled


def _write_journal(rows: Sequence[ExternalChange], *, actor: str, now: datetime) -> None:
    """Write one entry for what belongs together: all assets of one note."""
    together: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in rows:
        amounts = together.setdefault((row.kind, row.note), {})
        amounts[row.asset] = amounts.get(row.asset, ZERO) + row.amount
    for (kind, note), amounts in together.items():
        journal.write(
            _ACTIONS[kind],
            "account",
            actor=actor,
            now=now,
            after={asset: to_text(amount) for asset, amount in amounts.items()},
            reason=note,
        )


def open_ledger(balances: Sequence[AssetBalance], *, at: datetime, now: datetime) -> None:
    """Start the ledger from what the venue holds at the first reconcile, before any fill of ours.

    Args:
        at: The venue's moment before it was asked: what happened up to then is in the balances.
    """
    with transaction.atomic():
        Balance.objects.bulk_create(
            [
                Balance(
                    asset=each.asset, free=each.free, locked=each.locked, ledger=each.total, updated_at=now
                )
                for each in balances
            ],
            ignore_conflicts=True,
        )
        ExternalChange.objects.bulk_create(
            [
                ExternalChange(
                    ref=f"opened:{each.asset}",
                    kind=ACCEPTED,
                    asset=each.asset,
                    amount=each.total,
                    happened_at=at,
                    booked_at=now,
                    booked_by="reconcile",
                    note="there at the first start",
                )
                for each in balances
            ],
            ignore_conflicts=True,
        )
        assets = {each.asset: to_text(each.total) for each in balances}
        journal.write(OPENED, "account", actor="reconcile", now=now, after=assets)


def accept_difference(
    asset: str, amount: Decimal, *, at: datetime, actor: str, reason: str, now: datetime
) -> ExternalChange:
    """Book a difference that the operator knows and accepts: the ledger follows the venue.

    Args:
        amount: What the venue holds more (negative: less) than the ledger.
        at: The venue's moment before the difference was measured.

    Raises:
        NothingToAccept: Another process accepted it meanwhile.
    """
    note = f"accepted by {actor}" + (f": {reason}" if reason else "")
    # Numbered, so that two who accept the same difference at once accept it once.
    number = ExternalChange.objects.filter(kind=ACCEPTED, asset=asset).count()
    external = External(f"accepted:{asset}:{number}", ACCEPTED, asset, amount, at, note)
    rows = book_externals([external], now=now, actor=actor)
    if not rows:
        raise NothingToAccept(f"{asset}: somebody else accepted the difference just now")
    return rows[0]
