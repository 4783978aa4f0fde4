"""The five validation steps after a deployment, run for real against the running stack.

Called by the doctor command. It enters the site with a session of its own that it deletes again, and makes a
stopped worker that it deletes again: both leave a trace in the journal, and nothing that trades.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

import aiohttp
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import connections

from trading import bootstrap, events
from trading.domain.executions import Fill
from trading.domain.ports import OrderNotFound, VenueError
from trading.domain.strategy import STRATEGIES
from trading.domain.values import to_text
from trading.exchange.api_figures import read_statistics
from trading.management.doctor.findings import Area, Check, Finding
from trading.models import FillRow, InstrumentRow, Order, Trade
from trading.selectors.workers import parse_config
from trading.services import workers

ACTOR = "doctor"
PAGE_LIMIT_S = 10.0
SNAPSHOT_LIMIT_S = 5.0
EVENT_LIMIT_S = 5.0
SESSION_S = 120
MAX_ERRORS_RATIO = 0.02
STATIC_LINK = re.compile(r"(?:src|href)=\"(/static/[^\"?#]+)")
ORDERS_COMPARED = 10


class NobodyToLogIn(Exception):
    """No active superuser exists whose pages could be looked at."""


def steps(url: str) -> tuple[tuple[str, Check], ...]:
    """Give the five steps of the deployment guide, for the site at `url`."""
    return (
        ("dashboard", partial(check_dashboard, url)),
        ("websocket", partial(check_websocket, url)),
        ("api", check_api),
        ("worker", partial(check_worker, url)),
        ("trade log", check_trade_log),
    )


def check_dashboard(url: str) -> Iterator[Finding]:
    """1. The dashboard loads, with every file that it names."""
    area = Area("dashboard")
    with _entered() as cookie:
        yield from asyncio.run(_load_page(area, url, cookie))


async def _load_page(area: Area, url: str, cookie: dict[str, str]) -> list[Finding]:
    limit = aiohttp.ClientTimeout(total=PAGE_LIMIT_S)
    try:
        async with aiohttp.ClientSession(headers=cookie, timeout=limit) as session:
            async with session.get(f"{url}/", allow_redirects=False) as answer:
                page = await answer.text()
                if answer.status != 200:
                    return [area.fail(f"{url}/ answers {answer.status}", "see var/logs/web.log")]
            broken = []
            links = sorted(set(STATIC_LINK.findall(page)))
            for link in links:
                async with session.get(f"{url}{link}") as answer:
                    broken += [f"{link} ({answer.status})"] if answer.status != 200 else []
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return [area.fail(f"{url} does not answer: {type(error).__name__}", "start the stack, or name --url")]
    if broken:
        return [area.fail(f"the page misses {', '.join(broken)}", "manage.py collectstatic --noinput")]
    return [area.ok(f"{url}/ loads, {len(page)} bytes with {len(links)} files")]


def check_websocket(url: str) -> Iterator[Finding]:
    """2. The dashboard's WebSocket connects and goes on telling."""
    area = Area("websocket")
    with _entered() as cookie:
        kinds = asyncio.run(_listen(url, cookie, enough=lambda told: len(told) >= 2))
    if kinds and kinds[0][0] == "snapshot" and len(kinds) >= 2:
        yield area.ok("a snapshot came, and then the live part")
    else:
        heard = ", ".join(kind for kind, _ in kinds) or "nothing"
        yield area.fail(f"heard {heard}", "see var/logs/web.log, and the proxy's WebSocket settings")


async def _listen(
    url: str,
    cookie: dict[str, str],
    *,
    enough: Callable[[list[tuple[str, Any]]], bool],
    meanwhile: Callable[[], Any] = lambda: None,
) -> list[tuple[str, Any]]:
    """Give the messages of the dashboard's socket until they are enough, or until the time is over.

    `meanwhile` runs once the first message is there.
    """
    told: list[tuple[str, Any]] = []
    address = re.sub("^http", "ws", url) + "/ws/dashboard"
    try:
        async with asyncio.timeout(SNAPSHOT_LIMIT_S + EVENT_LIMIT_S):
            async with (
                aiohttp.ClientSession(headers=cookie) as session,
                session.ws_connect(address, origin=url) as ws,
            ):
                async for frame in ws:
                    message = json.loads(frame.data)
                    told.append((message["type"], message["data"]))
                    if len(told) == 1:
                        await asyncio.to_thread(_run_aside, meanwhile)
                    if enough(told):
                        break
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return told  # what came is what is told
    return told


def _run_aside(work: Callable[[], Any]) -> None:
    """Run in a thread that ends afterwards, and whose database connection ends with it."""
    try:
        work()
    finally:
        connections.close_all()


