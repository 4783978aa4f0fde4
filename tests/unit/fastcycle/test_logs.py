"""Log lines: what an event looks like in a file and in a terminal, and what it must never show."""

from __future__ import annotations

import json
import logging
import sys
from decimal import Decimal
from typing import Any

import pytest

from fastcycle.logs import MASK, JsonLines, TerminalLines


def make_record(message: str, *, failed: bool = False, **fields: object) -> logging.LogRecord:
    exc_info = sys.exc_info() if failed else None
    return logging.getLogger("trading.x").makeRecord(
        "trading.x", logging.WARNING, "x.py", 1, message, (), exc_info, extra=fields
    )


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines().format(record)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def test_file_line_tells_event_level_logger_moment_and_fields() -> None:
    record = make_record("order.unknown", trade_id=7, price=Decimal("1.50"))
    record.created = 1_700_000_000.25

    assert as_json(record) == {
        "event": "order.unknown",
        "level": "warning",
        "logger": "trading.x",
        "at": "2023-11-14T22:13:20.250000Z",
        "trade_id": 7,
        "price": "Decimal('1.50')",
    }


def test_terminal_line_is_plain_text_with_fields() -> None:
    record = make_record("socket_closed", socket="market-1", error="gone away")
    record.created = 1_700_000_000.25

    assert TerminalLines().format(record) == (
        "2023-11-14T22:13:20.250000Z [warning ] socket_closed [trading.x] socket=market-1 error='gone away'"
    )


@pytest.mark.parametrize("formatter", [JsonLines, TerminalLines])
def test_secrets_are_masked_in_fields_texts_and_tracebacks(formatter: type[JsonLines]) -> None:
    fault = OSError("GET /order?signature=hidden1")
    try:
        raise fault
    except OSError:
        record = make_record(
            "lost redis://me:hidden2@host", failed=True, api_key="hidden3", told="token=hidden4", error=fault
        )

    line = formatter().format(record)

    assert "hidden" not in line
    assert MASK in line
    assert "Traceback" in line


def test_terminal_shows_a_traceback_below_its_line() -> None:
    try:
        int("x")
    except ValueError:
        record = make_record("loop_failed", failed=True)

    first, *below = TerminalLines().format(record).splitlines()

    assert first.endswith("loop_failed [trading.x]")
    assert below[0].startswith("Traceback")
    assert below[-1].startswith("ValueError")
