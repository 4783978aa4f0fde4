"""Others on the same account, heard live or missed: booked, named, never sold, never counted into a trade."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.ports import VenueUnavailable
from trading.models import Balance, ExternalChange, FillRow, JournalEntry, Order, ReconcileRun, Trade
from trading.selectors.ledger import list_lacking, reconcile_figures
from trading.services import reconcile, upkeep
from trading.services.ledger import NothingToAccept

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
LIVE_OR_AWAY = pytest.mark.parametrize("is_live", [True, False], ids=["live", "away"])


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A desk whose ledger was opened a minute ago."""
    made = a_scene()
    prepare(made)
    made.clock.advance(60)
    made.quote("BTCUSDT", "100.00", "100.01")
    yield made
    changes = {(row.asset, row.ref): row.amount for row in ExternalChange.objects.all()}
    fills = FillRow.objects.select_related("trade")
    for balance in Balance.objects.all():
        moved = sum((amount for (asset, _), amount in changes.items() if asset == balance.asset), Decimal(0))
        ours = sum((_effect(fill, balance.asset) for fill in fills), Decimal(0))
        assert balance.ledger == moved + ours  # the figure is the sum of its rows, whatever happened


def _effect(fill: FillRow, asset: str) -> Decimal:
    sign = 1 if fill.side == "BUY" else -1
    effects = [
        (fill.trade.base_asset, sign * fill.qty),
        (fill.trade.quote_asset, -sign * fill.qty * fill.price),
        (fill.fee_asset, -fill.fee),
    ]
    return sum((amount for name, amount in effects if name == asset), Decimal(0))


def _run(scene: Scene) -> reconcile.ReconcileReport:
    return reconcile.run(desk=scene.desk, reason="test")


def _hear(scene: Scene, *, is_live: bool) -> None:
    """Book what the stream brought, or lose it."""
    if is_live:
        scene.pump()
    else:
        scene.engine.drain_events()


def _trade_by_hand(
    scene: Scene, side: str, qty: str, *, symbol: str = "BTCUSDT", name: str = "web_1"
) -> None:
    order = {"symbol": symbol, "side": side, "type": "MARKET", "newClientOrderId": name}
    scene.engine.execute("order.place", {**order, "quantity": qty})


@pytest.mark.parametrize(("asset", "amount"), [("USDT", "250"), ("USDT", "-250"), ("ETH", "2")])
def test_a_deposit_or_withdrawal_that_is_heard_moves_the_ledger(
    scene: Scene, asset: str, amount: str
) -> None:
    scene.engine.adjust_balance(asset, Decimal(amount))
    scene.pump()

    report = _run(scene)

    assert report.is_clean
    change = ExternalChange.objects.get(kind="TRANSFER")
    assert (change.asset, change.amount) == (asset, Decimal(amount))
    assert JournalEntry.objects.get(action="ledger.transfer").after == {asset: amount}
    assert_ledger_agrees(scene)


def test_a_transfer_that_is_told_twice_counts_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.engine.adjust_balance("USDT", Decimal(250))
    events = scene.engine.drain_events()
    monkeypatch.setattr(scene.engine, "drain_events", lambda: [*events, *events])

    scene.pump()

    assert ExternalChange.objects.filter(kind="TRANSFER").count() == 1
    assert_ledger_agrees(scene)


def test_a_transfer_from_before_the_ledger_was_opened_is_in_it_already() -> None:
    scene = a_scene()
    scene.engine.adjust_balance("USDT", Decimal(250))
    scene.clock.advance(1)
    prepare(scene)

    scene.pump()

    assert not ExternalChange.objects.filter(kind="TRANSFER").exists()
    assert_ledger_agrees(scene)


def test_a_deposit_that_was_missed_stays_a_difference_until_it_is_accepted(scene: Scene) -> None:
    scene.engine.adjust_balance("USDT", Decimal(250))
    scene.engine.drain_events()
    reports = [_run(scene) for _ in range(2)]

    change, after = reconcile.accept("USDT", actor="operator", reason="my deposit", desk=scene.desk)

    assert [[(d.asset, d.amount) for d in r.differences] for r in reports] == [[("USDT", Decimal(250))]] * 2
    assert JournalEntry.objects.filter(action="ledger.reconciled").count() == 2  # found, and gone
    assert (change.kind, change.amount, change.booked_by) == ("ACCEPTED", Decimal(250), "operator")
    entry = JournalEntry.objects.get(action="ledger.accepted")
    assert (entry.actor, entry.after) == ("operator", {"USDT": "250"})
    assert after.is_clean
    assert_ledger_agrees(scene)


def test_what_does_not_differ_cannot_be_accepted(scene: Scene) -> None:
    with pytest.raises(NothingToAccept, match="USDT does not differ"):
        reconcile.accept("USDT", actor="operator", reason="", desk=scene.desk)


