"""The watch for drift: who sees other signals is told, not listened to, and stands again by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client

from intelligence.backtest import CostModel, Market, join
from intelligence.candle_files import between
from intelligence.drift import reference_of
from intelligence.meta_labels import collect
from intelligence.model_watch import watch_model
from intelligence.models import ModelVersion
from intelligence.plans import plan_of_strategy
from intelligence.standing import list_drifted
from monitoring.rules import judge
from monitoring.snapshot import put_together, read_stored
from tests.support.builders import a_config
from tests.support.desk import a_scene
from tests.support.markets import START_MS, history, walk
from trading.domain.signals import Candles
from trading.domain.universe import Universe
from trading.models import JournalEntry
from trading.services import instruments, workers

pytestmark = pytest.mark.django_db
LOOSE = {"reward_bps": 20.0, "z_entry": 1.2, "z_length": 10, "rsi_entry": 60.0, "trend_length": 20}
LOOSE |= {"volume_ratio": 20.0, "trend_fall_bps": 2000.0}
BEGIN = datetime.fromtimestamp(START_MS / 1000, tz=UTC)
TRAINED_ROWS, ROWS = 3_000, 6_000
SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def a_market(*, later_size: float) -> Market:
    """Two symbols in 15-minute candles whose moves are of another size once the model is trained."""
    histories = []
    for seed, symbol in enumerate(SYMBOLS):
        early, late = (
            walk(TRAINED_ROWS, seed=seed + start, size=size, interval_s=900)
            for start, size in ((1, 3e-3), (11, later_size))
        )
        factor = early.close[-1] / late.open[0]
        opens, high, low, close = (
            np.concatenate((getattr(early, name), np.round(getattr(late, name) * factor, 2)))
            for name in ("open", "high", "low", "close")
        )
        times = START_MS // 900_000 * 900_000 + 900_000 * np.arange(ROWS, dtype=np.int64)
        volume = np.concatenate((early.volume, late.volume))
        histories.append(history(Candles(times, opens, high, low, close, volume, 900), symbol, "15m"))
    return join(histories)


def cut(market: Market, since: datetime, until: datetime) -> Market:
    return join([between(each, since=since, until=until) for each in market.histories])


@pytest.fixture
def version() -> ModelVersion:
    """A proven model of what came before, and a worker that trades its strategy."""
    end = BEGIN + timedelta(minutes=15 * TRAINED_ROWS)
    plan = plan_of_strategy("DIP_REVERSION", interval_s=900, costs=CostModel(), changes=LOOSE)
    examples = collect(plan, cut(a_market(later_size=3e-3), BEGIN, end))
    instruments.refresh_instruments(venue=a_scene().venue, now=BEGIN)
    config = a_config(interval="15m", parameters=plan.parameters, universe=Universe(symbols=tuple(SYMBOLS)))
    worker = workers.create_worker("dips", config, actor="operator", now=BEGIN)
    workers.start_worker(worker.pk, actor="operator", now=BEGIN)
    return ModelVersion.objects.create(
        strategy="DIP_REVERSION",
        interval="15m",
        digest=examples.digest,
        is_proven=True,
        judgement={"all_bps": 1.0, "taken_bps": 2.0, "taken": 1, "judged": 2},
        model={},
        parameters=dict(plan.parameters),
        signals=config.signals,
        reference=reference_of(examples.names, examples.features, examples.begin_s),
        trained_at=end,
    )


NOW = BEGIN + timedelta(minutes=15 * ROWS)


def watched(version: ModelVersion, market: Market, *, now: datetime = NOW) -> str:
    watch_model(version, lambda symbols, interval, since, until: cut(market, since, until), now=now)
    version.refresh_from_db()
    return str(version.drift["note"])


def findings() -> list[str]:
    losses = judge(put_together(None, read_stored(now=NOW), None)).losses
    return [loss.text for loss in losses if loss.code == "MODEL_DRIFTED"]


def test_signals_like_those_it_learned_from_leave_a_model_standing(version: ModelVersion) -> None:
    note = watched(version, a_market(later_size=3e-3))

    assert "no drift" in note
    assert (version.drifted_at, list_drifted(), findings()) == (None, (), [])
    assert version.watched_at == NOW


def test_other_signals_are_told_and_the_model_stands_again_once_they_are_gone(version: ModelVersion) -> None:
    note = watched(version, a_market(later_size=1.5e-2))

    assert "drifted beyond" in note
    assert version.drifted_at == NOW
    assert list_drifted() == ("DIP_REVERSION 15m",)
    assert findings() == ["signals are not those that the model of DIP_REVERSION 15m learned from"]
    later = NOW + timedelta(hours=6)
    watched(version, a_market(later_size=1.5e-2), now=later)
    assert version.drifted_at == NOW  # since the first time
    watched(version, a_market(later_size=3e-3), now=later)
    assert (list_drifted(), findings()) == ((), [])
    rows = JournalEntry.objects.filter(subject=f"model:{version.pk}").order_by("pk")
    assert [row.action for row in rows] == ["model.drifted", "model.stands_again"]


def test_a_drifted_model_costs_no_health(version: ModelVersion) -> None:
    watched(version, a_market(later_size=1.5e-2))

    losses = judge(put_together(None, read_stored(now=NOW), None)).losses

    assert [(each.points, each.ceiling) for each in losses if each.code == "MODEL_DRIFTED"] == [(1, 100)]


def test_without_workers_or_candles_nothing_is_said_and_nothing_is_undone(version: ModelVersion) -> None:
    watched(version, a_market(later_size=1.5e-2))

    watch_model(version, lambda *_: None, now=NOW)

    version.refresh_from_db()
    assert version.drift["note"].startswith("unknown")
    assert version.drifted_at == NOW


def test_command_and_admin_say_what_was_seen(version: ModelVersion, operator: Client, tmp_path: Path) -> None:
    out = StringIO()
    call_command("watch_models", "--data", str(tmp_path), "--json", stdout=out)
    (row,) = json.loads(out.getvalue())["models"]
    watched(version, a_market(later_size=1.5e-2))

    with pytest.raises(SystemExit) as ended:
        call_command("watch_models", "--data", str(tmp_path), stdout=out)

    assert (row["is_drifted"], row["is_known"]) == (False, False)
    assert ended.value.code == 1
    page = operator.get("/admin/intelligence/modelversion/").content.decode()
    assert "not listened to" in page
