"""The account's limits: who may change them how, and what the next turn makes of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import OPERATOR, a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.trades import ExitReason
from trading.models import AccountLimit, JournalEntry, Order, Trade
from trading.selectors.limits import LOSS_REACHED, limit_figures
from trading.services import limits
from trading.services.exits import exit_trade
from trading.services.limits import InvalidLimits, watch_daily_loss

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk with quotes of BTC and ETH."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    made.quote("ETHUSDT", "50.00", "50.01")
    return made


def set_limits(scene: Scene, **changes: str | None) -> AccountLimit:
    """Set limits on USDT."""
    amounts = {name: None if text is None else Decimal(text) for name, text in changes.items()}
    return limits.set_limits("USDT", amounts, actor=OPERATOR, now=scene.clock(), reason="nerves")


def codes(scene: Scene, *symbols: str) -> list[str]:
    """Take a turn and give its decisions' codes, those of the first symbols first."""
    return [decision.code for decision in turn(scene, *symbols).decisions]


def lose(scene: Scene, symbol: str = "BTCUSDT", *, bid: str = "99.50") -> Decimal:
    """Open a trade, sell it lower, and give what that lost."""
    scene.quote(symbol, "100.00", "100.01")
    turn(scene, symbol)
    scene.quote(symbol, bid, str(Decimal(bid) + Decimal("0.01")))
    trade = Trade.objects.get(symbol=symbol, state="OPEN")
    assert exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    trade.refresh_from_db()
    assert trade.realised_pnl is not None
    return -Decimal(trade.realised_pnl)


def test_a_change_is_journalled_with_before_after_and_why(scene: Scene) -> None:
    set_limits(scene, max_exposure="500")
    set_limits(scene, max_exposure="600", max_daily_loss="20")

    entry = JournalEntry.objects.filter(action="limits.changed").latest("id")
    assert (entry.actor, entry.subject, entry.reason) == (OPERATOR, "limits:USDT", "nerves")
    assert entry.before == {"max_exposure": "500", "max_symbol_exposure": None, "max_daily_loss": None}
    assert entry.after == {"max_exposure": "600", "max_symbol_exposure": None, "max_daily_loss": "20"}


def test_the_same_limits_again_leave_no_trace(scene: Scene) -> None:
    first = set_limits(scene, max_exposure="500")
    scene.clock.advance(60)
    again = set_limits(scene, max_exposure="500.00")

    assert again.changed_at == first.changed_at
    assert JournalEntry.objects.filter(action="limits.changed").count() == 1


def test_what_is_wrong_is_told_in_a_line_for_each_field_and_changes_nothing(scene: Scene) -> None:
    with pytest.raises(InvalidLimits) as caught:
        set_limits(scene, max_exposure="0", max_daily_loss="0.123456789", max_symbol_exposure="50")

    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "max_exposure",
        "max_daily_loss",
    ]
    assert not AccountLimit.objects.exists()


@pytest.mark.parametrize("asset", ["usdt", "", "NOSUCHCOIN", "US DT"])
def test_an_asset_that_pays_for_nothing_is_refused(scene: Scene, asset: str) -> None:
    with pytest.raises(InvalidLimits, match="quote_asset"):
        limits.set_limits(asset, {"max_exposure": Decimal(5)}, actor=OPERATOR, now=scene.clock())


def test_entries_of_one_turn_share_the_accounts_exposure(scene: Scene) -> None:
    set_limits(scene, max_exposure="150")
    a_worker(scene, "BTCUSDT", name="one")
    a_worker(scene, "ETHUSDT", name="two")

    assert sorted(codes(scene, "BTCUSDT", "ETHUSDT")) == ["ACCOUNT_EXPOSURE_FULL", "ENTRY"]
    assert Trade.objects.count() == 1


def test_open_trades_of_earlier_turns_count_until_they_are_closed(scene: Scene) -> None:
    set_limits(scene, max_exposure="150")
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT")

    assert codes(scene, "ETHUSDT") == ["ACCOUNT_EXPOSURE_FULL"]
    exit_trade(Trade.objects.get().pk, ExitReason.MANUAL, desk=scene.desk)
    scene.clock.advance(60)
    scene.quote("ETHUSDT", "50.00", "50.01")
    assert codes(scene, "ETHUSDT") == ["ENTRY"]


def test_an_entry_of_unknown_outcome_stays_reserved(scene: Scene) -> None:
    set_limits(scene, max_exposure="150")
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    scene.venue.lose_requests = 1
    turn(scene, "BTCUSDT")
    assert Order.objects.filter(role="ENTRY", status="SUBMITTED").exists()

    assert codes(scene, "ETHUSDT") == ["ACCOUNT_EXPOSURE_FULL"]


def test_a_trade_larger_than_the_symbols_limit_is_denied(scene: Scene) -> None:
    set_limits(scene, max_symbol_exposure="99.99")
    a_worker(scene)

    decision = turn(scene).decisions[0]

    assert decision.detail == "SYMBOL_EXPOSURE_FULL (0 + 100 against 99.99)"