@LIVE_OR_AWAY
@pytest.mark.parametrize("bnb_fees", [True, False])
def test_a_trade_by_hand_moves_the_ledger_and_no_trade(
    scene: Scene, is_live: bool, bnb_fees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.engine._state.fees, "bnb_fees", bnb_fees)
    scene.quote("BNBUSDT", "500.00", "500.01")
    _trade_by_hand(scene, "BUY", "2")
    _hear(scene, is_live=is_live)

    report = _run(scene)

    assert report.is_clean
    assert set(ExternalChange.objects.filter(kind="FILL").values_list("asset", flat=True)) == (
        {"BTC", "USDT", "BNB"} if bnb_fees else {"BTC", "USDT"}
    )
    assert "FOREIGN order web_1 on BTCUSDT" in JournalEntry.objects.get(action="ledger.foreign_fill").reason
    assert not FillRow.objects.exists()
    assert_ledger_agrees(scene)


def test_a_fill_by_hand_that_is_heard_and_asked_for_counts_once(scene: Scene) -> None:
    _trade_by_hand(scene, "BUY", "2")
    _run(scene)

    scene.pump()
    _run(scene)

    assert ExternalChange.objects.filter(kind="FILL").count() == 2
    assert_ledger_agrees(scene)


def test_an_order_with_our_prefix_that_we_do_not_know_has_its_own_word(scene: Scene) -> None:
    _trade_by_hand(scene, "BUY", "1", name="fc-OLD-E0")
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    terms = {"quantity": "0.5", "price": "150.00", "newClientOrderId": "fc-OLD-X0"}
    scene.engine.execute("order.place", order | terms)
    scene.pump()

    report = _run(scene)

    (found,) = report.foreign
    assert (found.word, found.qty, found.price) == ("UNRECORDED", Decimal("0.5"), Decimal(150))
    assert "UNRECORDED order fc-OLD-E0" in JournalEntry.objects.get(action="ledger.foreign_fill").reason


def test_a_fill_of_ours_that_the_venue_alone_remembers_is_booked_as_ours(scene: Scene) -> None:
    """Its row does not know yet that it reached the venue, and the fill is found among the account's."""
    a_worker(scene)
    scene.venue.lose_replies = 1
    turn(scene)
    scene.engine.drain_events()

    report = _run(scene)

    assert report.is_clean
    assert not ExternalChange.objects.filter(kind="FILL").exists()
    assert Trade.objects.get().state == "OPEN"
    assert_ledger_agrees(scene)


def test_anothers_open_order_is_named_once_in_the_journal_and_in_every_run(scene: Scene) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    scene.engine.execute("order.place", {**order, "quantity": "1", "price": "95.00"})

    reports = [_run(scene) for _ in range(2)]

    assert [report.is_clean for report in reports] == [True, True]
    named = {"word": "FOREIGN", "symbol": "BTCUSDT", "side": "BUY", "qty": "1", "price": "95"}
    for run in ReconcileRun.objects.order_by("-at", "-pk")[:2]:
        assert run.foreign_orders[0].items() >= named.items()
    entries = JournalEntry.objects.filter(action="ledger.reconciled")
    assert [len(entry.after["foreign_orders"]) for entry in entries] == [1]
    assert len(scene.venue.list_open_orders()) == 1


def _hold(scene: Scene) -> Trade:
    """Open a trade whose protection somebody has cancelled by hand."""
    a_worker(scene)
    turn(scene)
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    return Trade.objects.get()


def _take(scene: Scene, how: str, qty: Decimal) -> None:
    if how == "sold":
        _trade_by_hand(scene, "SELL", str(qty))
    else:
        scene.engine.adjust_balance("BTC", -qty)


@LIVE_OR_AWAY
@pytest.mark.parametrize("how", ["sold", "withdrawn"])
def test_a_position_that_others_took_is_missing_and_its_trade_ends(
    scene: Scene, how: str, is_live: bool
) -> None:
    held = _hold(scene)
    _take(scene, how, held.qty.quantize(Decimal("0.00001"), rounding="ROUND_DOWN"))
    _hear(scene, is_live=is_live)

    _run(scene)
    scene.clock.advance(60)
    _run(scene)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "EXTERNAL")
    assert (trade.qty, trade.qty - trade.missing_qty) == (held.qty, trade.dust_qty)
    assert (trade.realised_pnl, trade.unprotected_since) == (Decimal(0), None)
    assert JournalEntry.objects.get(action="trade.missing").subject == f"trade:{trade.pk}"
    assert not Order.objects.filter(role="EXIT").exists()


