"""Environment in, venue out; and no real money by accident."""

from __future__ import annotations

import pytest

from fastcycle.env import BadSetting
from fastcycle.logs import mask_text
from fastcycle.venue import read_venue


def test_nothing_set_means_the_paper_venue_of_this_machine() -> None:
    venue = read_venue()

    assert (venue.name, venue.rest_url) == ("paper", "http://127.0.0.1:8100/api")
    assert (venue.api_key, venue.api_secret) == ("paper", "paper")


@pytest.mark.parametrize(
    "url", ["http://host:9", "http://host:9/", "http://host:9/api", "http://host:9/api/"]
)
def test_one_address_gives_all_three(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VENUE_REST_URL", url)

    venue = read_venue()

    assert venue.rest_url == "http://host:9/api"
    assert venue.stream_url == "ws://host:9"
    assert venue.ws_api_url == "ws://host:9/ws-api/v3"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VENUE", "live"),
        ("VENUE_REST_URL", "https://api.binance.com"),
        ("VENUE_REST_URL", "https://api3.binance.com/api"),
    ],
)
def test_real_money_needs_the_second_switch(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting, match="FASTCYCLE_LIVE"):
        read_venue()
    monkeypatch.setenv("FASTCYCLE_LIVE", "yes")
    assert "binance.com" in read_venue().rest_url


def test_bad_value_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENUE", "moon")

    with pytest.raises(BadSetting, match="VENUE must be one of paper"):
        read_venue()


def test_secret_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("secrets") / "key"
    path.write_text("from-file\n", encoding="utf-8")
    monkeypatch.setenv("VENUE", "demo")
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(path))

    venue = read_venue()

    assert venue.api_secret == "from-file"
    assert "from-file" not in repr(venue)


def test_log_shows_neither_signature_nor_password() -> None:
    masked = mask_text("GET /order?symbol=BTCUSDT&signature=abc123 redis://:hunter2@host")

    assert "abc123" not in masked
    assert "hunter2" not in masked
    assert "symbol=BTCUSDT" in masked
