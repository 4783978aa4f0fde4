"""Reads trades as the export writes them, CSV or JSON, a row at a time; the file may be larger than memory.

Called by `manage.py import_trades` and the admin. Open and aborted trades are passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.domain.slices import Ended
from trading.domain.trades import TradeState
from trading.selectors.exports import from_cell

NEEDED = (
    "worker", "symbol", "quote_asset", "state", "opened_at", "closed_at", "exit_reason", "entry_notional",
    "exit_notional", "fees", "realised_pnl", "entry_slippage_bps", "exit_slippage_bps",
)  # fmt: skip


class NotTrades(ValueError):
    """The file is not an export of trades; the text says where and why."""


def read_trades(lines: Iterable[str]) -> Iterator[tuple[str, Ended]]:
    """Give the name of the worker and the trade, of each row that was closed. Raises NotTrades."""
    for number, row in enumerate(_rows(lines), start=1):
        if row["state"] != TradeState.CLOSED.value:
            continue
        try:
            yield from_cell(row["worker"]), _ended(row)
        except (ValueError, TypeError) as error:
            raise NotTrades(f"row {number}: {error}") from None


def _rows(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    begun = iter(lines)
    first = next(begun, "")
    rows = _json_rows(first, begun) if first.startswith("[") else csv.DictReader(_joined(first, begun))
    for row in rows:
        missing = [name for name in NEEDED if name not in row]
        if missing:
            raise NotTrades(f"columns are missing, as in no export of trades: {', '.join(missing)}")
        yield row


def _joined(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _json_rows(first: str, rest: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """Read an array with one row a line, as the export writes it."""
    for line in _joined(first[1:], rest):
        text = line.strip().rstrip(",]").strip()
        if not text:
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise NotTrades(f"the JSON must have one row a line, as the export has it: {error}") from None
        if not isinstance(row, dict):
            raise NotTrades("the JSON must be an array of objects")
        yield row


def _ended(row: Mapping[str, Any]) -> Ended:
    return Ended(
        worker_id=0,
        version_id=0,
        symbol=row["symbol"],
        quote_asset=row["quote_asset"],
        opened_at=_moment(row["opened_at"]) if row["opened_at"] else None,
        closed_at=_moment(row["closed_at"]),
        exit_reason=row["exit_reason"],
        entry_notional=_number(row["entry_notional"]),
        exit_notional=_number(row["exit_notional"]),
        fees=_amount(row["fees"]),
        pnl=_amount(row["realised_pnl"]),
        entry_slippage_bps=_amount(row["entry_slippage_bps"]),
        exit_slippage_bps=_amount(row["exit_slippage_bps"]),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _amount(text: str | None) -> Decimal | None:
    return _number(text) if text not in (None, "") else None


def _number(text: str | None) -> Decimal:
    try:
        return Decimal(text or "")
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount") from None
