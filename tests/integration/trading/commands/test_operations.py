"""`kill`, `reconcile` and `export`: what is left, what differs, and every row with its columns."""

import csv
import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.domain.ports import VenueUnavailable
from trading.domain.values import to_text
from trading.models import Balance, ExternalChange, FillRow, InstrumentRow, Trade
from trading.services import blacklist
from trading.services.incidents import open_incident_and_halt

pytestmark = pytest.mark.usefixtures("always")


def test_kill_flatten_leaves_nothing_open(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_worker(site)
    turn(site)
    site.pump()

    call_command("kill", "--level", "flatten", "--json")

    left = json.loads(capsys.readouterr().out)
    assert (left["level"], left["trading_state"], left["open_trades"]) == ("flatten", "HALTED", 0)


def test_kill_entries_keeps_what_is_protected(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_worker(site)
    turn(site)
    site.pump()

    call_command("kill", "--level", "entries")

    assert "open trades      1, 1 protected: BTCUSDT" in capsys.readouterr().out


def test_kill_tells_a_line_for_everything_that_is_left_and_exits_1(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_worker(site)
    turn(site)
    site.pump()
    InstrumentRow.objects.filter(symbol="BTCUSDT").update(status="HALT")

    with pytest.raises(SystemExit) as ended:
        call_command("kill", "--level", "flatten")

    assert ended.value.code == 1
    qty = to_text(Trade.objects.get().qty)
    assert f"left             BTCUSDT: {qty} BTC held, protected, the venue" in capsys.readouterr().out


def test_kill_refuses_a_level_that_does_not_exist(site: Scene) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("kill", "--level", "everything")


def test_resume_lets_the_account_trade_again_and_names_what_is_not_answered(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_worker(site)
    open_incident_and_halt("a test", {}, by="test", desk=site.desk)
    turn(site)
    assert not Trade.objects.exists()

    call_command("resume", "--reason", "all is well")

    assert capsys.readouterr().out.splitlines()[1].endswith(": a test")
    turn(site)
    assert Trade.objects.count() == 1


def test_resume_asks_for_a_reason(site: Scene) -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("resume")


def test_reconcile_is_clean_when_the_ledger_agrees(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reconcile", "--json")

    assert json.loads(capsys.readouterr().out)["clean"] is True


def test_reconcile_names_a_difference_and_exits_1(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    Balance.objects.filter(asset="USDT").update(ledger=Decimal(9_000))

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", "--json")

    difference = json.loads(capsys.readouterr().out)["differences"][0]
    assert ended.value.code == 1
    assert (difference["asset"], difference["difference"]) == ("USDT", "1000")


def test_reconcile_accepts_what_the_operator_names(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    Balance.objects.filter(asset="USDT").update(ledger=Decimal(9_000))

    call_command("reconcile", "--accept", "usdt", "--reason", "my deposit", "--json")

    assert json.loads(capsys.readouterr().out)["clean"] is True
    change = ExternalChange.objects.latest("pk")
    assert (change.kind, change.asset, change.amount) == ("ACCEPTED", "USDT", 1000)
    assert (change.booked_by, change.note) == ("command", "accepted by command: my deposit")


def test_reconcile_says_in_one_line_that_there_is_nothing_to_accept(site: Scene) -> None:
    with pytest.raises(CommandError, match=r"^BTC does not differ$") as caught:
        call_command("reconcile", "--accept", "BTC")

    assert caught.value.returncode == 1


def test_reconcile_names_what_is_foreign_and_what_is_missing(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_worker(site)
    turn(site)
    site.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    site.engine.adjust_balance("BTC", Decimal("-0.5"))
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    site.quote("ETHUSDT", "50.00", "50.01")
    site.engine.execute("order.place", {**order, "quantity": "1", "price": "49.00"})
    site.pump()

    call_command("reconcile")

    said = capsys.readouterr().out
    assert "FOREIGN          BUY 1 ETHUSDT at 49, id" in said
    assert "MISSING          BTCUSDT" in said


def test_reconcile_says_in_one_line_that_the_venue_is_away(
    site: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise VenueUnavailable("connection refused")

    monkeypatch.setattr(site.venue, "balances", away)

    with pytest.raises(CommandError, match="cannot be asked: connection refused") as caught:
        call_command("reconcile")

    assert caught.value.returncode == 1


def test_export_writes_exact_fills_as_csv(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_worker(site)
    turn(site)
    site.pump()

    call_command("export", "fills", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    fill = FillRow.objects.get()
    assert [Decimal(row["price"]) for row in rows] == [fill.price]
    assert rows[0]["client_order_id"] == fill.order.client_order_id


def test_export_keeps_to_the_moments_that_were_given(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_worker(site)
    turn(site)

    call_command("export", "trades", "--format", "json", "--from", "2024-03-01", "--to", "2024-03-02")
    within = json.loads(capsys.readouterr().out)
    call_command("export", "trades", "--format", "json", "--from", "2024-03-02")

    assert [row["key"] for row in within] == [Trade.objects.get().key]
    assert json.loads(capsys.readouterr().out) == []


def test_export_defuses_formulas_in_csv_and_leaves_json_alone(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    blacklist.bar_symbol("ETHUSDT", reason="X", note="=cmd()", actor="+1", now=site.clock())

    call_command("export", "blacklist", "--format", "csv")
    as_csv = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    call_command("export", "blacklist", "--format", "json")

    assert (as_csv["note"], as_csv["created_by"]) == ("'=cmd()", "'+1")
    assert json.loads(capsys.readouterr().out)[0]["note"] == "=cmd()"


def test_export_refuses_a_moment_that_is_none(site: Scene) -> None:
    with pytest.raises(CommandError, match="--from"):
        call_command("export", "trades", "--from", "yesterday")
