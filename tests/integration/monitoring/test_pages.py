"""Dashboard frame, health page, the buttons' addresses, and the status command."""

import gzip
import json
from datetime import timedelta
from decimal import Decimal

import pytest
import redis
from django.core.management import call_command
from django.test import Client

from monitoring import live, snapshot
from monitoring.models import Alert
from monitoring.rules import HouseInputs
from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.domain.risk import TradingState
from trading.domain.values import to_ms, to_text
from trading.models import JournalEntry, ReconcileRun, Trade, TradingControl, Worker
from trading.services import control, limits, reconcile

pytestmark = pytest.mark.usefixtures("always", "redis_client")
STATUS_FIELDS = {
    "health", "venue", "workers", "open_trades", "closed_trades", "orders", "feed", "user_stream", "api",
    "cache", "alerts", "processes", "unprotected_s_total", "reconcile",
}  # fmt: skip


def status(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, object], object]:
    """Give the status and the exit status."""
    code: object = 0
    try:
        call_command("status", "--json")
    except SystemExit as ended:
        code = ended.code
    return json.loads(capsys.readouterr().out), code


def test_the_dashboard_asks_for_a_login(site: Scene) -> None:
    assert Client().get("/")["Location"].startswith("/admin/login/")


def test_a_page_is_sent_compressed_with_its_styles_in_it(site: Scene, operator: Client) -> None:
    plain = operator.get("/")
    small = operator.get("/", headers={"accept-encoding": "gzip"})

    assert b'rel="stylesheet"' not in plain.content
    assert b"--touch: 44px" in plain.content
    assert small["Content-Encoding"] == "gzip"
    assert len(small.content) < len(plain.content) / 2
    assert b"--touch: 44px" in gzip.decompress(small.content)


def test_the_dashboard_offers_acts_to_operators_only(site: Scene, operator: Client, viewer: Client) -> None:
    assert 'data-act="kill"' in operator.get("/").content.decode()
    assert 'data-act="kill"' not in viewer.get("/").content.decode()


def test_what_was_bought_may_wait_a_second_for_its_protection(site: Scene) -> None:
    a_worker(site)
    turn(site)
    site.pump()
    since = site.clock()
    Trade.objects.update(is_protected=False, unprotected_since=since)

    assert snapshot.unprotected_symbols(now=since + timedelta(seconds=0.9)) == ()
    assert snapshot.unprotected_symbols(now=since + timedelta(seconds=1)) == ("BTCUSDT",)


def test_the_health_page_needs_no_login_and_tells_no_secret(site: Scene) -> None:
    response = Client().get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": True, "redis": True}


def test_the_health_page_says_that_redis_is_away(site: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "get_client", lambda: redis.Redis(unix_socket_path="/nowhere"))

    assert Client().get("/healthz").status_code == 503


def test_a_button_acts_once_and_answers_with_a_sentence(site: Scene, operator: Client) -> None:
    worker = a_worker(site)

    response = operator.post(f"/act/workers/{worker.pk}/drain", {"reason": "deployment"})

    worker.refresh_from_db()
    assert response.json()["ok"] is True
    assert worker.state == "DRAINING"
    assert JournalEntry.objects.get(action="worker.draining").reason == "deployment"


def test_the_kill_button_stops_the_account_and_tells_what_is_left(site: Scene, operator: Client) -> None:
    a_worker(site)
    turn(site)
    site.pump()

    response = operator.post("/act/kill/entries")

    assert "1 open trades (1 protected)" in response.json()["message"]
    qty = to_text(Trade.objects.get().qty)
    assert response.json()["lines"] == [f"BTCUSDT: {qty} BTC held, protected, leaves by its own exits"]
    assert TradingControl.objects.get().state == "REDUCING"
    assert operator.post("/act/trading-state/active").json()["ok"] is True


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/act/workers/999/start", 404),
        ("/act/workers/1/dance", 400),
        ("/act/kill/everything", 400),
        ("/act/trading-state/party", 400),
    ],
)
def test_what_cannot_be_done_is_answered_in_words(
    site: Scene, operator: Client, path: str, code: int
) -> None:
    response = operator.post(path)

    assert (response.status_code, response.json()["ok"]) == (code, False)
    assert response.json()["message"]


def test_only_operators_may_press_buttons(site: Scene, viewer: Client) -> None:
    worker = a_worker(site)

    assert viewer.post(f"/act/workers/{worker.pk}/stop").status_code == 403
    assert Client().post(f"/act/workers/{worker.pk}/stop").status_code == 401
    assert viewer.get(f"/act/workers/{worker.pk}/stop").status_code == 405


def test_an_alert_is_acknowledged_once(site: Scene, operator: Client, viewer: Client) -> None:
    now = site.clock()
    alert = Alert.objects.create(
        uid="a", code="FEED_SILENT", level="WARNING", text="silent", points=5, opened_at=now, seen_at=now
    )
    path = f"/act/alerts/{alert.pk}/acknowledge"

    assert viewer.post(path).status_code == 403
    assert operator.post(path).json()["ok"] is True

    alert.refresh_from_db()
    assert alert.acknowledged_by == "operator"
    assert operator.post(path).json()["message"] == "operator looks after it already."
    assert operator.post("/act/alerts/999/acknowledge").status_code == 404


