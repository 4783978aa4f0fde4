"""Workers: versions that never change, states by their table, one clear line for what is wrong."""

from decimal import Decimal

import pytest

from tests.support.builders import NOON, a_config
from tests.support.desk import a_scene
from tests.support.trading import OPERATOR, prepare
from trading.domain.universe import Universe
from trading.domain.workers import InvalidConfiguration
from trading.models import JournalEntry, Trade, Worker
from trading.selectors.workers import config_to_json, get_config, list_subscriptions, parse_config
from trading.services import blacklist, workers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker() -> Worker:
    """A stopped worker on BTCUSDT."""
    return workers.create_worker("worker_btc", a_config(), actor=OPERATOR, now=NOON)


def test_a_new_worker_is_stopped_and_has_a_first_version(worker: Worker) -> None:
    assert (worker.state, worker.version and worker.version.number) == ("STOPPED", 1)
    assert JournalEntry.objects.get().after["strategy"] == "DIP_REVERSION"


def test_a_change_makes_a_new_version_and_leaves_the_old_one(worker: Worker) -> None:
    changed = a_config(max_hold_s=90)

    version = workers.change_config(worker.pk, changed, actor=OPERATOR, now=NOON, reason="longer")

    assert [each.max_hold_s for each in worker.versions.order_by("number")] == [60, 90]
    assert get_config(version).max_hold_s == 90


def test_the_same_configuration_makes_no_new_version(worker: Worker) -> None:
    assert worker.version is not None

    same = workers.change_config(worker.pk, get_config(worker.version), actor=OPERATOR, now=NOON)

    assert same.number == 1


def test_a_configuration_survives_its_stored_form(worker: Worker) -> None:
    assert worker.version is not None
    config = get_config(worker.version)

    assert parse_config(config_to_json(config)) == config


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"max_hold_s": 1}, "max_hold_s: a whole number from 5 to 2592000"),
        ({"trade_notional": Decimal(0)}, "trade_notional: more than 0"),
        ({"budget": Decimal(10)}, "budget: at least trade_notional"),
        ({"interval": "7m"}, "interval: one of 1s, 1m"),
        ({"strategy": "NONE"}, "no strategy 'NONE'"),
        ({"parameters": {"z_entry": 99}}, "z_entry must be a number from"),
        ({"trailing_bps": 150}, "trailing_bps: 0 .off., or from 10 to stop_loss_bps"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InvalidConfiguration, match=line):
        workers.create_worker("worker_bad", a_config(**changes), actor=OPERATOR, now=NOON)

    assert not Worker.objects.exists()


def test_a_symbol_that_the_venue_does_not_trade_is_named() -> None:
    prepare(a_scene())

    with pytest.raises(InvalidConfiguration, match="NOPEUSDT is not traded on this venue"):
        workers.create_worker(
            "worker_bad", a_config(universe=Universe(symbols=("NOPEUSDT",))), actor=OPERATOR, now=NOON
        )


def test_a_name_is_taken_once(worker: Worker) -> None:
    with pytest.raises(InvalidConfiguration, match="taken"):
        workers.create_worker(worker.name, a_config(), actor=OPERATOR, now=NOON)


def test_states_follow_their_table(worker: Worker) -> None:
    with pytest.raises(workers.NotAllowedNow, match="is STOPPED; from there it may become ACTIVE"):
        workers.drain_worker(worker.pk, actor=OPERATOR, now=NOON)


def test_a_worker_that_acts_cannot_be_deleted(worker: Worker) -> None:
    workers.start_worker(worker.pk, actor=OPERATOR, now=NOON)

    with pytest.raises(workers.NotAllowedNow, match="stop it first"):
        workers.delete_worker(worker.pk, actor=OPERATOR, now=NOON)


def test_a_deleted_worker_is_out_of_sight_and_its_name_is_free(worker: Worker) -> None:
    workers.delete_worker(worker.pk, actor=OPERATOR, now=NOON)

    with pytest.raises(workers.WorkerNotFound):
        workers.start_worker(worker.pk, actor=OPERATOR, now=NOON)
    assert workers.create_worker("worker_btc", a_config(), actor=OPERATOR, now=NOON).pk != worker.pk


def test_the_feed_follows_acting_workers_less_the_barred_symbols() -> None:
    prepare(a_scene())
    config = a_config(universe=Universe(symbols=("BTCUSDT", "ETHUSDT")))
    made = workers.create_worker("worker_two", config, actor=OPERATOR, now=NOON)
    workers.start_worker(made.pk, actor=OPERATOR, now=NOON)

    blacklist.bar_symbol("ETHUSDT", reason="MANUAL", actor=OPERATOR, now=NOON)

    assert list_subscriptions(now=NOON) == {("BTCUSDT", "1s")}
    assert not Trade.objects.exists()
