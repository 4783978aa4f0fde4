"""The ledgers: nobody edits them, lists cost the same with few rows and many, exports carry all columns."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.builders import NOON
from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.models import (
    BlacklistEntry,
    ExternalChange,
    FillRow,
    JournalEntry,
    Order,
    ReconcileRun,
    Trade,
    Worker,
)
from trading.selectors import exports
from trading.selectors.exports import EXPORTS
from trading.services import blacklist, reconcile

pytestmark = pytest.mark.usefixtures("always")
PAGES = ("worker", "trade", "order", "fillrow", "blacklistentry", "journalentry", "externalchange")
KINDS = {
    "worker": "workers",
    "trade": "trades",
    "order": "orders",
    "fillrow": "fills",
    "blacklistentry": "blacklist",
    "journalentry": "journal",
    "externalchange": "external",
}


@pytest.fixture
def ledger(site: Scene) -> Scene:
    """A worker with an open trade, its orders and fills, and a barred symbol."""
    a_worker(site)
    turn(site)
    site.pump()
    blacklist.bar_symbol("ETHUSDT", reason="MANUAL", note="=1+1", actor="operator", now=NOON)
    return site


def add_rows(number: int) -> None:
    """Multiply every ledger's rows."""
    trade, order, fill = Trade.objects.get(), Order.objects.first(), FillRow.objects.first()
    assert order is not None
    assert fill is not None
    for index in range(number):
        trade.pk, trade.key, trade.state = None, f"K{index}", "CLOSED"
        trade.candle_open_at -= timedelta(minutes=1)
        trade.save()
        order.pk, order.client_order_id, order.trade = None, f"o{index}", trade
        order.save()
        fill.pk, fill.venue_fill_id, fill.trade, fill.order = None, 10_000 + index, trade, order
        fill.save()
        BlacklistEntry.objects.create(symbol=f"S{index}", reason="X", created_at=NOON, created_by="o")
        JournalEntry.objects.create(at=NOON, actor="o", action="a", subject="s")
        Worker.objects.create(name=f"w{index}", created_at=NOON, state_changed_at=NOON, version=trade.version)
        ExternalChange.objects.create(
            ref=f"r{index}", kind="FILL", asset="BTC", amount=1, happened_at=NOON, booked_at=NOON
        )


