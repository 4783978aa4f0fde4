"""What bars kept from being made: the trades of a back-test, of what was active meanwhile, or unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client

from intelligence.archive import months
from intelligence.backtest import CostModel, find_signals, join, play
from intelligence.candle_files import History, between
from intelligence.missed import measure_bars
from intelligence.plans import plan_of_worker
from tests.support.builders import a_config
from tests.support.markets import START_MS, history, walk
from trading import history as recorded
from trading.domain.exits import DATA_END
from trading.domain.missed import Missed
from trading.domain.values import to_ms
from trading.domain.workers import WorkerConfig
from trading.models import BlacklistEntry, Worker
from trading.selectors.instruments import missed_of
from trading.services import blacklist, workers

pytestmark = pytest.mark.django_db
LOOSE = {"reward_bps": 20.0, "z_entry": 1.2, "z_length": 10, "rsi_entry": 60.0, "trend_length": 20}
CANDLES = walk(1_500, seed=1, size=3e-3)
BEGIN = datetime.fromtimestamp(START_MS / 1000, tz=UTC)


def at(minute: int) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def a_dipper(**changes: object) -> WorkerConfig:
    values = {"interval": "1m", "parameters": {**LOOSE, "volume_ratio": 20.0, "trend_fall_bps": 2000.0}}
    return a_config(**{**values, "take_profit_bps": 60, "stop_loss_bps": 60, "max_hold_s": 1800, **changes})


def a_worker(name: str = "dips", *, since: int = 0, config: WorkerConfig | None = None) -> Worker:
    made = workers.create_worker(name, config or a_dipper(), actor="operator", now=at(since))
    return workers.start_worker(made.pk, actor="operator", now=at(since))


def bar(since: int, until: int) -> BlacklistEntry:
    return blacklist.bar_symbol(
        "BTCUSDT", reason="LOSES", actor="learning", now=at(since), expires_at=at(until)
    )


def read(symbol: str, interval: str, since: datetime, until: datetime) -> History | None:
    part = between(history(CANDLES, symbol), since=since, until=until)
    return part if len(part.candles) else None


def measured(entry: BlacklistEntry, *, now: int = 1_499) -> Missed:
    measure_bars(read, now=at(now))
    entry.refresh_from_db()
    return missed_of(entry)


def would_have_made(since: int, until: int) -> tuple[int, float]:
    """Give trades and PnL of a plain back-test of signals that were decided in a stretch."""
    plan, market = plan_of_worker(a_dipper(), costs=CostModel()), join([history(CANDLES, "BTCUSDT")])
    symbols, rows = find_signals(plan, market)
    wanted = (rows + 1 >= since) & (rows + 1 < until)
    trips = play(plan, market, symbols[wanted], rows[wanted]).trips
    closed = trips[trips["code"] != DATA_END]
    return len(closed), float(closed["pnl"].sum())


@pytest.mark.parametrize(("since", "until"), [(400, 1_200), (600, 700)])
def test_bar_is_worth_what_a_back_test_of_its_stretch_makes(since: int, until: int) -> None:
    a_worker()
    entry = bar(since, until)

    missed = measured(entry)

    trades, pnl = would_have_made(since, until)
    assert missed.trades == trades > 1
    assert missed.pnl is not None
    assert float(missed.pnl) == pytest.approx(pnl, abs=1e-6)
    assert missed.error_bps is not None
    assert (missed.open_trades, missed.note, missed.until) == (0, "", at(1_499))


def test_two_workers_that_want_the_symbol_would_have_got_one_trade_at_a_time() -> None:
    a_worker()
    a_worker("same")

    assert measured(bar(400, 1_200)).trades == would_have_made(400, 1_200)[0]


def test_only_what_was_active_meanwhile_counts() -> None:
    late, early = a_worker("late", since=900), a_worker("early")
    workers.stop_worker(early.pk, actor="operator", now=at(500))
    other = a_dipper(parameters={**LOOSE, "z_entry": 6.0})
    workers.change_config(late.pk, other, actor="operator", now=at(1_000))

    both = measured(bar(400, 1_200)).trades

    parts = [would_have_made(400, 500)[0], would_have_made(900, 1_000)[0]]
    assert both == sum(parts)
    assert all(parts)


def test_nobody_active_is_no_trade_and_no_candles_is_unknown() -> None:
    entry = bar(400, 1_200)
    nobody = measured(entry)
    a_worker()
    BlacklistEntry.objects.update(missed_until=None)

    measure_bars(lambda *_: None, now=at(1_499))

    entry.refresh_from_db()
    assert (nobody.trades, nobody.pnl, str(nobody)) == (
        0,
        Decimal(0),
        "0 trades kept from being made, no active worker matched the symbol",
    )
    assert (entry.missed_trades, entry.missed_pnl) == (None, None)
    assert str(missed_of(entry)) == "unknown: there are no 1m candles of BTCUSDT"


def test_too_many_missing_candles_are_unknown() -> None:
    a_worker()
    entry = bar(400, 1_200)

    def holed(symbol: str, interval: str, since: datetime, until: datetime) -> History | None:
        return read(symbol, interval, since, min(until, at(900)))

    measure_bars(holed, now=at(1_499))

    entry.refresh_from_db()
    assert entry.missed_trades is None
    assert entry.missed_note == "37% of the 1m candles of BTCUSDT are missing"


def test_live_bar_is_measured_again_after_a_while_and_an_ended_one_once() -> None:
    a_worker()
    entry = bar(400, 1_200)

    assert measured(entry, now=600).until == at(600)
    assert measured(entry, now=900).until == at(600)  # within six hours
    assert measured(entry, now=1_000).until == at(1_000)
    assert measured(entry, now=1_499).until == at(1_499)
    assert measure_bars(read, now=at(9_000)) == []


def test_admin_and_command_tell_what_a_bar_was_worth(
    operator: Client, settings: object, tmp_path: Path
) -> None:
    settings.FASTCYCLE_HOME = tmp_path  # type: ignore[attr-defined]  # pytest-django's settings
    now = recorded.now()
    minutes = np.arange(1_500, dtype=np.int64) * 60_000 + to_ms(now) // 60_000 * 60_000 - 1_499 * 60_000
    moved = replace(CANDLES, open_ms=minutes)
    for month in months(tmp_path / "candles", "BTCUSDT", "1m", begin_ms=int(minutes[0]), end_ms=to_ms(now)):
        first, last = np.searchsorted(minutes, (month.begin_ms, month.end_ms)).tolist()
        month.write(moved.part(first, last))
    made = workers.create_worker("dips", a_dipper(), actor="operator", now=now - timedelta(hours=20))
    workers.start_worker(made.pk, actor="operator", now=now - timedelta(hours=20))
    blacklist.bar_symbol("BTCUSDT", reason="LOSES", actor="learning", now=now - timedelta(hours=15))

    out = StringIO()
    call_command("screen", "--json", stdout=out)

    (row,) = json.loads(out.getvalue())["measured"]
    assert (row["symbol"], row["trades"] > 0, row["mean_bps"] is None) == ("BTCUSDT", True, False)
    page = operator.get("/admin/trading/blacklistentry/").content.decode()
    assert f"{row['trades']} trades kept from being made" in page


def test_words_name_sample_and_doubt() -> None:
    few = Missed(3, 1, Decimal("-4.5"), -31.4, 12.2)

    assert str(few) == (
        "3 trades kept from being made, -31 ± 12 bps each, -4.50 in all, too few to judge by, "
        "1 would still be open"
    )
    assert str(Missed()) == "not measured yet"
    assert "too few" not in str(Missed(20, 0, Decimal(1), 1.0, 1.0))
