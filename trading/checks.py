"""Start-up checks with stable ids. No network: what needs the venue belongs to `doctor`.

Registered by trading.apps; Django runs them before every command that starts something.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

PLACES_OF_MONEY = ("live",)
LEAST_SECRET = 32
LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
# Mounted by a container's runtime with a mode that we do not choose; the container is the wall.
MOUNTED_SECRETS = Path("/run/secrets")


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


def _trades_money() -> bool:
    return settings.VENUE.name in PLACES_OF_MONEY


@register("trading")
def check_debug(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E003: error pages that show the program's insides, and real money, do not go together."""
    if not (settings.DEBUG and _trades_money()):
        return []
    return [Error("DEBUG is on and real money is traded.", hint="Set DEBUG off.", id="trading.E003")]


@register("trading")
def check_secret_files(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E004: nobody else on this machine reads our secrets."""
    return [
        Error(f"Everybody on this machine may read {path}.", hint=f"chmod 600 {path}", id="trading.E004")
        for path in settings.SECRET_FILES
        if path.stat().st_mode & 0o004 and MOUNTED_SECRETS not in path.parents
    ]


@register("trading")
def check_secret_key(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E005: sessions cannot be forged by guessing."""
    if len(settings.SECRET_KEY) >= LEAST_SECRET:
        return []
    return [
        Error(
            f"SECRET_KEY has {len(settings.SECRET_KEY)} characters, {LEAST_SECRET} are the least.",
            hint="Leave SECRET_KEY unset: one is made on the first start and kept in the home folder.",
            id="trading.E005",
        )
    ]


@register("trading")
def check_addresses(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E006: orders of real money travel encrypted."""
    names = {
        "VENUE_REST_URL": settings.VENUE.rest_url,
        "VENUE_STREAM_URL": settings.VENUE.stream_url,
        "VENUE_WS_API_URL": settings.VENUE.ws_api_url,
    }
    return [
        Error(
            f"{name} is not encrypted and real money is traded.",
            hint=f"Begin {name} with https:// or wss://.",
            id="trading.E006",
        )
        for name, url in names.items()
        if _trades_money() and urlsplit(url).scheme not in ("https", "wss")
    ]


@register("trading")
def check_site(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.E007, E008: where real money is traded, a site that others reach has a name and speaks TLS."""
    if not _trades_money() or settings.HOST in LOCAL_HOSTS:
        return []
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Set ALLOWED_HOSTS to the site's name, say bot.example.org."
        found.append(Error("Every host name is answered and real money is traded.", hint, id="trading.E007"))
    if not settings.SESSION_COOKIE_SECURE:
        hint = "Put a proxy with TLS in front and set BEHIND_TLS=yes, or HOST=127.0.0.1."
        found.append(Error("The site is open to the network without TLS.", hint, id="trading.E008"))
    return found


@register("trading", deploy=True)
def check_tls(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.W002: a site that others reach speaks TLS, also where no real money is traded."""
    if settings.HOST in LOCAL_HOSTS or settings.BEHIND_TLS or _trades_money():
        return []
    hint = "Put a proxy with TLS in front and set BEHIND_TLS=yes, or HOST=127.0.0.1."
    return [checks.Warning("The site is open to the network without TLS.", hint, id="trading.W002")]


@register("trading")
def check_database(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """trading.W001: real money on the embedded database is possible, and worth a thought."""
    is_embedded = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if not _trades_money() or not is_embedded:
        return []
    return [
        checks.Warning(
            "Real money is traded on the embedded database.",
            hint="Set DATABASE_URL to a PostgreSQL server that is backed up.",
            id="trading.W001",
        )
    ]