def count_queries(client: Client, path: str) -> int:
    """Give how many queries a page costs."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("page", PAGES)
def test_a_list_costs_the_same_with_few_rows_and_many(ledger: Scene, operator: Client, page: str) -> None:
    path = f"/admin/trading/{page}/"
    count_queries(operator, path)
    few = count_queries(operator, path)

    add_rows(12)

    assert count_queries(operator, path) == few


@pytest.mark.parametrize("page", ["trade", "order", "fillrow", "journalentry"])
def test_nobody_edits_a_ledger(ledger: Scene, operator: Client, page: str) -> None:
    pk = EXPORTS[KINDS[page]].model._default_manager.values_list("pk", flat=True)[0]
    path = f"/admin/trading/{page}"

    assert operator.get(f"{path}/{pk}/change/").status_code == 200
    assert operator.post(f"{path}/{pk}/change/", {"symbol": "X"}).status_code == 403
    assert operator.get(f"{path}/add/").status_code == 403
    assert operator.post(f"{path}/{pk}/delete/", {"post": "yes"}).status_code == 403


def exported(client: Client, page: str, how: str) -> str:
    """Give what the export page of a list sends; `page` may carry filters."""
    path, _, filters = page.partition("?")
    answer: Any = client.post(f"/admin/trading/{path}/export/?{filters}", {"format": how, "resource": "0"})

    async def read() -> bytes:
        return b"".join([piece async for piece in answer])

    return async_to_sync(read)().decode()


@pytest.mark.parametrize("page", PAGES)
def test_an_export_has_the_columns_and_rows_of_the_command(
    ledger: Scene, operator: Client, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    for how, name in (("0", "csv"), ("1", "json")):
        call_command("export", KINDS[page], "--format", name)
        assert exported(operator, page, how) == capsys.readouterr().out

    rows = list(csv.DictReader(io.StringIO(exported(operator, page, "0"))))
    assert list(rows[0]) == [name for name, _ in EXPORTS[KINDS[page]].columns]
    assert len(rows) == EXPORTS[KINDS[page]].model._default_manager.count()


def test_an_export_of_many_pieces_has_every_row_once_and_only_what_the_filters_leave(
    ledger: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rows(12)
    monkeypatch.setattr(exports, "CHUNK", 5)

    everything = json.loads(exported(operator, "trade", "1"))
    closed = json.loads(exported(operator, "trade?state__exact=CLOSED", "1"))
    none = json.loads(exported(operator, "trade?state__exact=ABORTED", "1"))

    keys = list(Trade.objects.order_by("pk").values_list("pk", flat=True))
    assert [row["id"] for row in everything] == keys
    assert [row["id"] for row in closed] == keys[1:]
    assert none == []


def test_an_exported_price_is_exact_and_a_formula_is_defused(ledger: Scene, operator: Client) -> None:
    trades = json.loads(exported(operator, "trade", "1"))

    assert Decimal(trades[0]["take_profit_price"]) == Trade.objects.get().take_profit_price
    assert "'=1+1" in exported(operator, "blacklistentry", "0")


def test_a_difference_is_accepted_through_the_confirm_page(site: Scene, operator: Client) -> None:
    site.engine.adjust_balance("USDT", Decimal(250))
    reconcile.run(desk=site.desk, reason="test")
    chosen = {"action": "accept", "_selected_action": [ReconcileRun.objects.latest("pk").pk]}
    page = operator.post("/admin/trading/reconcilerun/", chosen, follow=True)
    assert "USDT: ledger 10000, venue 10250, difference 250" in page.content.decode()

    operator.post(page.redirect_chain[-1][0], {"confirmed": "yes", "reason": "mine"})

    change = ExternalChange.objects.latest("pk")
    assert (change.kind, change.amount) == ("ACCEPTED", 250)
    assert (change.booked_by, change.note) == ("operator", "accepted by operator: mine")
    assert not ReconcileRun.objects.latest("pk").differences
    assert "clean" in operator.get("/admin/trading/reconcilerun/").content.decode()


def test_a_difference_that_has_grown_since_it_was_shown_is_not_accepted(
    site: Scene, operator: Client
) -> None:
    site.engine.adjust_balance("USDT", Decimal(250))
    reconcile.run(desk=site.desk, reason="test")
    shown = ReconcileRun.objects.latest("pk").pk
    site.engine.adjust_balance("USDT", Decimal(-5_000))
    reconcile.run(desk=site.desk, reason="test")

    path = f"/admin/trading/reconcilerun/accept/?run={shown}"
    response = operator.post(path, {"confirmed": "yes"}, follow=True)

    assert "which is not what was shown: look again" in response.content.decode()
    assert not ExternalChange.objects.filter(ref__startswith="accepted:").exists()


def test_a_viewer_accepts_no_difference(site: Scene, viewer: Client) -> None:
    assert viewer.get("/admin/trading/reconcilerun/").status_code == 200
    assert viewer.post("/admin/trading/reconcilerun/accept/", {"confirmed": "yes"}).status_code == 403


def test_a_symbol_is_barred_and_lifted_through_the_service(site: Scene, operator: Client) -> None:
    operator.post(
        "/admin/trading/blacklistentry/add/", {"symbol": "ltcusdt", "reason": "MANUAL", "note": "thin"}
    )
    entry = BlacklistEntry.objects.get()
    operator.post(f"/admin/trading/blacklistentry/lift/?ids={entry.pk}", {"confirmed": "yes"})

    entry.refresh_from_db()
    assert (entry.symbol, entry.created_by, entry.lifted_by) == ("LTCUSDT", "operator", "operator")
    assert list(JournalEntry.objects.filter(subject="symbol:LTCUSDT").values_list("action", flat=True)) == [
        "symbol.barred",
        "symbol.lifted",
    ]


def test_a_symbol_that_the_venue_does_not_know_is_refused(site: Scene, operator: Client) -> None:
    response = operator.post("/admin/trading/blacklistentry/add/", {"symbol": "NOPE", "reason": "MANUAL"})

    assert "not traded on this venue" in response.content.decode()
    assert not BlacklistEntry.objects.exists()
