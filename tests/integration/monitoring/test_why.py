"""The page that says why, the chart's data, and the figures of account and workers."""

import json
from decimal import Decimal

import pytest
import redis
from django.test import Client

from monitoring import live
from monitoring.why import funnel
from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker, turn
from trading.domain.market import Candle
from trading.market.cache import candles_key, pack
from trading.market.decisions import keep_decisions
from trading.models import Balance, JournalEntry, Trade
from trading.selectors import account
from trading.services import blacklist, control, workers
from trading.services.control import KillLevel

pytestmark = pytest.mark.usefixtures("always", "redis_client")


def a_closed_trade(site: Scene) -> Trade:
    """Buy, and sell everything by the kill switch."""
    a_worker(site)
    turn(site)
    site.pump()
    site.clock.advance(1)
    control.kill(KillLevel.FLATTEN, actor=OPERATOR, desk=site.desk)
    site.pump()
    return Trade.objects.get()


def test_the_funnel_loses_nobody_on_its_way() -> None:
    steps = list(funnel({"SYMBOL_BUSY": 5, "RSI_TOO_HIGH": 3, "SPREAD_WIDE": 1, "ENTRY": 2, "NEW_REASON": 4}))

    assert [step.passed for step in steps] == [10, 10, 3, 3, 2, 2, 2, 2]
    assert sum(step.stopped for step in steps) + steps[-1].passed == 15


def test_the_page_tells_universe_blacklist_and_a_worker_without_decisions(
    site: Scene, viewer: Client
) -> None:
    a_worker(site, "BTCUSDT", "ETHUSDT")
    blacklist.bar_symbol("ETHUSDT", reason="MANUAL", note="", actor=OPERATOR, now=live.utc_now())

    page = viewer.get("/why/").content.decode()

    assert "matches 2 symbols; 1 of them" in page
    assert "It has not decided anything yet" in page


def test_a_trade_tells_how_it_began_and_ended(site: Scene, viewer: Client) -> None:
    trade = a_closed_trade(site)

    page = viewer.get(f"/why/?trade={trade.pk}").content.decode()

    assert "Everything was sold by the kill switch" in page
    assert "100 % of its size" in page
    assert "The figures of the decision are not kept any more" in page


@pytest.mark.parametrize(
    ("max_risk", "words"),
    [(50, "risk 6 (spread 6); 91 % of its size"), (0, "6 (spread 6) against 0")],
)
def test_a_decision_tells_the_risk_that_cut_or_refused_it(
    site: Scene, viewer: Client, redis_client: redis.Redis, max_risk: int, words: str
) -> None:
    worker = a_worker(site, full_size_risk=0, max_risk=max_risk)
    site.quote("BTCUSDT", "100.00", "100.09")
    keep_decisions(redis_client, turn(site).decisions, arrived_ms=7)

    page = viewer.get(f"/why/?worker={worker.pk}").content.decode()

    assert words in page
    assert ("risk score is above what the worker enters" in page) == (max_risk == 0)


@pytest.mark.parametrize("query", ["worker=99", "trade=99", "trade=x", "worker=-1", "trade=" + "9" * 30])
def test_what_does_not_exist_is_not_found(site: Scene, viewer: Client, query: str) -> None:
    assert viewer.get(f"/why/?{query}").status_code == 404


def test_strangers_see_neither_reasons_nor_candles(site: Scene) -> None:
    for path in ("/why/", "/candles/BTCUSDT"):
        assert Client().get(path)["Location"].startswith("/admin/login/")


def test_a_chart_gets_candles_after_a_moment_and_our_trades(
    site: Scene, viewer: Client, redis_client: redis.Redis
) -> None:
    trade = a_closed_trade(site)
    rows = [Candle("BTCUSDT", "1m", moment, 1.0, 2.0, 0.5, 1.5, 10.0) for moment in (0, 60_000)]
    redis_client.set(candles_key("BTCUSDT", "1m"), pack(rows))

    data = json.loads(viewer.get("/candles/BTCUSDT?interval=5m&after=0").content)

    assert (data["interval"], data["intervals"]) == ("1m", ["1m"])
    assert data["candles"] == [[60_000, 1.0, 2.0, 0.5, 1.5, 10.0]]
    assert [row["id"] for row in data["trades"]] == [trade.pk]
    assert viewer.get("/candles/BTCUSDT?after=soon").status_code == 400
    assert json.loads(viewer.get("/candles/NOSUCH").content)["candles"] == []


def test_a_trade_is_sold_by_hand_once_and_noted(site: Scene, operator: Client, viewer: Client) -> None:
    a_worker(site)
    turn(site)
    site.pump()
    trade = Trade.objects.get()

    assert viewer.post(f"/act/trades/{trade.pk}/sell").status_code == 403
    answer = operator.post(f"/act/trades/{trade.pk}/sell").json()
    site.pump()

    trade.refresh_from_db()
    assert (answer["ok"], trade.state, trade.exit_reason) == (True, "CLOSED", "MANUAL")
    assert JournalEntry.objects.get(action="trade.sold_by_hand").subject == f"trade:{trade.pk}"
    again = operator.post(f"/act/trades/{trade.pk}/sell").json()
    assert (again["ok"], again["message"]) == (True, "Nothing of it is held any more.")
    assert JournalEntry.objects.filter(action="trade.sold_by_hand").count() == 1
    assert operator.post("/act/trades/987/sell").status_code == 404


def test_a_worker_is_deleted_only_when_it_is_stopped(site: Scene, operator: Client) -> None:
    worker = a_worker(site)

    assert operator.post(f"/act/workers/{worker.pk}/delete").status_code == 409
    workers.stop_worker(worker.pk, actor=OPERATOR, now=site.clock())
    assert operator.post(f"/act/workers/{worker.pk}/delete").json()["ok"] is True


def test_figures_of_day_and_worker_are_those_of_the_trades(site: Scene) -> None:
    trade = a_closed_trade(site)
    assert trade.closed_at is not None

    (day,) = account.day_figures(now=trade.closed_at)
    (worker,) = account.worker_figures(now=trade.closed_at)

    assert Decimal(day["pnl"]) == Decimal(worker["pnl"]) == trade.realised_pnl
    assert (day["trades"], worker["trades"], worker["wins"]) == (1, 1, 0)
    assert day["unprotected_s"] == pytest.approx(trade.unprotected_s, abs=1e-3)


def test_holdings_name_what_has_no_price(site: Scene) -> None:
    a_worker(site)
    for asset in ("BTC", "XYZ"):
        Balance.objects.update_or_create(
            asset=asset, defaults={"ledger": Decimal("0.5"), "updated_at": site.clock()}
        )

    (row,) = account.list_holdings()

    assert (row["quote_asset"], row["cash"]) == ("USDT", "10000")
    assert ("BTC", "BTCUSDT", "0.5") in row["priced"]
    assert row["unpriced"] == ["XYZ"]
