"""The analysis pages: the same figures before and after days are summed up, few queries, clear refusals."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import seeding
from monitoring import live
from tests.support.builders import NOON
from tests.support.desk import Scene
from trading.models import Worker
from trading.services import figures

pytestmark = pytest.mark.usefixtures("always", "redis_client")
TOTAL, CUTS = "/analysis/?period=all", "/analysis/cuts/?period=all"
PAGES = (TOTAL, CUTS, "/analysis/compare/")


@pytest.fixture
def traded(site: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand trades of twelve days that end at noon, and a clock that stands there."""
    monkeypatch.setattr(seeding, "SPREAD_OVER", timedelta(days=12))
    seeding.seed_trades(1000, until=NOON)
    monkeypatch.setattr(live, "utc_now", lambda: NOON)


def told(operator: Client, question: str) -> dict[str, tuple[object, ...]]:
    """Give what the total and every cut say, by its name."""
    total, cards = (
        operator.get(TOTAL + question).context["total"],
        operator.get(CUTS + question).context["cards"],
    )
    cuts = [("", "all", total)]
    cuts += [(card.id, row.name, row.tally) for card in cards for row in card.rows]
    return {
        f"{cut} {name}": (tally.trades, tally.wins, tally.pnl, tally.fees, tally.slippage, tally.turnover)
        for cut, name, tally in cuts
    }


@pytest.mark.usefixtures("traded")
def test_the_page_says_the_same_before_and_after_days_are_summed_up(operator: Client) -> None:
    questions = ("", f"&worker={Worker.objects.earliest('pk').pk}")
    before = [told(operator, question) for question in questions]

    assert figures.roll_up(now=NOON) > 0

    assert [told(operator, question) for question in questions] == before
    assert [each[" all"][0] for each in before] == [1000, 100]
    assert len(before[0]) > 60


@pytest.mark.usefixtures("traded")
@pytest.mark.parametrize("address", PAGES)
def test_the_number_of_queries_does_not_grow_with_the_trades(operator: Client, address: str) -> None:
    operator.get(address)
    with CaptureQueriesContext(connection) as few:
        operator.get(address)
    seeding.seed_trades(1000, until=NOON)
    with CaptureQueriesContext(connection) as many:
        operator.get(address)

    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/analysis/?period=12", "period must be one of"),
        ("/analysis/?since=yesterday", "since must be a day such as"),
        ("/analysis/?since=2024-03-02&until=2024-03-01", "since must not be after until"),
        ("/analysis/?asset=EUR", "asset must be one of USDT"),
        ("/analysis/?worker=abc", "worker must be a whole number"),
        ("/analysis/?worker=99999", "worker 99999 does not exist"),
        ("/analysis/cuts/?worker=99999", "worker 99999 does not exist"),
        ("/analysis/compare/?a_whose=worker:99999", "a_whose must be empty, worker:ID, version:ID or run:ID"),
    ],
)
def test_a_wrong_question_gets_one_clear_line(
    site: Scene, operator: Client, address: str, words: str
) -> None:
    response = operator.get(address)

    assert response.status_code == 404
    assert words in response.content.decode()


def test_without_trades_the_page_says_so_and_where_to_look(site: Scene, operator: Client) -> None:
    page = operator.get("/analysis/").content.decode()

    assert "No trade was closed in this period" in page
    assert 'href="/why/"' in page


@pytest.mark.parametrize("address", PAGES)
def test_the_pages_ask_for_a_login(site: Scene, address: str) -> None:
    assert Client().get(address)["Location"].startswith("/admin/login/")
