"""Symbols of the venue: kept, refreshed, and never lost while something refers to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.desk import SYMBOLS, Scene, a_scene
from trading.domain.instrument import Instrument
from trading.models import InstrumentRow
from trading.selectors.instruments import get_instrument, list_listed
from trading.services.instruments import refresh_instruments

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    """A desk that has asked for its symbols once."""
    made = a_scene()
    refresh_instruments(venue=made.venue, now=made.clock())
    return made


def _refresh_with(scene: Scene, instruments: list[Instrument], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.venue, "instruments", lambda: instruments)
    refresh_instruments(venue=scene.venue, now=scene.clock())


def test_rules_survive_the_database(scene: Scene) -> None:
    told = {each.symbol: each for each in scene.venue.instruments()}

    assert {symbol: get_instrument(symbol) for symbol in SYMBOLS} == told


def test_what_was_listed_at_the_first_look_counts_as_old_and_what_comes_later_as_young(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    InstrumentRow.objects.filter(symbol="ETHUSDT").delete()
    scene.clock.advance(60)

    _refresh_with(scene, list(scene.venue.instruments()), monkeypatch)

    ages = {each.instrument.symbol: scene.clock() - each.first_seen_at for each in list_listed()}
    assert ages["ETHUSDT"] == timedelta(0)
    assert ages["BTCUSDT"] > timedelta(days=1000)


def test_a_delisted_symbol_keeps_its_row_and_may_not_be_traded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [each for each in scene.venue.instruments() if each.symbol != "BTCUSDT"]

    _refresh_with(scene, left, monkeypatch)

    assert get_instrument("BTCUSDT").status == "DELISTED"
    assert not get_instrument("BTCUSDT").is_trading


@pytest.mark.parametrize("word", ["CANCEL_ONLY", "A_WORD_OF_TOMORROW_THAT_IS_LONG"])
def test_a_status_that_is_not_known_lets_nothing_be_traded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    told = [
        replace(each, status=word) if each.symbol == "BTCUSDT" else each for each in scene.venue.instruments()
    ]

    _refresh_with(scene, told, monkeypatch)

    assert get_instrument("BTCUSDT").status == word[:20]
    assert not get_instrument("BTCUSDT").is_trading
    assert get_instrument("ETHUSDT").is_trading


def test_a_symbol_too_long_to_be_kept_does_not_keep_the_others_from_being_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list(scene.venue.instruments())
    odd = replace(told[0], symbol="X" * 31)

    _refresh_with(scene, [odd, *told], monkeypatch)

    assert InstrumentRow.objects.filter(symbol__in=[each.symbol for each in told]).count() == len(told)
    assert not InstrumentRow.objects.filter(symbol__startswith="XXX").exists()
