"""The blacklist that learning writes: bad symbols are found with evidence, good ones spared, undo is kept."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from intelligence import tasks
from intelligence.blacklisting import ACTOR, screen
from intelligence.screening import FIRST_BAR, ClosedReturn, odd_market, poor_performers
from tests.support.builders import a_config
from tests.support.markets import walk
from trading import history
from trading.domain.values import trade_key
from trading.models import BlacklistEntry, Trade, Worker
from trading.services import workers
from trading.services.blacklist import lift_symbol

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")


@pytest.fixture
def worker(db: None, now: datetime) -> Worker:
    return workers.create_worker("any", a_config(), actor="operator", now=now)


def close_trades(worker: Worker, symbol: str, until: datetime, *, bps: int, count: int) -> None:
    ends = [until - timedelta(hours=number) for number in range(count)]
    Trade.objects.bulk_create(
        Trade(
            key=trade_key(bps, symbol, end),
            worker=worker,
            version=worker.version,
            symbol=symbol,
            base_asset=symbol.removesuffix("USDT"),
            quote_asset="USDT",
            state="CLOSED",
            protection="OCO",
            candle_open_at=end,
            decided_at=end,
            decision_price=Decimal(100),
            decision_age_ms=1,
            reserved_notional=Decimal(100),
            take_profit_price=Decimal(101),
            stop_price=Decimal(99),
            entry_notional=Decimal(100),
            realised_pnl=Decimal(bps + (20 if number % 2 else -20)) / 100,
            closed_at=end,
        )
        for number, end in enumerate(ends)
    )


def test_symbol_that_keeps_losing_is_barred_for_a_while_with_its_evidence(
    worker: Worker, now: datetime
) -> None:
    for symbol in SYMBOLS:
        close_trades(worker, symbol, now, bps=-70 if symbol == "DUSDT" else 10, count=60)

    found = screen({}, now=now)

    entry = BlacklistEntry.objects.get()
    assert [each.symbol for each in found] == [entry.symbol] == ["DUSDT"]
    assert (entry.reason, entry.created_by, entry.expires_at) == ("LOSES", ACTOR, now + FIRST_BAR)
    assert entry.evidence["trades"] == 60
    assert entry.evidence["evidence"] >= entry.evidence["needed"] == 80
    assert "60 trades at -70 bps each, the others +10" in entry.note
    assert screen({}, now=now) == []


def test_three_unlucky_trades_ban_nobody_and_what_was_lifted_starts_anew(
    worker: Worker, now: datetime
) -> None:
    for symbol in SYMBOLS:
        close_trades(worker, symbol, now - timedelta(days=1), bps=10, count=40)
    close_trades(worker, "DUSDT", now - timedelta(minutes=30), bps=-300, count=3)
    assert screen({}, now=now) == []
    close_trades(worker, "CUSDT", now - timedelta(minutes=20), bps=-150, count=50)
    assert [each.symbol for each in screen({}, now=now)] == ["CUSDT"]

    lift_symbol("CUSDT", actor="operator", now=now)

    assert screen({}, now=now + timedelta(hours=1)) == []


def test_equal_symbols_are_spared_however_often_one_looks(now: datetime) -> None:
    random, trades, barred = np.random.default_rng(3), [], set()
    for day in range(60):
        for number in range(8):
            bps = 80.0 if random.random() < 0.5 else -100.0
            trades.append(ClosedReturn(str(number), now + timedelta(days=day), bps))
        barred |= {each.symbol for each in poor_performers(trades)}

    assert not barred


def test_market_with_holes_or_a_wild_hour_is_odd_and_a_usual_one_is_not() -> None:
    calm = walk(600, seed=2, size=2e-4)
    holed = replace(calm, open_ms=calm.open_ms + np.where(np.arange(600) > 300, 3_600_000, 0))
    wild = replace(calm, high=np.where(np.arange(600) > 590, calm.high * 1.2, calm.high))

    assert odd_market("AUSDT", calm) is None
    assert odd_market("AUSDT", calm.tail(100)) is None
    assert odd_market("AUSDT", holed).reason == "CANDLE_GAPS"  # type: ignore[union-attr]  # it is odd
    assert odd_market("AUSDT", wild).reason == "ABNORMAL_MOVE"  # type: ignore[union-attr]  # it is odd


def test_odd_market_is_barred_for_a_day(worker: Worker, now: datetime) -> None:
    calm = walk(600, seed=2, size=2e-4)
    wild = replace(calm, high=np.where(np.arange(600) > 590, calm.high * 1.2, calm.high))

    screen({"AUSDT": calm, "BUSDT": wild}, now=now)

    entry = BlacklistEntry.objects.get()
    assert (entry.symbol, entry.reason) == ("BUSDT", "ABNORMAL_MOVE")
    assert entry.expires_at == now + timedelta(hours=24)


def test_the_hourly_task_screens_by_itself_and_starts_a_process_only_where_bars_are_to_be_measured(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def note(program: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        started.append(" ".join(program[2:4]))
        return subprocess.CompletedProcess(program, 0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", note)
    for symbol in SYMBOLS:
        close_trades(worker, symbol, history.now(), bps=-70 if symbol == "DUSDT" else 10, count=60)

    tasks.screen()

    assert BlacklistEntry.objects.get().symbol == "DUSDT"
    assert started == []

    tasks.screen()

    assert started == ["in_background screen"]
