"""The questions of bench/stored.py, asked inside a process that has the product's settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from django.contrib.auth import get_user_model
from django.test import Client

from bench.seeding import seed_trades
from monitoring import snapshot, status_report
from trading.services import figures

ASKER = "bench"


def prepare(size: int) -> float:
    """Seed trades of a year, sum up as the hourly task does, add a user who may look; give the seconds."""
    began = time.monotonic()
    seed_trades(size, until=datetime.now(UTC))
    figures.roll_up(now=datetime.now(UTC))
    get_user_model()._default_manager.create_superuser(username=ASKER)
    return time.monotonic() - began


def questions(pages: Mapping[str, str]) -> dict[str, Callable[[], object]]:
    """Give what the dashboard, the status command and the admin's pages do, as functions to call."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model()._default_manager.get(username=ASKER))

    def open_page(path: str) -> None:
        status = client.get(path).status_code
        if status != HTTPStatus.OK:
            raise SystemExit(f"{path} answers {status}")

    return {
        "dashboard_snapshot": lambda: snapshot.build_snapshot(now=datetime.now(UTC)),
        "status": lambda: status_report.build_status(now=datetime.now(UTC)),
        **{name: lambda path=path: open_page(path) for name, path in pages.items()},  # type: ignore[misc]  # bound now
    }
