"""Announced delistings: barred at once and once, lifted when withdrawn, and nobody's own bar is touched."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis
from django.test import Client

from monitoring import live
from tests.support.desk import Scene
from tests.support.paper_venue import PaperServer
from tests.support.trading import OPERATOR, a_worker, assert_ledger_agrees, turn
from tests.support.wire import an_account
from trading import bootstrap, tasks
from trading.domain.ports import VenueUnavailable
from trading.management.supervisor.starters import begin_trading
from trading.models import BlacklistEntry, JournalEntry, Trade
from trading.selectors.evidence import automatic_blacklistings
from trading.selectors.instruments import list_barred
from trading.selectors.workers import list_subscriptions
from trading.services import blacklist, instruments
from trading.services.delistings import ACTOR, KEPT_FOR, review_delistings

pytestmark = pytest.mark.usefixtures("always", "redis_client")
WEEK = timedelta(days=7)


@pytest.fixture
def ends_at(site: Scene) -> datetime:
    """BTCUSDT is announced to be delisted in a week; nobody has looked yet."""
    at = site.clock() + WEEK
    site.venue.announced = {"BTCUSDT": at}
    return at


def review(site: Scene, *, later: timedelta = timedelta(hours=1)) -> None:
    """Let time pass and look at the schedule."""
    site.clock.advance(later.total_seconds())
    review_delistings(venue=site.venue, now=site.clock())


def journal(symbol: str = "BTCUSDT") -> list[str]:
    """Give what the journal says of a symbol, the oldest first."""
    rows = JournalEntry.objects.filter(subject=f"symbol:{symbol}").order_by("pk")
    return list(rows.values_list("action", flat=True))


def test_an_announced_symbol_is_barred_at_once_with_its_evidence(site: Scene, ends_at: datetime) -> None:
    review(site)

    entry = BlacklistEntry.objects.get()
    assert (entry.symbol, entry.reason, entry.created_by) == ("BTCUSDT", "DELISTING_ANNOUNCED", ACTOR)
    assert entry.evidence == {"delist_at": ends_at.isoformat()} == {"delist_at": "2024-03-08T12:00:00+00:00"}
    assert entry.note == "delisting announced for 2024-03-08 12:00 UTC"
    assert entry.expires_at == ends_at + KEPT_FOR
    assert list_barred(now=ends_at + KEPT_FOR - timedelta(seconds=1)) == {"BTCUSDT"}
    assert automatic_blacklistings() == 0  # says nothing of how well it is traded


def test_it_is_barred_once_however_often_one_looks(site: Scene, ends_at: datetime) -> None:
    review(site)
    review(site)
    review(site, later=WEEK)
    review(site, later=KEPT_FOR)

    assert journal() == ["symbol.barred"]


def test_a_symbol_that_is_not_known_and_a_moment_long_past_are_passed_over(site: Scene) -> None:
    site.venue.announced = {"NOPEUSDT": site.clock() + WEEK, "ETHUSDT": site.clock() - KEPT_FOR}

    review(site)

    assert not BlacklistEntry.objects.exists()


def test_an_announcement_that_is_withdrawn_is_lifted_and_barred_when_it_comes_again(
    site: Scene, ends_at: datetime
) -> None:
    review(site)
    site.venue.announced = {}
    review(site)

    entry = BlacklistEntry.objects.get()
    assert (entry.lifted_at, entry.lifted_by) == (site.clock(), ACTOR)
    assert list_barred(now=site.clock()) == set()
    assert JournalEntry.objects.get(action="symbol.lifted").reason == "the venue withdrew the delisting"

    site.venue.announced = {"BTCUSDT": ends_at}
    review(site)

    assert list_barred(now=site.clock()) == {"BTCUSDT"}
    assert journal() == ["symbol.barred", "symbol.lifted", "symbol.barred"]


def test_what_leaves_the_schedule_because_it_was_delisted_stays_barred(
    site: Scene, ends_at: datetime
) -> None:
    review(site)
    site.venue.announced = {}

    review(site, later=WEEK)

    assert list_barred(now=site.clock()) == {"BTCUSDT"}


def test_another_moment_of_delisting_takes_the_place_of_the_first(site: Scene, ends_at: datetime) -> None:
    review(site)
    site.venue.announced = {"BTCUSDT": ends_at + WEEK}

    review(site)

    live = BlacklistEntry.objects.get(lifted_at__isnull=True)
    assert live.expires_at == ends_at + WEEK + KEPT_FOR


def test_a_bar_made_by_hand_stays_and_the_announcement_bars_once_it_is_over(
    site: Scene, ends_at: datetime
) -> None:
    until = site.clock() + timedelta(days=1)
    made = blacklist.bar_symbol(
        "BTCUSDT", reason="MANUAL", note="mine", actor=OPERATOR, now=site.clock(), expires_at=until
    )
    review(site)
    site.venue.announced = {}
    review(site)

    made.refresh_from_db()
    assert (made.lifted_at, made.expires_at, BlacklistEntry.objects.count()) == (None, until, 1)

    site.venue.announced = {"BTCUSDT": ends_at}
    review(site, later=timedelta(days=1))

    assert BlacklistEntry.objects.get(lifted_at__isnull=True).created_by == ACTOR


def test_what_a_person_lifts_stays_lifted_until_the_venue_names_another_moment(
    site: Scene, ends_at: datetime
) -> None:
    review(site)
    blacklist.lift_symbol("BTCUSDT", actor=OPERATOR, now=site.clock())
    review(site)
    assert list_barred(now=site.clock()) == set()

    site.venue.announced = {"BTCUSDT": ends_at - timedelta(days=1)}
    review(site)

    assert list_barred(now=site.clock()) == {"BTCUSDT"}


def test_a_venue_without_a_schedule_lifts_nothing_and_is_one_line_of_the_log(
    site: Scene, ends_at: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    review(site)
    site.venue.announced = None

    with caplog.at_level(logging.INFO, logger="trading"):
        review(site)

    assert list_barred(now=site.clock()) == {"BTCUSDT"}
    lines = [(each.levelname, each.message) for each in caplog.records]
    assert lines == [("INFO", "delistings.not_available")]


def test_a_schedule_that_cannot_be_had_changes_nothing_and_is_asked_for_by_the_next_timer(
    site: Scene, ends_at: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    review(site)

    def fail() -> None:
        raise VenueUnavailable("no connection")

    with monkeypatch.context() as patched, caplog.at_level(logging.INFO, logger="trading"):
        patched.setattr(site.venue, "delistings", fail)
        patched.setattr(bootstrap, "get_venue", lambda: site.venue)
        tasks.review_delistings()

    assert [each.message for each in caplog.records] == ["delistings.postponed: no connection"]
    assert journal() == ["symbol.barred"]


def test_an_entry_is_denied_and_the_operator_is_told_why(
    site: Scene, ends_at: datetime, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "utc_now", site.clock)
    a_worker(site, "BTCUSDT", "ETHUSDT")
    review(site)
    site.quote("BTCUSDT", "100.00", "100.01")

    assert turn(site, "BTCUSDT").decisions == []
    assert not Trade.objects.exists()
    assert "blacklist</a>: BTCUSDT" in operator.get("/why/").content.decode()
    page = operator.get("/admin/trading/blacklistentry/").content.decode()
    assert "DELISTING_ANNOUNCED" in page
    assert "delisting announced for 2024-03-08 12:00 UTC" in page

    site.venue.announced = {}
    review(site)
    site.quote("BTCUSDT", "100.00", "100.01")
    turn(site, "BTCUSDT")

    assert Trade.objects.get().symbol == "BTCUSDT"


def test_what_is_open_stays_followed_and_protected_and_is_sold(site: Scene, ends_at: datetime) -> None:
    a_worker(site, "BTCUSDT")
    turn(site)
    site.pump()

    review(site, later=timedelta(seconds=1))
    opened = Trade.objects.get()
    followed = {symbol for symbol, _ in list_subscriptions(now=site.clock())}
    site.quote("BTCUSDT", "102.00", "102.01")
    site.pump()

    assert (opened.state, opened.is_protected, "BTCUSDT" in followed) == ("OPEN", True, True)
    sold = Trade.objects.get()
    assert (sold.state, sold.exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert_ledger_agrees(site)


def test_a_start_reads_the_schedule_without_waiting_for_the_timer(
    site: Scene, ends_at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "get_venue", lambda: site.venue)
    said: list[str] = []

    begin_trading(said.append)

    assert list_barred(now=site.clock()) == {"BTCUSDT"}
    assert not [line for line in said if "cannot be asked" in line]


@pytest.fixture
def server(transactional_db: None) -> Iterator[PaperServer]:
    """A venue on the wire."""
    with PaperServer() as running:
        yield running


def test_the_timer_bars_and_lifts_what_a_venue_on_the_wire_says(
    server: PaperServer, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account(server, redis_client)
    monkeypatch.setattr(bootstrap, "get_venue", lambda: account)
    instruments.refresh_instruments(venue=account, now=bootstrap.utc_now())
    server.arm("delisted", count=None, symbol="ETHUSDT", stage="announced", after_s=3600)

    tasks.review_delistings()
    tasks.review_delistings()
    assert list_barred(now=bootstrap.utc_now()) == {"ETHUSDT"}

    server.disarm()
    tasks.review_delistings()
    account.close()

    assert list_barred(now=bootstrap.utc_now()) == set()
    assert journal("ETHUSDT") == ["symbol.barred", "symbol.lifted"]