def test_a_limit_of_another_asset_does_not_count(scene: Scene) -> None:
    AccountLimit.objects.create(
        quote_asset="BTC", max_exposure=Decimal(1), changed_at=scene.clock(), changed_by=OPERATOR
    )
    a_worker(scene)

    assert codes(scene) == ["ENTRY"]


def test_the_days_loss_stops_entries_but_not_exits(scene: Scene) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "ETHUSDT")
    lost = lose(scene)
    set_limits(scene, max_daily_loss=str(lost))
    scene.clock.advance(60)
    scene.quote("BTCUSDT", "100.00", "100.01")

    assert codes(scene) == ["DAILY_LOSS_REACHED"]
    assert exit_trade(Trade.objects.get(state="OPEN").pk, ExitReason.MANUAL, desk=scene.desk)
    assert_ledger_agrees(scene)


def test_a_stopped_day_is_journalled_once_and_ends_at_midnight(scene: Scene) -> None:
    a_worker(scene)
    set_limits(scene, max_daily_loss=str(lose(scene)))
    for _ in range(2):
        scene.clock.advance(60)
        scene.quote("BTCUSDT", "100.00", "100.01")
        assert codes(scene) == ["DAILY_LOSS_REACHED"]
    assert JournalEntry.objects.filter(action=LOSS_REACHED, subject="limits:USDT").count() == 1

    scene.clock.now = scene.clock.now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    scene.quote("BTCUSDT", "100.00", "100.01")

    assert codes(scene) == ["ENTRY"]


def test_a_raised_limit_ends_the_stop(scene: Scene) -> None:
    a_worker(scene)
    lost = lose(scene)
    set_limits(scene, max_daily_loss=str(lost))
    scene.clock.advance(60)
    scene.quote("BTCUSDT", "100.00", "100.01")
    assert codes(scene) == ["DAILY_LOSS_REACHED"]

    set_limits(scene, max_daily_loss=str(lost + 1))

    assert codes(scene) == ["ENTRY"]


def test_gains_after_the_stop_do_not_begin_the_day_again(scene: Scene) -> None:
    a_worker(scene)
    set_limits(scene, max_daily_loss=str(lose(scene)))
    assert watch_daily_loss(now=scene.clock()) == ["USDT"]
    assert watch_daily_loss(now=scene.clock()) == []

    Trade.objects.update(realised_pnl=Decimal(50))

    scene.clock.advance(60)
    scene.quote("BTCUSDT", "100.00", "100.01")
    assert codes(scene) == ["DAILY_LOSS_REACHED"]


def test_what_open_trades_would_lose_denies_entries_but_is_not_a_stop(scene: Scene) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT")
    set_limits(scene, max_daily_loss="0.70")
    scene.quote("BTCUSDT", "99.50", "99.51")

    assert codes(scene, "ETHUSDT") == ["ENTRY"]
    exit_trade(Trade.objects.get(symbol="ETHUSDT").pk, ExitReason.MANUAL, desk=scene.desk)
    scene.clock.advance(60)
    scene.quote("ETHUSDT", "50.00", "50.01")
    scene.quote("BTCUSDT", "99.30", "99.31")
    assert codes(scene, "ETHUSDT") == ["DAILY_LOSS_REACHED"]
    assert not JournalEntry.objects.filter(action=LOSS_REACHED).exists()


def test_a_trade_of_unknown_pnl_counts_with_what_its_fills_lost(scene: Scene) -> None:
    a_worker(scene)
    lose(scene)
    Trade.objects.update(realised_pnl=None)
    set_limits(scene, max_daily_loss="0.40")

    figures = limit_figures(now=scene.clock(), bids={})[0]

    assert (figures["unknown_pnl_trades"], figures["daily_loss_reached"]) == (1, True)
    assert Decimal(figures["daily_loss"]) == pytest.approx(Decimal("0.61"), abs=Decimal("0.01"))


def test_the_figures_tell_exposure_and_limits(scene: Scene) -> None:
    set_limits(scene, max_exposure="500")
    a_worker(scene, "BTCUSDT", "ETHUSDT", trade_notional=Decimal(50))
    turn(scene, "BTCUSDT", "ETHUSDT")

    figures, unpriced = (
        limit_figures(now=scene.clock(), bids=bids)[0]
        for bids in ({"BTCUSDT": Decimal(90), "ETHUSDT": Decimal(50)}, {"BTCUSDT": Decimal(90)})
    )

    paid = {trade.symbol: trade.entry_notional for trade in Trade.objects.all()}
    assert Decimal(figures["exposure"]) == sum(paid.values())
    assert figures["largest_symbol"] == max(paid, key=lambda symbol: paid[symbol])
    assert (figures["max_exposure"], figures["max_symbol_exposure"]) == ("500", None)
    assert Decimal(figures["open_loss"] or 0) == pytest.approx(Decimal("5.1"), abs=Decimal("0.1"))
    assert unpriced["open_loss"] is None
