"""Which model a worker asks: one that is proven and stands, where learning may change it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from bench.promotion import a_market
from intelligence.backtest import CostModel, Market
from intelligence.models import ModelVersion, Tuning, TuningMode
from intelligence.tuning import find_subject, review, set_mode
from tests.support.markets import day
from trading.domain.signal_model import SignalModel
from trading.models import JournalEntry, Worker
from trading.services import workers

pytestmark = pytest.mark.django_db
COSTS = CostModel()


@pytest.fixture(scope="module")
def hinted() -> Market:
    return a_market(2, kind="hinted")


def reviewed(worker: Worker, market: Market, number: int) -> str:
    return review(find_subject(str(worker.pk)), market, costs=COSTS, now=day(market, number))


def asked(worker: Worker) -> SignalModel | None:
    return find_subject(str(worker.pk)).config.model


@pytest.fixture
def asking(worker: Worker, hinted: Market) -> Worker:
    """An automatic worker whose model was proven."""
    set_mode(worker.pk, TuningMode.AUTOMATIC, actor="operator", now=day(hinted, 0))
    reviewed(worker, hinted, 364)
    assert asked(worker) is not None
    return worker


def test_automatic_worker_asks_what_was_proven_and_the_journal_says_why(
    asking: Worker, hinted: Market
) -> None:
    version, model = ModelVersion.objects.get(), asked(asking)
    assert model is not None
    assert version.is_proven
    assert (model.digest, model.signals) == (version.digest, version.signals)
    row = JournalEntry.objects.filter(action="worker.changed").latest("pk")
    assert row.actor == "learning"
    assert "unseen signals made" in row.reason
    assert "is asked" not in row.reason
    assert f"model {model.digest[:8]}" in reviewed(asking, hinted, 365)
    assert ModelVersion.objects.count() == 1  # a young one is not trained anew


def test_worker_that_is_only_advised_stays_as_it_is(worker: Worker, hinted: Market) -> None:
    set_mode(worker.pk, TuningMode.ADVISE, actor="operator", now=day(hinted, 0))

    note = reviewed(worker, hinted, 364)

    assert "advised: model CAPITULATION 15m" in note
    assert asked(worker) is None
    assert "advised: model" in Tuning.objects.get().note


def test_model_that_drifted_is_asked_no_longer_and_again_once_it_stands(
    asking: Worker, hinted: Market
) -> None:
    ModelVersion.objects.update(drifted_at=day(hinted, 364))
    note = reviewed(asking, hinted, 365)
    assert "has drifted: none is to be asked" in note
    assert asked(asking) is None

    ModelVersion.objects.update(drifted_at=None)
    reviewed(asking, hinted, 365)
    assert asked(asking) is not None


def test_noise_proves_nothing_and_every_training_counts(worker: Worker) -> None:
    market = a_market(2, kind="noise")
    set_mode(worker.pk, TuningMode.AUTOMATIC, actor="operator", now=day(market, 0))

    notes = [reviewed(worker, market, number) for number in (260, 270, 355)]

    assert asked(worker) is None
    assert all("is not proven" in note for note in notes)
    needed = [version.judgement["needed"] for version in ModelVersion.objects.order_by("pk")]
    assert len(needed) == 2
    assert needed[1] == pytest.approx(4 * needed[0])


def test_form_keeps_the_model_shows_it_and_lets_it_go(
    asking: Worker, hinted: Market, admin_client: Client
) -> None:
    model, address = asked(asking), f"/admin/trading/worker/{asking.pk}/change/"
    assert model is not None

    versions = {f"versions-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}

    def save(**changes: object) -> str:
        form = admin_client.get(address).context["adminform"].form
        initial = {name: "" if form[name].initial is None else form[name].initial for name in form.fields}
        told = {**versions, **initial, **changes}
        data = {name: value for name, value in told.items() if value is not False}
        return admin_client.post(address, data, follow=True).content.decode()

    assert "is in force" in save(budget="9000")
    assert asked(asking) == model
    page = admin_client.get(f"/admin/trading/worker/{asking.pk}/versions/").content.decode()
    assert str(model) in page
    assert "is not asked any more" in save(stop_loss_bps="400")
    assert asked(asking) is None
    config = replace(find_subject(str(asking.pk)).config, stop_loss_bps=500, model=model)
    workers.change_config(asking.pk, config, actor="operator", now=day(hinted, 365))
    assert "is not asked any more" not in save(ask_model=False)
    assert asked(asking) is None
