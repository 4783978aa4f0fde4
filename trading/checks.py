"""Start-up checks with stable ids. No network: what needs the venue belongs to `doctor`.

Registered by trading.apps; Django runs them before every command that starts something.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

PLACES_OF_MONEY = ("live",)


@register("trading")
def check_time(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E001: every moment is aware and in UTC."""
    if settings.USE_TZ and settings.TIME_ZONE == "UTC":
        return []
    return [
        Error("Times must be aware and in UTC.", hint="Leave TIME_ZONE and USE_TZ alone.", id="trading.E001")
    ]


@register("trading")
def check_keys(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E002: the venue can be asked about our account."""
    venue = settings.VENUE
    if venue.api_key and (venue.api_secret or venue.private_key_file):
        return []
    return [
        Error(
            f"The venue {venue.name!r} needs a key and its secret.",
            hint="Set BINANCE_API_KEY, and BINANCE_API_SECRET or BINANCE_PRIVATE_KEY_FILE.",
            id="trading.E002",
        )
    ]


@register("trading")
def check_database(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.W001: real money on the embedded database is possible, and worth a thought."""
    is_embedded = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if settings.VENUE.name not in PLACES_OF_MONEY or not is_embedded:
        return []
    return [
        checks.Warning(
            "Real money is traded on the embedded database.",
            hint="Set DATABASE_URL to a PostgreSQL server that is backed up.",
            id="trading.W001",
        )
    ]
