"""What an export of each ledger contains: its columns, its rows, and how a value is written.

Called by the export command and by the admin's export (which filters), so that both give the same columns.
Both stream: a million rows cost no more memory than a thousand. Reads only.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet

from trading.domain.values import to_text
from trading.models import BlacklistEntry, ExternalChange, FillRow, JournalEntry, Order, Trade, Worker

# Rows of one piece. Less costs questions, more keeps the process from its other work for longer.
CHUNK = 500
# A spreadsheet takes a cell that begins so for a formula and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ESCAPED = tuple(f"'{start}" for start in FORMULA_STARTS)


@dataclass(frozen=True, slots=True)
class Export:
    """One kind of row. `columns` are names with the path to their value, `moment` is what from/to compare."""

    model: type[Model]
    columns: tuple[tuple[str, str], ...]
    moment: str
    related: tuple[str, ...] = ()


def _columns(text: str) -> tuple[tuple[str, str], ...]:
    """Read `name` or `name=path.to.value`, separated by blanks."""
    pairs = (word.partition("=") for word in text.split())
    return tuple((name, path or name) for name, _, path in pairs)


EXPORTS: dict[str, Export] = {
    "trades": Export(
        Trade,
        _columns(
            "id key worker=worker.name version=version.number symbol base_asset quote_asset state protection"
            " candle_open_at decided_at decision_reason decision_price decision_age_ms risk_score"
            " size_percent opened_at closed_at exit_reason qty dust_qty missing_qty avg_entry_price"
            " avg_exit_price entry_notional exit_notional take_profit_price stop_price exit_decision_price"
            " entry_slippage_bps exit_slippage_bps fees realised_pnl unprotected_s"
        ),
        moment="decided_at",
        related=("worker", "version"),
    ),
    "orders": Export(
        Order,
        _columns(
            "id client_order_id client_list_id=order_list.client_list_id trade=trade.key symbol role side"
            " type time_in_force qty price stop_price trailing_delta_bps status reason venue_order_id"
            " filled_qty filled_notional created_at submitted_at reported_at closed_at"
        ),
        moment="created_at",
        related=("trade", "order_list"),
    ),
    "fills": Export(
        FillRow,
        _columns(
            "id symbol venue_fill_id client_order_id=order.client_order_id trade=trade.key side price qty fee"
            " fee_asset fee_value is_maker filled_at"
        ),
        moment="filled_at",
        related=("order", "trade"),
    ),
    "workers": Export(
        Worker,
        _columns(
            "id name state version=version.number strategy=version.strategy parameters=version.parameters"
            " interval=version.interval universe=version.universe trade_notional=version.trade_notional"
            " budget=version.budget max_open_trades=version.max_open_trades"
            " take_profit_bps=version.take_profit_bps stop_loss_bps=version.stop_loss_bps"
            " trailing_bps=version.trailing_bps max_hold_s=version.max_hold_s cooldown_s=version.cooldown_s"
            " max_spread_bps=version.max_spread_bps max_slippage_bps=version.max_slippage_bps"
            " full_size_risk=version.full_size_risk max_risk=version.max_risk model=version.model created_at"
        ),
        moment="created_at",
        related=("version",),
    ),
    "blacklist": Export(
        BlacklistEntry,
        _columns(
            "id symbol reason note evidence created_at created_by expires_at lifted_at lifted_by"
            " missed_trades missed_open missed_pnl missed_bps missed_error_bps missed_until missed_note"
        ),
        moment="created_at",
    ),
    "external": Export(
        ExternalChange,
        _columns("id ref kind asset amount happened_at booked_at booked_by note"),
        moment="happened_at",
    ),
    "journal": Export(
        JournalEntry,
        _columns("id at actor action subject before after reason"),
        moment="at",
    ),
}


def query(export: Export, *, since: datetime | None, until: datetime | None) -> QuerySet[Any]:
    """Give the rows from `since` (inclusive) to `until` (exclusive), in the order they were made."""
    rows = export.model._default_manager.select_related(*export.related).order_by("pk")
    if since is not None:
        rows = rows.filter(**{f"{export.moment}__gte": since})
    return rows.filter(**{f"{export.moment}__lt": until}) if until is not None else rows


def iterate(export: Export, rows: QuerySet[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Give the rows piece by piece, each with the values of its columns, in the order they were made.

    Only the columns are read, and no object is made of a row: that is a third of the time. Each piece is a
    question of its own, so that a slow reader holds no transaction open. The first column must be the key.
    """
    paths = [path.replace(".", "__") for _, path in export.columns]
    ordered, last = rows.order_by("pk"), None
    while True:
        after = ordered if last is None else ordered.filter(pk__gt=last)
        piece = list(after.values_list(*paths)[:CHUNK])
        if piece:
            yield piece
        if len(piece) < CHUNK:
            return
        last = piece[-1][0]


def write_csv(export: Export, rows: QuerySet[Any]) -> Iterator[str]:
    """Give the rows as CSV with a header, piece by piece."""
    yield _csv_lines([[name for name, _ in export.columns]])
    for piece in iterate(export, rows):
        yield _csv_lines([[to_cell(value) for value in row] for row in piece])


def _csv_lines(cells: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(cells)
    return written.getvalue()


def write_json(export: Export, rows: QuerySet[Any]) -> Iterator[str]:
    """Give the rows as an array with one row a line; a broken-off file is then easy to see and to mend."""
    names = [name for name, _ in export.columns]
    before = "["
    for piece in iterate(export, rows):
        lines = [json.dumps(_json_row(names, row), ensure_ascii=False) for row in piece]
        yield f"{before}\n" + ",\n".join(lines)
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _json_row(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: to_json_value(value) for name, value in zip(names, row, strict=True)}


WRITERS = {"csv": write_csv, "json": write_json}


def to_json_value(value: Any) -> Any:
    """Write a value for JSON: amounts as exact text, moments in UTC, the rest as it is."""
    if isinstance(value, Decimal):
        return to_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def from_cell(text: str) -> str:
    """Give the text that `to_cell` wrote."""
    return text[1:] if text.startswith(_ESCAPED) else text


def to_cell(value: Any) -> str:
    """Write a value for CSV. Text that a spreadsheet would run gets an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        return json.dumps(value, sort_keys=True)
    text = str(to_json_value(value))
    is_text = isinstance(value, str)
    return f"'{text}" if is_text and text.startswith(FORMULA_STARTS) else text
