"""Every menace that chaos may draw is one that the paper venue understands, in all that it may draw of it."""

from __future__ import annotations

import random

import requests

from bench.house import SYMBOLS
from bench.menaces import MENACES
from tests.support.paper_venue import BALANCES, PaperServer
from trading.paper.config import PaperConfig

DRAWS = 8


def test_the_venue_arms_every_menace_as_drawn() -> None:
    config = PaperConfig(port=0, symbols=tuple(SYMBOLS.split(",")), balances=BALANCES)
    refusals = []
    with PaperServer(config) as server:
        faults = f"{server.url}/paper/faults"
        for menace in MENACES:
            for seed in range(DRAWS):
                answer = requests.post(faults, json=menace.draw(random.Random(seed)), timeout=10)
                refusals += [f"{menace.name}: {answer.text}"] if answer.status_code != 200 else []
                requests.delete(faults, timeout=10)

    assert refusals == []
