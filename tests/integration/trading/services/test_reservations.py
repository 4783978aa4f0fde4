"""What entries reserve, under any interleaving of turns, faults, words of the venue and time.

Never more is bound than a worker's budget, never more reserved than the account has free, never two open
trades on a symbol; and when everything has ended nothing is bound and our ledger is the venue's.
"""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bench.real_desk import WRITTEN
from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.models import Order, Trade, Worker
from trading.selectors.limits import open_trades_at_risk
from trading.services import control, reconcile, upkeep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
PRICES = {
    "BTCUSDT": ("100.00", "100.01"),
    "ETHUSDT": ("50.00", "50.01"),
    "ADAUSDT": ("0.5000", "0.5001"),
    "DOGEUSDT": ("0.10000", "0.10001"),
}
BUDGETS = {"first": Decimal(230), "second": Decimal(150)}
SYMBOLS = st.lists(st.sampled_from(sorted(PRICES)), min_size=1, max_size=3, unique=True)
STARTING = Decimal(330)  # less than both budgets together


class Account(RuleBasedStateMachine):
    """Two workers that always want to enter, on an account that is too small for both."""

    def __init__(self) -> None:
        super().__init__()
        for model in WRITTEN:
            model._default_manager.all().delete()
        self.scene: Scene = a_scene()
        self.scene.engine.adjust_balance("USDT", STARTING - 10_000)
        self.scene.engine.drain_events()
        reconcile.run(desk=self.scene.desk, reason="start")
        self._quote()

    def _quote(self, *, by: Decimal = Decimal(1)) -> None:
        for symbol, (bid, ask) in PRICES.items():
            prices = [str((Decimal(text) * by).quantize(Decimal(text))) for text in (bid, ask)]
            self.scene.quote(symbol, *prices, qty="100000")

    @rule(symbols=SYMBOLS)
    def enter(self, symbols: list[str]) -> None:
        """A minute closes; both workers want these symbols."""
        self.scene.clock.advance(60)
        self._quote()
        turn(self.scene, *symbols)

    @rule(fault=st.sampled_from(["lose_replies", "lose_requests", "unavailable"]), times=st.integers(1, 2))
    def break_venue(self, fault: str, times: int) -> None:
        """The next requests meet a fault."""
        setattr(self.scene.venue, fault, times)

    @rule()
    def refuse(self) -> None:
        """The next request is refused."""
        self.scene.venue.refuse = ["Account has insufficient balance for requested action."]

    @rule(by=st.sampled_from([Decimal("1.02"), Decimal("0.97")]))
    def move_price(self, by: Decimal) -> None:
        """Every price goes beyond the targets or the stops, and comes back."""
        self._quote(by=by)
        self._quote()

    @rule(is_heard=st.booleans())
    def tell(self, is_heard: bool) -> None:
        """What the venue did arrives, or is lost."""
        self.scene.pump() if is_heard else self.scene.engine.drain_events()

    @rule(seconds=st.sampled_from([1, 3, 14, 40]))
    def wait(self, seconds: int) -> None:
        """Time passes; the watchdog makes its round."""
        self.scene.clock.advance(seconds)
        self._quote()
        upkeep.run(desk=self.scene.desk)

    @rule()
    def agree(self) -> None:
        """Reconcile."""
        reconcile.run(desk=self.scene.desk, reason="schedule")

    @invariant()
    def no_worker_binds_more_than_its_budget(self) -> None:
        """At risk, by worker: what was paid, or what may still be."""
        names = dict(Worker.objects.values_list("pk", "name"))
        trades = open_trades_at_risk()
        for name, budget in BUDGETS.items():
            bound = sum((trade.at_risk for trade in trades if names[trade.worker_id] == name), Decimal(0))
            assert bound <= budget, name

    @invariant()
    def no_more_is_promised_than_the_account_holds(self) -> None:
        """What entries under way may cost is free at the venue, or spent or locked by themselves."""
        entering = [trade for trade in open_trades_at_risk() if trade.is_entering]
        promised = sum((trade.reserved_notional for trade in entering), Decimal(0))
        ids = set(
            Order.objects.filter(trade__in=[trade.id for trade in entering], role="ENTRY").values_list(
                "client_order_id", flat=True
            )
        )
        spent = sum(
            (
                Decimal(order["cummulativeQuoteQty"])
                for order in self.scene.engine.ledger()["orders"]
                if order["clientOrderId"] in ids
            ),
            Decimal(0),
        )
        assert promised <= self.scene.venue_totals().get("USDT", Decimal(0)) + spent

    @invariant()
    def a_symbol_has_one_open_trade(self) -> None:
        """Whoever wanted it."""
        symbols = Counter(trade.symbol for trade in open_trades_at_risk())
        assert all(number == 1 for number in symbols.values())

    def teardown(self) -> None:
        """Everything ends: nothing is bound, nothing differs."""
        venue = self.scene.venue
        venue.lose_replies = venue.lose_requests = venue.unavailable = 0
        venue.refuse = []
        control.kill(control.KillLevel.FLATTEN, actor="test", desk=self.scene.desk)
        for _ in range(8):
            self.scene.clock.advance(20)
            self._quote()
            upkeep.run(desk=self.scene.desk)
            reconcile.run(desk=self.scene.desk, reason="schedule")
        assert not open_trades_at_risk()
        assert not Order.objects.filter(
            status__in=["INITIALIZED", "SUBMITTED", "PENDING", "ACCEPTED"]
        ).exists()
        assert set(Trade.objects.values_list("state", flat=True)) <= {"CLOSED", "ABORTED"}
        assert_ledger_agrees(self.scene)


def test_reservations_hold_under_any_interleaving() -> None:
    scene = a_scene()
    prepare(scene)
    for name, budget in BUDGETS.items():
        a_worker(scene, *PRICES, name=name, budget=budget, max_open_trades=3, max_spread_bps=100)

    run_state_machine_as_test(
        Account, settings=settings(max_examples=12, stateful_step_count=10, deadline=None)
    )
