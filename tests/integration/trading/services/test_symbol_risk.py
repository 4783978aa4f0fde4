"""Entries by their risk: smaller beside wild candles and what is open, refused beyond the worker's limit."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from django.test import Client

from tests.support.desk import Scene, a_scene, flat_candles
from tests.support.trading import a_worker, always, assert_ledger_agrees, last_closed, prepare
from trading.domain.market import ClosedCandle
from trading.domain.risk_score import HISTORY
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.models import Trade
from trading.selectors.symbol_risk import list_risks
from trading.services.cycle import Turn, run_batch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
# Comes to 100 bps from candle to candle up and down: some 775 bps an hour.
WILD, CALM = 0.01, 0.0002


@pytest.fixture
def scene() -> Scene:
    """A desk with quotes of three symbols."""
    made = a_scene()
    prepare(made)
    for symbol in SYMBOLS:
        made.quote(symbol, "100.00", "100.01")
    return made


def close(scene: Scene, *symbols: str, size: float = CALM, rows: int = HISTORY + 10) -> Turn:
    """Close candles that swing by `size`, all alike, and take the turn."""
    opened = last_closed(scene.clock())
    times = to_ms(opened) - 60_000 * np.arange(rows - 1, -1, -1, dtype=np.int64)
    prices = np.where(np.arange(rows) % 2, 100.0 * (1.0 + size), 100.0).astype(np.float64)
    for symbol in symbols:
        candles = Candles(times, prices, prices, prices, prices, np.ones(rows), 60)
        scene.market.set_candles(symbol, "1m", candles)
    return run_batch([ClosedCandle(symbol, "1m", opened) for symbol in symbols], desk=scene.desk)


def test_a_calm_symbol_gets_its_whole_size_and_the_trade_keeps_the_score(scene: Scene) -> None:
    a_worker(scene, full_size_risk=20, max_risk=80)

    result = close(scene, "BTCUSDT")

    trade = Trade.objects.get()
    assert (trade.risk_score, trade.size_percent) == (0, 100)
    assert Decimal(99) < trade.reserved_notional <= Decimal(100)
    assert [decision.detail for decision in result.decisions] == ["risk 0; 100 % of its size"]


def test_a_wild_symbol_gets_a_smaller_trade_that_says_why(scene: Scene) -> None:
    a_worker(scene, full_size_risk=10, max_risk=40)

    result = close(scene, "BTCUSDT", size=WILD)
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.risk_score, trade.size_percent) == (22, 70)
    assert trade.risk_points == {
        "volatility": 22.4,
        "jump": 0.0,
        "spread": 0.0,
        "depth": 0.0,
        "crowding": 0.0,
    }
    assert Decimal(69) < trade.reserved_notional <= Decimal(70)
    assert [decision.detail for decision in result.decisions] == ["risk 22 (volatility 22); 70 % of its size"]
    assert_ledger_agrees(scene)


def test_beyond_the_workers_limit_nothing_is_entered(scene: Scene) -> None:
    a_worker(scene, full_size_risk=10, max_risk=21)

    result = close(scene, "BTCUSDT", size=WILD)

    assert not Trade.objects.exists()
    (decision,) = result.decisions
    assert (decision.code, decision.detail) == (
        "RISK_TOO_HIGH",
        "RISK_TOO_HIGH (22 (volatility 22) against 21)",
    )


def test_what_moves_like_an_open_trade_is_riskier_with_each_of_them(scene: Scene) -> None:
    a_worker(scene, *SYMBOLS, full_size_risk=0, max_risk=50)

    close(scene, *SYMBOLS)

    trades = Trade.objects.order_by("id")
    assert [trade.risk_points["crowding"] for trade in trades] == [0.0, 3.6, 10.7]
    assert [trade.size_percent for trade in trades] == [100, 94, 84]


def test_an_open_trade_of_an_earlier_turn_crowds_too(scene: Scene) -> None:
    a_worker(scene, *SYMBOLS, full_size_risk=0, max_risk=50)
    close(scene, "BTCUSDT")
    scene.clock.advance(60)
    for symbol in SYMBOLS:
        scene.quote(symbol, "100.00", "100.01")

    close(scene, "BTCUSDT", "ETHUSDT")

    assert Trade.objects.get(symbol="ETHUSDT").risk_points["crowding"] == 3.6


@pytest.mark.parametrize(("rows", "score"), [(HISTORY, 0), (HISTORY - 1, 50)])
def test_too_few_candles_for_a_score_count_in_full(scene: Scene, rows: int, score: int) -> None:
    a_worker(scene, full_size_risk=50, max_risk=80)

    close(scene, "BTCUSDT", rows=rows)

    assert Trade.objects.get().risk_score == score


def test_spread_and_a_thin_book_add_their_points(scene: Scene) -> None:
    a_worker(scene, full_size_risk=100, max_risk=100)
    scene.quote("BTCUSDT", "100.00", "100.09", qty="1.5")

    close(scene, "BTCUSDT")

    points = Trade.objects.get().risk_points
    assert points["spread"] == pytest.approx(15 * (9.0 - 2.0) / 18.0, abs=0.1)
    assert points["depth"] == pytest.approx(10 * (100.0 / 150.0 - 0.5) / 3.5, abs=0.1)


def test_a_size_that_risk_cuts_below_the_venues_least_says_so(scene: Scene) -> None:
    a_worker(scene, full_size_risk=0, max_risk=30, trade_notional=Decimal(11), budget=Decimal(50))

    (decision,) = close(scene, "BTCUSDT", size=WILD).decisions

    assert decision.code == "NOTIONAL_BELOW_MINIMUM"
    assert "at 45 % of the size, risk 22 (volatility 22)" in decision.detail


def test_only_candles_that_are_kept_are_asked_for_and_what_is_not_known_counts_as_a_whole_trade(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene, "BTCUSDT", name="seconds", interval="1s")
    a_worker(scene, "ETHUSDT", name="minutes", full_size_risk=0, max_risk=50)
    opened = last_closed(scene.clock(), "1s")
    scene.market.set_candles("BTCUSDT", "1s", flat_candles(100.0, last_open=opened, interval_s=1))
    run_batch([ClosedCandle("BTCUSDT", "1s", opened)], desk=scene.desk)
    asked: set[str] = set()
    give = scene.market.candles

    def note(symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        asked.update(symbols)
        return give(symbols, interval, length=length)

    monkeypatch.setattr(scene.market, "candles", note)
    close(scene, "ETHUSDT")

    assert asked == {"ETHUSDT"}
    assert Trade.objects.get(symbol="ETHUSDT").risk_points["crowding"] == 3.6


def test_operators_see_the_risk_of_every_symbol_that_is_followed(scene: Scene) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    close(scene, "BTCUSDT", size=WILD)

    risks = list_risks(SYMBOLS, market=scene.market, now=scene.clock())
    later = list_risks(SYMBOLS, market=scene.market, now=scene.clock.advance(130))

    assert {symbol: str(risk) for symbol, risk in risks.items()} == {"BTCUSDT": "22 (volatility 22)"}
    assert later == {}  # nothing of an old candle


def test_list_of_instruments_shows_the_risk_and_a_dash_where_it_is_not_known(
    site: Scene, operator: Client
) -> None:
    a_worker(site, "BTCUSDT")
    close(site, "BTCUSDT", size=WILD)

    page = operator.get("/admin/trading/instrumentrow/").content.decode()

    assert "22 (volatility 22)" in page
    assert "–" in page