def test_a_worker_is_made_and_started_in_one_act(site: Scene, operator: Client, viewer: Client) -> None:
    config = {
        "strategy": "ALWAYS", "interval": "1m", "universe": {"symbols": ["BTCUSDT"]}, "budget": "100",
        "trade_notional": "20", "take_profit_bps": 50, "stop_loss_bps": 50, "max_hold_s": 60,
    }  # fmt: skip
    asked = {"name": "quick", "config": json.dumps(config), "start": "yes"}
    wrong = {**asked, "config": json.dumps({**config, "budget": "1"})}

    refused = operator.post("/act/workers/create", wrong)
    made = operator.post("/act/workers/create", asked)

    assert (refused.status_code, refused.json()["field"]) == (400, "budget")
    assert made.json()["ok"] is True
    assert Worker.objects.get().state == "ACTIVE"
    assert operator.post("/act/workers/create", {"name": "x", "config": "{"}).status_code == 400
    assert viewer.post("/act/workers/create", asked).status_code == 403


def test_the_worker_form_offers_every_parameter_with_its_range_and_workers_to_copy(
    site: Scene, operator: Client
) -> None:
    worker = a_worker(site)
    offered = operator.get("/worker-choices.json").json()

    assert [each["name"] for each in offered["workers"]] == [worker.name]
    assert offered["workers"][0]["config"]["universe"] == {"symbols": ["BTCUSDT"]}
    for strategy in offered["strategies"]:
        for parameter in strategy["parameters"]:
            assert parameter["min"] <= parameter["default"] <= parameter["max"]
            assert parameter["help"]


def test_status_has_every_field_and_calls_a_dead_stack_unhealthy(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = a_worker(site)
    turn(site)
    site.pump()

    answer, code = status(capsys)

    assert set(answer) >= STATUS_FIELDS
    assert (answer["health"], code) == (0, 1)
    assert [row["id"] for row in answer["workers"]] == [worker.pk]  # type: ignore[attr-defined]  # JSON
    trade = answer["open_trades"][0]  # type: ignore[index]  # JSON
    assert (trade["symbol"], trade["protected"], trade["unprotected_s"] >= 0) == ("BTCUSDT", True, True)
    assert answer["feed"] is None


def test_status_tells_what_the_newest_reconcile_found(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    site.engine.adjust_balance("USDT", Decimal("-250"))
    reconcile.run(desk=site.desk, reason="test")
    ReconcileRun.objects.update(at=live.utc_now())

    answer, _ = status(capsys)

    found = answer["reconcile"]
    assert isinstance(found, dict)
    assert (found["clean"], found["unknown_orders"], found["foreign_orders"]) == (False, 0, 0)
    assert found["differences"] == [
        {"asset": "USDT", "ledger": "10000", "venue": "9750", "difference": "-250"}
    ]
    assert found["age_s"] < 60
    assert "LEDGER_DIFFERS" in str(answer["alerts"])


def test_status_is_fine_when_streams_and_processes_report(
    site: Scene, capsys: pytest.CaptureFixture[str], redis_client: redis.Redis
) -> None:
    now_ms = to_ms(live.utc_now())
    ReconcileRun.objects.update(at=live.utc_now())
    stream = {"connected": True, "last_message_ms": now_ms, "uptime_ratio": 1.0, "reconnects": 0}
    for key in ("fc:feed", "fc:user_stream"):
        redis_client.set(key, json.dumps(stream))
    for name in ("web", "feed", "executions", "trader", "beat"):
        beat = {"pid": 1, "started_at_ms": now_ms, "beat_at_ms": now_ms}
        redis_client.set(f"fc:process:{name}", json.dumps(beat))
    live.publish_house(redis_client, HouseInputs(database_writes=True))

    answer, code = status(capsys)

    assert (answer["health"], code, answer["alerts"]) == (100, 0, [])
    assert answer["feed"]["connected"] is True  # type: ignore[index]  # JSON
    assert {row["name"] for row in answer["processes"]} >= {"web", "feed"}  # type: ignore[attr-defined]  # JSON


def test_status_tells_limits_and_what_counts_against_them(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    limits.set_limits("USDT", {"max_exposure": Decimal(500)}, actor="operator", now=site.clock())
    a_worker(site)
    turn(site)

    answer, _ = status(capsys)

    row = answer["limits"][0]  # type: ignore[index]  # JSON
    assert (row["quote_asset"], row["max_exposure"], row["largest_symbol"]) == ("USDT", "500", "BTCUSDT")
    assert 99 < float(row["exposure"]) <= 100
    assert row["daily_loss_reached"] is False


def test_status_says_at_each_worker_that_trading_is_halted(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_worker(site)
    control.set_trading_state(TradingState.HALTED, actor="operator", now=site.clock())

    with pytest.raises(SystemExit):
        call_command("status")

    assert "ACTIVE, but HALTED" in capsys.readouterr().out


def test_status_can_be_read_by_a_person(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_worker(site)

    with pytest.raises(SystemExit):
        call_command("status")

    assert "worker_btc" in capsys.readouterr().out
