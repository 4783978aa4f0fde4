"""The guard halts on what the watch found and lets grow what has proven itself, on rows alone."""

from datetime import timedelta
from decimal import Decimal

import pytest

from fastcycle.guard import Guard
from monitoring import rules
from monitoring.evidence import healthy_since
from monitoring.halting import Patience
from monitoring.models import Alert, Delivery, HealthSample
from monitoring.rules import Health, Loss
from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker, turn
from trading.domain.risk import TradingState
from trading.models import ConfigSnapshot, Incident, RolloutStage, Trade, TradingControl
from trading.selectors.rollout import list_standings
from trading.services import control, incidents

pytestmark = pytest.mark.usefixtures("always")
FINE = Health(100, (), ())
LEDGER = Loss("LEDGER_DIFFERS", 40, 60, "ledger and venue hold different totals of USDT")
BAD = Health(rules.score_of([LEDGER]), (LEDGER,), ("MEMORY_GROWTH",))


def _guard(scene: Scene) -> Guard:
    return Guard(Patience(fault_s=3), clock=scene.clock)


def _hear(guard: Guard, scene: Scene, health: Health, rounds: int) -> None:
    for _ in range(rounds):
        guard.hear(health, now=scene.clock())
        scene.clock.advance(1)
    guard.act()


def _sample(scene: Scene, *, hours_ago: float, mean: float = 100.0, seen_s: float = 3600.0) -> None:
    HealthSample.objects.create(
        at=scene.clock() - timedelta(hours=hours_ago),
        span_s=3600,
        rounds=3600,
        seen_s=seen_s,
        up_s=seen_s,
        score_min=int(mean),
        score_mean=mean,
    )


def test_bad_health_halts_everything_with_its_evidence(site: Scene) -> None:
    a_worker(site)
    turn(site)
    guard = _guard(site)
    _hear(guard, site, FINE, 5)

    _hear(guard, site, BAD, 4)

    assert TradingControl.objects.get().state == "HALTED"
    incident = Incident.objects.get()
    assert incident.cause == "health below 70 for 3 s: LEDGER_DIFFERS"
    assert incident.evidence["losses"] == [LEDGER.text]
    assert [each["health"] for each in incident.evidence["before"]] == [100, 60]
    assert incident.evidence["trading"]["left"]["open_trades"]
    assert incident.actions[0]["what"] == "halted; working entries cancelled"
    trade = Trade.objects.get()
    assert (trade.state, trade.unprotected_since) == ("OPEN", None)
    told = Delivery.objects.get()
    assert (told.channel, told.level, told.title) == ("*", "CRITICAL", f"[HALTED] incident {incident.pk}")


def test_an_operator_who_resumes_is_not_overruled_by_the_same_cause(site: Scene) -> None:
    guard = _guard(site)
    _hear(guard, site, BAD, 4)
    control.set_trading_state(TradingState.ACTIVE, actor=OPERATOR, now=site.clock())

    _hear(guard, site, BAD, 10)

    assert TradingControl.objects.get().state == "ACTIVE"
    assert (Incident.objects.count(), Delivery.objects.count()) == (1, 1)
    incidents.close_incident(Incident.objects.get().pk, by=OPERATOR, now=site.clock(), finding="a deposit")
    _hear(guard, site, FINE, 3)
    _hear(guard, site, BAD, 4)
    assert TradingControl.objects.get().state == "HALTED"
    assert Incident.objects.count() == 2


def test_a_dip_halts_nothing(site: Scene) -> None:
    guard = _guard(site)

    for _ in range(5):
        _hear(guard, site, BAD, 3)
        _hear(guard, site, FINE, 1)

    assert not Incident.objects.exists()


def test_a_day_of_health_lets_rollouts_move_on_and_marks_the_configuration(site: Scene) -> None:
    RolloutStage.objects.all().delete()
    a_worker(site, trade_notional=Decimal(10))
    guard = _guard(site)
    site.clock.advance(25 * 3600)
    for hours_ago in range(1, 25):
        _sample(site, hours_ago=hours_ago)

    guard.look_after_growth()

    assert {each.stage.name for each in list_standings()} == {"more"}
    stable = ConfigSnapshot.objects.get(stable_at__isnull=False)
    assert stable.evidence == {"hours": 24.0, "lowest_health": 100, "critical_alerts": 0}


def test_a_bad_hour_begins_the_evidence_anew(site: Scene) -> None:
    RolloutStage.objects.all().delete()
    a_worker(site, trade_notional=Decimal(10))
    guard = _guard(site)
    site.clock.advance(25 * 3600)
    for hours_ago in range(1, 25):
        _sample(site, hours_ago=hours_ago, mean=79.0 if hours_ago == 1 else 100.0)

    guard.look_after_growth()

    assert {each.stage.name for each in list_standings()} == {"first"}
    assert list_standings()[0].lacks == ("0.00 healthy hours in stage first, 1 are needed",)
    assert not ConfigSnapshot.objects.filter(stable_at__isnull=False).exists()


def test_evidence_counts_what_was_watched_since_the_last_break(site: Scene) -> None:
    now = site.clock()
    for hours_ago in (1, 2, 3, 4, 5):
        _sample(site, hours_ago=hours_ago, mean=70 if hours_ago == 5 else 90, seen_s=1800)

    whole = healthy_since(now - timedelta(hours=6), least=80, now=now)
    Alert.objects.create(
        uid="1", code="FEED_DOWN", level="CRITICAL", points=50, text="x",
        opened_at=now - timedelta(hours=2.5), seen_at=now - timedelta(hours=2.5), resolved_at=now,
    )  # fmt: skip
    after_alert = healthy_since(now - timedelta(hours=6), least=80, now=now)

    assert (whole.hours, whole.lowest_health, whole.critical_alerts) == (2.0, 90, 0)
    assert after_alert.hours == 1.0
