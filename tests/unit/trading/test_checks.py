"""Start-up checks: each unsafe configuration has its id and its mend, and a safe one has nothing."""

from pathlib import Path
from typing import Any

import pytest
from django.core import checks


def _ids() -> set[str]:
    """Give what is refused; the warning about the embedded database belongs to the test's own."""
    return {str(message.id) for message in checks.run_checks(tags=["trading"])} - {"trading.W001"}


@pytest.fixture
def live(settings: Any) -> Any:
    """Settings of an installation that trades real money, safely."""
    addresses = "https://api.example.com/api", "wss://stream.example.com", "wss://ws.example.com/ws-api/v3"
    settings.VENUE = settings.VENUE._replace(
        name="live", rest_url=addresses[0], stream_url=addresses[1], ws_api_url=addresses[2]
    )
    settings.HOST, settings.ALLOWED_HOSTS, settings.SESSION_COOKIE_SECURE = (
        "0.0.0.0",
        ["bot.example.org"],
        True,
    )
    return settings


def test_a_safe_installation_passes(live: Any) -> None:
    assert _ids() == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TIME_ZONE", "Europe/Berlin", "trading.E001"),
        ("DEBUG", True, "trading.E003"),
        ("SECRET_KEY", "short", "trading.E005"),
        ("ALLOWED_HOSTS", ["*"], "trading.E007"),
        ("SESSION_COOKIE_SECURE", False, "trading.E008"),
    ],
)
def test_an_unsafe_setting_is_refused_by_its_id(live: Any, name: str, value: object, expected: str) -> None:
    setattr(live, name, value)

    assert _ids() == {expected}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"api_key": ""}, "trading.E002"),
        ({"rest_url": "http://api.example.com/api"}, "trading.E006"),
        ({"stream_url": "ws://stream.example.com"}, "trading.E006"),
    ],
)
def test_an_unsafe_venue_is_refused_by_its_id(live: Any, changes: dict[str, str], expected: str) -> None:
    live.VENUE = live.VENUE._replace(**changes)

    assert _ids() == {expected}


def test_a_secret_that_everybody_may_read_is_named_with_its_mend(live: Any, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("secret")
    secret.chmod(0o644)
    live.SECRET_FILES = [secret]

    hints = {message.id: message.hint for message in checks.run_checks(tags=["trading"])}

    assert hints["trading.E004"] == f"chmod 600 {secret}"
    secret.chmod(0o600)
    assert _ids() == set()
