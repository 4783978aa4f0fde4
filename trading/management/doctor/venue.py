"""The venue's side: reach, clock, limits, and what our key may do. Called by the doctor command.

It asks and listens only; every request goes through the budget that all processes share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import aiohttp
from django.conf import settings

from trading import bootstrap
from trading.checks import PLACES_OF_MONEY
from trading.domain.ports import VenueError
from trading.exchange.api_figures import read_statistics
from trading.exchange.key_questions import KeyRestrictions
from trading.management.doctor.findings import Area, Finding
from trading.models import InstrumentRow

NOTED_MS = 500
WRONG_MS = 2000  # a quote as old as this is refused
ANSWER_LIMIT_S = 5.0
FRAME_LIMIT_S = 10.0
NO_SYMBOL = "BTCUSDT"


def check_venue() -> Iterator[Finding]:
    """Look at REST, clock, limits and key."""
    area = Area("venue")
    try:
        offset_ms = bootstrap.get_venue().sync_clock()
    except VenueError as error:
        yield area.fail(
            f"{settings.VENUE.rest_url} does not answer: {error}", "see the venue's status, network"
        )
        return
    yield area.ok(f"{settings.VENUE.rest_url} answers")
    yield _clock(offset_ms)
    yield from _limits(area)
    yield from _key()


def _clock(offset_ms: float) -> Finding:
    area, told = Area("clock"), f"the venue's clock is {offset_ms:+.0f} ms from ours"
    mend = "let the machine follow a time server (timedatectl set-ntp true)"
    if abs(offset_ms) > WRONG_MS:
        return area.fail(told, mend)
    return area.warn(told, mend) if abs(offset_ms) > NOTED_MS else area.ok(told)


def _limits(area: Area) -> Iterator[Finding]:
    figures = read_statistics(bootstrap.get_redis(), now=bootstrap.utc_now())
    if figures.blocked_s > 0:
        yield area.fail(
            f"the venue wants no request for {figures.blocked_s:.0f} s", "wait; see the log's 429"
        )
        return
    for breaker in figures.breakers:
        yield area.warn(f"calls pause: {breaker}", "wait; see the venue's status if it does not end")
    yield area.ok(
        f"weight {figures.weight_1m} of {figures.weight_limit}, {figures.requests_1m} of "
        f"{figures.requests_limit} requests this minute"
    )


def _symbol() -> str:
    busiest = InstrumentRow.objects.filter(status="TRADING").order_by("-quote_volume_24h").first()
    return busiest.symbol if busiest is not None else NO_SYMBOL


def _key() -> Iterator[Finding]:
    area = Area("key")
    try:
        may_trade = bootstrap.get_venue().may_trade()
        restrictions = bootstrap.get_venue().key_restrictions()
    except VenueError as error:
        yield area.fail(
            f"the venue refuses our key: {error}", "see BINANCE_API_KEY and its secret or key file"
        )
        return
    if may_trade:
        yield area.ok("the venue knows our key and the account may trade")
    else:
        yield area.fail("the account may not trade", "allow spot trading at the venue")
    yield from _restrictions(area, restrictions)


def _restrictions(area: Area, told: KeyRestrictions | None) -> Iterator[Finding]:
    if told is None:
        # Where the key opens real money, what the venue does not tell is a failure, not a footnote.
        text = "withdrawal and addresses are not checkable here: this venue does not tell them"
        make = area.fail if settings.VENUE.name in PLACES_OF_MONEY else area.warn
        yield make(text, "look at the key's page of the venue: withdrawal off, trusted addresses only")
        return
    if told.may_withdraw:
        yield area.fail("the key may withdraw money", "take the permission from the key at the venue, now")
    else:
        yield area.ok("the key may not withdraw")
    if told.may_transfer:
        yield area.warn("the key may transfer between accounts", "take the permission from the key")
    if not told.may_trade_spot:
        yield area.fail("the key may not trade spot", "give the key that one permission")
    if told.is_bound_to_addresses:
        yield area.ok("the key works from trusted addresses only")
    else:
        yield area.fail("the key works from any address", "restrict the key to this machine's address")


def check_streams() -> Iterator[Finding]:
    """Look whether the market stream brings a frame and the WebSocket API an answer."""
    yield from asyncio.run(_look_at_streams(_symbol()))


async def _look_at_streams(symbol: str) -> list[Finding]:
    area = Area("streams")
    async with aiohttp.ClientSession() as session:
        return [await _market_stream(area, session, symbol), await _ws_api(area, session)]


async def _market_stream(area: Area, session: aiohttp.ClientSession, symbol: str) -> Finding:
    url = settings.VENUE.stream_url
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(FRAME_LIMIT_S):
            async with session.ws_connect(f"{url}/ws/{symbol.lower()}@bookTicker") as ws:
                frame = await ws.receive()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return area.fail(
            f"{url} brings nothing: {type(error).__name__}", "see VENUE_STREAM_URL and the network"
        )
    if frame.type is not aiohttp.WSMsgType.TEXT:
        return area.fail(f"{url} closed the stream of {symbol}", "see the venue's status")
    return area.ok(f"{url} brought {symbol} after {(time.monotonic() - began_s) * 1000:.0f} ms")


async def _ws_api(area: Area, session: aiohttp.ClientSession) -> Finding:
    url = settings.VENUE.ws_api_url
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            async with session.ws_connect(url) as ws:
                await ws.send_json({"id": "doctor", "method": "time"})
                answer = await ws.receive_json()
    except (aiohttp.ClientError, OSError, TimeoutError, TypeError, ValueError) as error:
        return area.fail(
            f"{url} does not answer: {type(error).__name__}", "see VENUE_WS_API_URL and the network"
        )
    if answer.get("status") != 200:
        return area.fail(f"{url} answers {answer.get('status')}", "see the venue's status")
    return area.ok(f"{url} answered after {(time.monotonic() - began_s) * 1000:.0f} ms")
