"""What commands of learning ask of the machine, in a process that has other tests to run; and a worker."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal

import pytest

from tests.support.builders import a_config
from trading.domain.strategy import get_strategy
from trading.domain.universe import Universe
from trading.models import Worker
from trading.services import workers


@pytest.fixture(autouse=True)
def gave_way(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far each command gave way to others; this process itself does not."""
    asked: list[int] = []

    def nice(by: int) -> int:
        asked.append(by)
        return 0

    monkeypatch.setattr(os, "nice", nice)
    return asked


@pytest.fixture
def worker(now: datetime) -> Worker:
    """A stopped worker that buys what was sold by force, in 15-minute candles of three symbols."""
    config = a_config(
        strategy="CAPITULATION",
        parameters=get_strategy("CAPITULATION").defaults(),
        interval="15m",
        universe=Universe(symbols=("AUSDT", "BUSDT", "CUSDT")),
        trade_notional=Decimal(1_000),
        budget=Decimal(10_000),
        max_open_trades=10,
        take_profit_bps=300,
        stop_loss_bps=500,
        max_hold_s=72 * 3600,
    )
    return workers.create_worker("deep", config, actor="operator", now=now)