def check_api() -> Iterator[Finding]:
    """3. Calls to the venue succeed, within the budget."""
    area, venue = Area("api"), bootstrap.get_venue()
    try:
        venue.server_time()
        balances = venue.balances()
        open_orders = venue.list_open_orders()
    except VenueError as error:
        yield area.fail(f"a call failed: {error}", "manage.py doctor tells which part of the venue is away")
        return
    figures = read_statistics(bootstrap.get_redis(), now=bootstrap.utc_now())
    told = (
        f"{len(balances)} balances and {len(open_orders)} open orders read; weight {figures.weight_1m} of "
        f"{figures.weight_limit}, {figures.requests_1m} of {figures.requests_limit} requests this minute"
    )
    if figures.errors_ratio is not None and figures.errors_ratio > MAX_ERRORS_RATIO:
        yield area.fail(
            f"{told}; {figures.errors_ratio:.1%} of calls failed", "see the logs for venue errors"
        )
    else:
        yield area.ok(told)


def check_worker(url: str) -> Iterator[Finding]:
    """4. A worker is made and deleted, and the running stack hears of both."""
    area = Area("worker")
    name = f"After-deploy check {secrets.token_hex(3)}"
    made: list[int] = []

    def make_and_delete() -> None:
        now = bootstrap.utc_now()
        worker = workers.create_worker(name, parse_config(_config()), actor=ACTOR, now=now)
        workers.delete_worker(worker.pk, actor=ACTOR, now=now, reason="validation after a deployment")
        made.append(worker.pk)
        events.flush()

    def is_heard(told: list[tuple[str, Any]]) -> bool:
        texts = [json.dumps(data) for kind, data in told if kind == "events"]
        return any(name in text for text in texts)

    with _entered() as cookie:
        told = asyncio.run(_listen(url, cookie, enough=is_heard, meanwhile=make_and_delete))
    if not made:
        make_and_delete()
    if is_heard(told):
        yield area.ok(f"worker {made[0]} was made and deleted; the dashboard heard of it")
    else:
        yield area.fail(
            f"worker {made[0]} was made and deleted, but the dashboard heard nothing",
            "site and command must share DATABASE_URL and REDIS_URL",
        )


def _config() -> dict[str, Any]:
    busiest = InstrumentRow.objects.filter(status="TRADING").order_by("-quote_volume_24h").first()
    return {
        "strategy": sorted(STRATEGIES)[0],
        "interval": "1m",
        "universe": {"symbols": [busiest.symbol if busiest is not None else "BTCUSDT"]},
        "trade_notional": "10",
        "budget": "10",
        "max_open_trades": 1,
        "take_profit_bps": 60,
        "stop_loss_bps": 60,
        "max_hold_s": 3600,
    }


def check_trade_log() -> Iterator[Finding]:
    """5. The newest trade is logged as the venue has it, fill by fill."""
    area = Area("trade log")
    newest = Trade.objects.filter(fills__isnull=False).order_by("-pk").first()
    if newest is None:
        yield area.warn(
            "no trade was made yet, so nothing can be compared", "run it again after the first trade"
        )
        return
    orders = Order.objects.filter(trade=newest, venue_order_id__isnull=False).order_by("-pk")[
        :ORDERS_COMPARED
    ]
    wrong: list[str] = []
    count = 0
    for order in orders:
        ours = {row.venue_fill_id: _row_facts(row) for row in FillRow.objects.filter(order=order)}
        theirs = _venue_fills(order)
        count += len(theirs)
        if ours != theirs:
            wrong.append(f"{order.client_order_id}: ours {ours}, the venue's {theirs}")
    if wrong:
        yield area.fail(f"trade {newest.key} differs: {wrong[0]}", "manage.py reconcile")
    else:
        yield area.ok(f"trade {newest.key} on {newest.symbol}: {count} fills, equal at the venue")


def _venue_fills(order: Order) -> dict[int, tuple[str, ...]]:
    assert order.venue_order_id is not None
    try:
        fills = bootstrap.get_venue().list_order_fills(order.symbol, order.venue_order_id)
    except OrderNotFound:
        return {}
    return {fill.venue_fill_id: _fill_facts(fill) for fill in fills}


def _facts(price: Decimal, qty: Decimal, fee: Decimal, fee_asset: str) -> tuple[str, ...]:
    return to_text(price), to_text(qty), to_text(fee), fee_asset


def _row_facts(row: FillRow) -> tuple[str, ...]:
    return _facts(row.price, row.qty, row.fee, row.fee_asset)


def _fill_facts(fill: Fill) -> tuple[str, ...]:
    return _facts(fill.price, fill.qty, fill.fee, fill.fee_asset)


@contextmanager
def _entered() -> Iterator[dict[str, str]]:
    """Enter the site as its first superuser, and leave again; gives the header of the session."""
    users = get_user_model()._default_manager
    user = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        raise NobodyToLogIn("no active superuser exists; manage.py createsuperuser makes one")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.set_expiry(SESSION_S)
    session.save()
    try:
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}
        # Asked from inside, past the proxy that speaks TLS.
        yield cookie | ({"X-Forwarded-Proto": "https"} if settings.BEHIND_TLS else {})
    finally:
        session.delete()
