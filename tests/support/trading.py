"""Rows and turns for tests of services: a worker whose strategy always wants to enter, and its turns."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.support.builders import a_config
from tests.support.desk import Scene, flat_candles
from trading.domain import strategy
from trading.domain.market import INTERVAL_S, ClosedCandle
from trading.domain.signals import Candles, Condition, FloatArray, StrategySpec, SuggestedExits
from trading.domain.universe import Universe
from trading.models import Balance, FillRow, Order, RolloutStage, Trade, Worker
from trading.services import instruments, reconcile, workers
from trading.services.cycle import Turn, run_batch

OPERATOR = "operator"


def _always(candles: Candles, shape: Mapping[str, float]) -> Mapping[str, FloatArray]:
    return {"one": np.ones(candles.close.shape)}


ALWAYS = StrategySpec(
    name="ALWAYS",
    title="Always",
    idea="Enters at every candle; for tests.",
    loses="Always.",
    parameters=(),
    warmup=lambda parameters: 2,
    figures=_always,
    conditions=(Condition("NEVER", "one", "above", 0.0),),
    exits=SuggestedExits(take_profit_bps=100, stop_loss_bps=100, trailing_bps=0, max_hold_candles=10),
)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the strategy ALWAYS."""
    monkeypatch.setitem(strategy.STRATEGIES, ALWAYS.name, ALWAYS)


def prepare(scene: Scene) -> None:
    """Read the symbols, open the ledger, and let everything new trade without a first small stage."""
    allow_everything()
    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())
    reconcile.run(desk=scene.desk, reason="start")


def allow_everything() -> None:
    """Make the first stage the last."""
    RolloutStage.objects.get_or_create(number=1, defaults={"name": "full", "min_hours": 0, "min_health": 0})


def a_worker(scene: Scene, *symbols: str, name: str = "worker_btc", **changes: object) -> Worker:
    """Make and start a worker with the strategy ALWAYS on 1m candles."""
    config = a_config(
        **{
            "strategy": "ALWAYS",
            "interval": "1m",
            "universe": Universe(symbols=symbols or ("BTCUSDT",)),
            "max_hold_s": 600,
            **changes,
        }
    )
    worker = workers.create_worker(name, config, actor=OPERATOR, now=scene.clock())
    return workers.start_worker(worker.pk, actor=OPERATOR, now=scene.clock())


def last_closed(now: datetime, interval: str = "1m") -> datetime:
    """Give when the newest closed candle was opened."""
    length = timedelta(seconds=INTERVAL_S[interval])
    opened = now - timedelta(seconds=now.timestamp() % length.total_seconds())
    return opened - length


def turn(scene: Scene, *symbols: str) -> Turn:
    """Close a minute's candle of the symbols and take the turn."""
    return run_batch(close_candles(scene, *symbols), desk=scene.desk)


def close_candles(scene: Scene, *symbols: str) -> list[ClosedCandle]:
    """Put candles up to the last minute into the market and give what a batch would carry."""
    opened = last_closed(scene.clock())
    for symbol in symbols or ("BTCUSDT",):
        scene.market.set_candles(symbol, "1m", flat_candles(100.0, last_open=opened, interval_s=60))
    return [ClosedCandle(symbol, "1m", opened) for symbol in symbols or ("BTCUSDT",)]


def ledger(scene: Scene) -> dict[str, object]:
    """Give what must not depend on crashes: fills, balances on both sides, closed trades, live orders."""
    fills = FillRow.objects.order_by("filled_at", "venue_fill_id")
    return {
        "fills": [(f.side, f.price, f.qty, f.fee, f.fee_asset) for f in fills],
        "ledger": {b.asset: b.ledger for b in Balance.objects.all()},
        "venue": {asset: total for asset, total in scene.venue_totals().items() if total},
        "closed": [(t.symbol, t.realised_pnl, t.exit_reason) for t in Trade.objects.filter(state="CLOSED")],
        "open": Trade.objects.filter(state__in=["OPENING", "OPEN", "CLOSING"]).count(),
        "unresolved": Order.objects.filter(status__in=["INITIALIZED", "SUBMITTED"]).count(),
    }


def assert_ledger_agrees(scene: Scene) -> None:
    """Our ledger and the venue hold the same total of every asset."""
    ours = {balance.asset: balance.ledger for balance in Balance.objects.all() if balance.ledger}
    theirs = {asset: total for asset, total in scene.venue_totals().items() if total}
    assert ours == theirs


def usd(text: str) -> Decimal:
    """Read an amount."""
    return Decimal(text)