def test_a_part_that_others_took_leaves_the_rest_protected(scene: Scene) -> None:
    held = _hold(scene)
    _take(scene, "withdrawn", Decimal("0.4"))
    scene.pump()

    _run(scene)
    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected, trade.missing_qty) == ("OPEN", True, Decimal("0.4"))
    assert list_lacking() == ("BTCUSDT",)
    assert scene.venue_totals()["BTC"] == held.qty - Decimal("0.4")
    scene.quote("BTCUSDT", "98.00", "98.01")
    scene.pump()
    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "STOP_LOSS")
    assert_ledger_agrees(scene)


def test_what_comes_back_is_sellable_again(scene: Scene) -> None:
    _hold(scene)
    _take(scene, "withdrawn", Decimal("0.4"))
    scene.pump()
    _run(scene)

    scene.engine.adjust_balance("BTC", Decimal("0.4"))
    scene.pump()
    _run(scene)

    assert Trade.objects.get().missing_qty == 0
    assert JournalEntry.objects.filter(action="trade.complete").exists()


def test_a_shortfall_that_nothing_explains_is_not_believed_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account query may lag behind a fill: coins that are there must not be given up."""
    _hold(scene)
    true = scene.venue.balances
    lagging = [each for each in true() if each.asset != "BTC"]
    monkeypatch.setattr(scene.venue, "balances", lambda: lagging)
    report = _run(scene)
    monkeypatch.setattr(scene.venue, "balances", true)

    scene.clock.advance(60)
    after = _run(scene)

    assert [each.asset for each in report.differences] == ["BTC"]
    assert after.is_clean
    trade = Trade.objects.get()
    assert (trade.state, trade.missing_qty) == ("OPEN", 0)


def test_a_balance_that_moves_while_it_is_asked_for_is_no_difference(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene)
    true = scene.venue.balances

    def balances_and_a_fill() -> Any:
        told = true()
        if not Trade.objects.exists():
            turn(scene)
        return told

    monkeypatch.setattr(scene.venue, "balances", balances_and_a_fill)

    report = _run(scene)

    assert report.is_clean
    assert Trade.objects.get().missing_qty == 0


def test_a_lock_from_elsewhere_is_no_difference(scene: Scene) -> None:
    scene.engine.lock_externally("USDT", Decimal(100))
    scene.pump()

    report = _run(scene)

    assert report.is_clean
    balance = Balance.objects.get(asset="USDT")
    assert (balance.free, balance.locked, balance.ledger) == (9_900, 100, 10_000)


def test_fills_that_cannot_be_asked_for_now_are_asked_for_in_the_next_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise VenueUnavailable("no budget")

    _trade_by_hand(scene, "BUY", "2")
    scene.engine.drain_events()
    with monkeypatch.context() as patch:
        patch.setattr(scene.venue, "list_fills", away)
        first = _run(scene)

    second = _run(scene)

    assert {each.asset for each in first.differences} == {"BTC", "USDT"}
    assert second.is_clean


def test_every_run_is_kept_as_a_sample_for_thirty_days(scene: Scene) -> None:
    scene.clock.advance(31 * 86_400)
    scene.engine.adjust_balance("USDT", Decimal(5))

    _run(scene)
    scene.clock.advance(7)

    assert ReconcileRun.objects.count() == 1
    figures = reconcile_figures(now=scene.clock())
    assert figures is not None
    assert (figures["clean"], figures["age_s"], figures["reason"]) == (False, 7.0, "test")
    assert figures["differences"][0]["difference"] == "5"


def test_an_order_renamed_by_others_is_still_ours(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker(scene)
    turn(scene)
    scene.pump()
    target = Order.objects.get(role="TAKE_PROFIT")
    scene.quote("BTCUSDT", "101.00", "101.01")
    events = scene.engine.drain_events()
    renamed = [
        event | {"c": "web_9"} if event.get("i") == target.venue_order_id else event for event in events
    ]
    monkeypatch.setattr(scene.engine, "drain_events", lambda: renamed)

    scene.pump()

    assert Trade.objects.get().exit_reason == "TAKE_PROFIT"
    assert not ExternalChange.objects.filter(kind="FILL").exists()
    assert_ledger_agrees(scene)


def test_two_accounts_of_a_symbols_fills_are_told_apart_by_the_symbol(scene: Scene) -> None:
    scene.quote("ETHUSDT", "50.00", "50.01")
    _trade_by_hand(scene, "BUY", "2")
    _trade_by_hand(scene, "BUY", "2", symbol="ETHUSDT", name="web_2")
    scene.engine.drain_events()

    report = _run(scene)

    assert report.is_clean
    assert set(ExternalChange.objects.filter(kind="FILL").values_list("asset", flat=True)) == {
        "BTC",
        "ETH",
        "USDT",
    }
