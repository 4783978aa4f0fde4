"""Workers and barred symbols from a file: all of it or nothing, and a clear line for every row that is wrong.

Called by the admin. The file is what the export gives, as CSV or JSON; columns that only describe what was
(ids, moments, states) are passed over.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from trading.domain.workers import InvalidConfiguration, WorkerConfig, check_name
from trading.models import InstrumentRow, Worker
from trading.selectors.exports import from_cell
from trading.selectors.workers import parse_config
from trading.services import blacklist, workers

MOST_ROWS = 2000
_NESTED = ("parameters", "universe", "model")
_CONFIG = tuple(WorkerConfig.__dataclass_fields__)


class CannotImport(ValueError):
    """The file is not read at all; the text says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What an import would do: a line for each row, and one for each that is wrong. `run` does all of it."""

    lines: Sequence[str]
    problems: Sequence[str]
    run: Callable[[], None]


def read_rows(text: str) -> list[dict[str, Any]]:
    """Read a JSON array of objects, or CSV with a header. Raises CannotImport."""
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else _read_csv(text)
    except (ValueError, csv.Error) as error:
        raise CannotImport(f"The file is neither JSON nor CSV: {error}") from None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise CannotImport(
            "The file must hold at least one row: a JSON array of objects, or CSV with a header"
        )
    if len(rows) > MOST_ROWS:
        raise CannotImport(f"The file must hold at most {MOST_ROWS:,} rows, not {len(rows):,}")
    return rows


def _read_csv(text: str) -> list[dict[str, Any]]:
    """Read cells; the apostrophe that the export puts before what a spreadsheet would run is taken off."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        {name: from_cell(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]


def plan_workers(text: str, *, actor: str, now: datetime) -> Planned:
    """Check workers of a file; they would be made and left stopped. Raises CannotImport."""
    rows = read_rows(text)
    taken = set(Worker.objects.values_list("name", flat=True))
    wanted: list[tuple[str, WorkerConfig]] = []
    problems = []
    for number, row in enumerate(rows, start=1):
        try:
            name = check_name(str(row.get("name", "")))
            if name in taken:
                raise InvalidConfiguration("name", f"{name!r} is taken; choose another")
            config = workers.check_here(parse_config(_config(row)))
        except InvalidConfiguration as error:
            problems.append(f"Row {number}: {error}")
            continue
        taken.add(name)
        wanted.append((name, config))

    def run() -> None:
        for name, config in wanted:
            workers.create_worker(name, config, actor=actor, now=now)

    lines = [
        f"{name}: {config.strategy}, {config.interval}, budget {config.budget}" for name, config in wanted
    ]
    return Planned(lines, problems, _together(run))


def _config(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the configuration of a row; in CSV every value is text, and nested ones are JSON."""
    found: dict[str, Any] = {}
    for name in _CONFIG:
        value = row.get(name)
        if value in (None, ""):
            continue
        if isinstance(value, str) and name in _NESTED:
            try:
                value = json.loads(value)
            except ValueError:
                raise InvalidConfiguration(name, "must be JSON") from None
        elif isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        found[name] = value
    return found


def plan_blacklist(text: str, *, actor: str, now: datetime) -> Planned:
    """Check symbols of a file that would be barred; lifted and expired entries are passed over."""
    rows = read_rows(text)
    listed = set(InstrumentRow.objects.values_list("symbol", flat=True))
    wanted: list[tuple[str, str, str, datetime | None]] = []
    lines, problems = [], []
    for number, row in enumerate(rows, start=1):
        symbol = str(row.get("symbol") or "").strip().upper()
        try:
            until = _moment(row.get("expires_at"))
        except ValueError:
            problems.append(
                f"Row {number}: expires_at: must be a moment such as 2026-03-01T12:00:00Z, or empty"
            )
            continue
        if not symbol.isalnum() or (listed and symbol not in listed):
            problems.append(
                f"Row {number}: symbol: must be one that is traded on this venue, not {symbol or 'empty'}"
            )
        elif row.get("lifted_at") or (until is not None and until <= now):
            lines.append(f"{symbol}: passed over, it is barred no longer")
        else:
            reason, note = str(row.get("reason") or "MANUAL")[:40], str(row.get("note") or "")[:200]
            wanted.append((symbol, reason, note, until))
            lines.append(f"{symbol}: barred, {reason}, until {until.isoformat() if until else 'lifted'}")

    def run() -> None:
        for symbol, reason, note, until in wanted:
            blacklist.bar_symbol(symbol, reason=reason, note=note, expires_at=until, actor=actor, now=now)

    return Planned(lines, problems, _together(run))


def _moment(value: object) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _together(run: Callable[[], None]) -> Callable[[], None]:
    def run_all() -> None:
        with transaction.atomic():
            run()

    return run_all
