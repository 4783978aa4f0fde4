"""Money: fees as they will be taken, PnL that adds up with its dust, slippage, fees that are valued later."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.fees import STANDARD_FEE
from trading.domain.ports import VenueRefused, VenueUnavailable
from trading.domain.trades import ExitReason
from trading.models import FillRow, InstrumentRow, Order, Trade
from trading.selectors.workers import list_subscriptions
from trading.services import instruments, reconcile, upkeep
from trading.services.exits import exit_trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
SYMBOL_OF = {"OPOCO": "BTCUSDT", "OTOCO": "ADAUSDT", "OCO": "DOGEUSDT", "SUPERVISED": "LTCUSDT"}
PRICES = {
    "BTCUSDT": ("100.00", "100.01"),
    "ADAUSDT": ("0.5000", "0.5001"),
    "DOGEUSDT": ("0.30000", "0.30001"),
    "LTCUSDT": ("80.00", "80.01"),
    "BNBUSDT": ("500.00", "500.01"),
}


def _scene(*, bnb_fees: bool = False) -> Scene:
    scene = a_scene(bnb_fees=bnb_fees)
    prepare(scene)
    _quote_all(scene)
    return scene


def _quote_all(scene: Scene, *, factor: str = "1") -> None:
    for symbol, (bid, ask) in PRICES.items():
        moved = (Decimal(bid) * Decimal(factor)).quantize(Decimal(bid))
        scene.quote(symbol, str(moved), str(moved + Decimal(ask) - Decimal(bid)), qty="1000000")


def _learn_fees(scene: Scene) -> None:
    instruments.refresh_fees(venue=scene.venue, now=scene.clock())
    scene.clock.advance(60)  # the roster reads rules anew
    _quote_all(scene)
    scene.desk.roster.refresh(scene.clock())


@pytest.mark.parametrize("symbol", SYMBOL_OF.values())
@pytest.mark.parametrize("bnb_fees", [True, False])
@pytest.mark.parametrize("factor", ["0.98", "1.006", "1"])
def test_pnl_and_the_cost_of_dust_are_the_change_of_the_quote_balance(
    symbol: str, bnb_fees: bool, factor: str
) -> None:
    scene = _scene(bnb_fees=bnb_fees)
    a_worker(scene, symbol)
    turn(scene, symbol)
    _quote_all(scene, factor=factor)
    upkeep.run_triggers([symbol], desk=scene.desk)
    scene.pump()
    if Trade.objects.get().state != "CLOSED":
        exit_trade(Trade.objects.get().pk, ExitReason.MANUAL, desk=scene.desk)

    trade = Trade.objects.get()
    fills = list(FillRow.objects.all())
    in_third = [fill.fee_value or Decimal(0) for fill in fills if fill.fee_asset == "BNB"]
    bought = sum(fill.qty - (fill.fee if fill.fee_asset == trade.base_asset else 0) for fill in fills[:1])
    dust_cost = trade.entry_notional * trade.dust_qty / bought
    change = scene.venue_totals()["USDT"] - 10_000
    assert trade.state == "CLOSED"
    assert trade.realised_pnl == pytest.approx(change + dust_cost - sum(in_third), abs=Decimal("1e-7"))
    assert bool(in_third) == bnb_fees
    assert_ledger_agrees(scene)


@pytest.mark.parametrize("protection", ["OTOCO", "OCO"])
def test_where_bnb_pays_nothing_is_left_over(protection: str) -> None:
    scene = _scene(bnb_fees=True)
    symbol = SYMBOL_OF[protection]
    a_worker(scene, symbol)
    _learn_fees(scene)

    turn(scene, symbol)
    scene.pump()

    trade = Trade.objects.get()
    stop = Order.objects.get(role="STOP")
    assert (trade.is_protected, stop.qty) == (True, trade.qty)
    assert {fill.fee_asset for fill in FillRow.objects.all()} == {"BNB"}


@pytest.mark.parametrize("why", ["no price", "old price", "small purse", "off", "not asked"])
def test_an_otoco_is_sized_for_the_fee_in_the_base_asset_unless_bnb_surely_pays(why: str) -> None:
    scene = _scene(bnb_fees=why != "off")
    a_worker(scene, "ADAUSDT")
    if why != "not asked":
        _learn_fees(scene)
    if why == "small purse":
        scene.engine.adjust_balance("BNB", Decimal("-0.9999"))
        scene.pump()
    if why in ("no price", "old price"):
        quote = scene.market._quotes.pop("BNBUSDT")
        if why == "old price":
            scene.market._quotes["BNBUSDT"] = quote
            scene.clock.advance(61)
            scene.quote("ADAUSDT", *PRICES["ADAUSDT"], qty="1000000")

    turn(scene, "ADAUSDT")
    scene.pump()

    entry, stop = Order.objects.get(role="ENTRY"), Order.objects.get(role="STOP")
    assert stop.qty <= entry.qty * (1 - STANDARD_FEE)
    assert Trade.objects.get().is_protected


@pytest.mark.parametrize("protection", ["OPOCO", "OTOCO", "OCO"])
def test_bnb_that_runs_out_at_the_fill_leaves_the_smaller_position_protected(
    protection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = _scene(bnb_fees=True)
    symbol = SYMBOL_OF[protection]
    a_worker(scene, symbol)
    _learn_fees(scene)
    monkeypatch.setattr(scene.engine._state.fees, "bnb_fees", False)  # what a purse does that is empty now

    turn(scene, symbol)
    scene.pump()
    for _ in range(5):
        scene.clock.advance(1)
        upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert {fill.fee_asset for fill in FillRow.objects.filter(side="BUY")} == {trade.base_asset}
    assert trade.state == "CLOSED" or trade.is_protected
    assert_ledger_agrees(scene)


def test_fees_are_asked_for_what_is_traded_the_oldest_answers_first(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _scene()
    a_worker(scene, "BTCUSDT", "ADAUSDT")
    scene.engine.set_fees(maker=Decimal("0.0002"), taker=Decimal("0.0004"), symbol="ADAUSDT")
    monkeypatch.setattr(instruments, "MAX_FEES", 1)

    asked = [instruments.refresh_fees(venue=scene.venue, now=scene.clock.advance(1)) for _ in range(2)]

    rows = {row.symbol: row for row in InstrumentRow.objects.exclude(fees_at=None)}
    assert (asked, set(rows)) == ([1, 1], {"BTCUSDT", "ADAUSDT"})
    assert (rows["ADAUSDT"].maker_fee, rows["ADAUSDT"].taker_fee) == (Decimal("0.0002"), Decimal("0.0004"))


def test_a_symbol_whose_fees_are_refused_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _scene(bnb_fees=True)
    a_worker(scene, "ADAUSDT", "BTCUSDT")
    true = scene.venue.fees

    def fees(symbol: str) -> object:
        if symbol == "ADAUSDT":
            raise VenueRefused("This symbol is not permitted for this account.")
        return true(symbol)

    monkeypatch.setattr(scene.venue, "fees", fees)

    instruments.refresh_fees(venue=scene.venue, now=scene.clock())

    paying = InstrumentRow.objects.in_bulk(["ADAUSDT", "BTCUSDT"])
    assert (paying["ADAUSDT"].discount_asset, paying["BTCUSDT"].discount_asset) == ("", "BNB")


def test_the_feed_follows_what_tells_the_worth_of_a_fee() -> None:
    scene = _scene(bnb_fees=True)
    a_worker(scene, "ADAUSDT")
    before = list_subscriptions(now=scene.clock())

    _learn_fees(scene)

    assert list_subscriptions(now=scene.clock()) - before == {("BNBUSDT", "1m")}


def test_rules_that_are_read_again_keep_the_fees() -> None:
    scene = _scene(bnb_fees=True)
    a_worker(scene, "ADAUSDT")
    _learn_fees(scene)

    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())

    assert InstrumentRow.objects.get(symbol="ADAUSDT").discount_asset == "BNB"


def test_a_fee_without_a_quote_of_its_time_is_valued_by_the_next_reconcile() -> None:
    scene = _scene(bnb_fees=True)
    quote = scene.market._quotes.pop("BNBUSDT")
    a_worker(scene)
    turn(scene)
    scene.quote("BTCUSDT", "101.00", "101.01")
    now = scene.clock.advance(3600)  # told an hour late: what BNB costs now is not what it cost then
    scene.market.set_quote(replace(quote, bid=Decimal(900), ask=Decimal(901), arrived_at=now))
    scene.pump()
    unknown = Trade.objects.get()
    assert (unknown.state, unknown.realised_pnl, unknown.fees) == ("CLOSED", None, None)

    reconcile.run(desk=scene.desk, reason="test")

    trade = Trade.objects.get()
    paid = sum(fill.fee for fill in FillRow.objects.all()) * 500
    assert trade.realised_pnl is not None
    assert trade.fees == pytest.approx(paid, abs=Decimal("1e-7"))
    dust_cost = trade.entry_notional * trade.dust_qty / FillRow.objects.get(side="BUY").qty
    change = scene.venue_totals()["USDT"] - 10_000
    assert trade.realised_pnl == pytest.approx(change + dust_cost - paid, abs=Decimal("1e-7"))


def test_a_price_that_cannot_be_asked_for_leaves_the_pnl_unknown_and_the_reconcile_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(symbol: str, at: object) -> Decimal:
        raise VenueUnavailable("no budget")

    scene = _scene(bnb_fees=True)
    del scene.market._quotes["BNBUSDT"]
    a_worker(scene)
    turn(scene)
    monkeypatch.setattr(scene.venue, "price_at", away)

    report = reconcile.run(desk=scene.desk, reason="test")

    assert report.is_clean
    assert Trade.objects.get().fees is None


def test_slippage_is_what_was_worse_than_decided() -> None:
    scene = _scene()
    a_worker(scene)
    turn(scene)
    scene.clock.advance(601)
    scene.quote("BTCUSDT", "99.80", "99.90")
    decided = scene.market.quotes(["BTCUSDT"])["BTCUSDT"].bid
    scene.engine.set_book(
        "BTCUSDT", bids=[(Decimal("99.70"), Decimal(10))], asks=[(Decimal("99.90"), Decimal(10))]
    )

    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.exit_reason, trade.exit_decision_price) == ("MAX_HOLD", decided)
    assert trade.entry_slippage_bps == 0
    assert trade.exit_slippage_bps == pytest.approx(Decimal("0.1") / decided * 10_000, abs=Decimal("1e-6"))


@pytest.mark.parametrize(
    ("bid", "role", "sign"), [("101.00", "TAKE_PROFIT", -1), ("98.00", "STOP", 1)], ids=["target", "stop"]
)
def test_an_exit_of_the_venue_is_compared_with_its_own_price(bid: str, role: str, sign: int) -> None:
    scene = _scene()
    a_worker(scene)
    turn(scene)

    scene.quote("BTCUSDT", bid, str(Decimal(bid) + 1))
    scene.pump()

    trade, order = Trade.objects.get(), Order.objects.get(role=role)
    assert trade.exit_decision_price == (order.price or order.stop_price)
    assert trade.exit_slippage_bps is not None
    worse = trade.exit_decision_price - trade.avg_exit_price
    assert trade.exit_slippage_bps == pytest.approx(
        worse / trade.exit_decision_price * 10_000, abs=Decimal("1e-6")
    )
    assert trade.exit_slippage_bps * sign >= 0


def test_the_price_of_a_trailing_stop_is_the_venues_secret() -> None:
    scene = _scene()
    a_worker(scene, trailing_bps=50, take_profit_bps=500)
    turn(scene)

    for bid in ("102.00", "101.00"):
        scene.quote("BTCUSDT", bid, str(Decimal(bid) + Decimal("0.01")))
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.exit_reason, trade.exit_decision_price, trade.exit_slippage_bps) == ("TRAILING", None, None)
