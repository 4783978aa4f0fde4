"""A worker that asks a model: live and back-test leave out the same signals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intelligence import parity
from intelligence.backtest import run
from intelligence.meta_labels import collect
from intelligence.meta_model import chances_of, fit
from intelligence.model_training import signals_of
from tests.integration.intelligence.test_risk_parity import a_plan, a_wild_market
from trading.replay.stage import private_database


@pytest.mark.django_db
def test_live_and_back_test_ask_the_model_alike() -> None:
    plain, market = a_plan(full_size_risk=100, max_risk=100), a_wild_market()
    examples = collect(plain, market)
    rows = np.arange(len(examples))
    model = fit(examples, rows, signals=signals_of(plain, "1m"))
    assert model is not None
    middle = float(np.median(chances_of(model, examples, rows)))
    plan = replace(plain, model=replace(model, threshold=middle))

    tested = parity.tested_trades(market, run(plan, market))
    with private_database():
        replayed = parity.replay(plan, market)

    all_rows = set(run(plain, market).trips["signal_row"].tolist())
    assert parity.differences(tested, replayed) == []
    assert len(tested) >= 7
    assert all_rows - set(run(plan, market).trips["signal_row"].tolist())  # some were left out
