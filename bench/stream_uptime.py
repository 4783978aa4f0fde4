"""Feed and user stream through mischief, one a minute by a seed: how long until they are back, what is lost?

Both run in a process of their own on a paper venue in another. Ten times a second it is looked whether prices
are fresh in Redis (the newest arrived less than FRESH_S ago) and whether the user stream serves. Uptime is
the share of looks at which both were so, leaving out those during which the venue itself was away: from a
kill or the begin of an outage until it answers again. Usable is the share at which both were so with the age
at which a trader refuses a price in place of FRESH_S. A price has its age whatever the reason, so a market
that says nothing for a moment, or a machine that stands still, counts as down too.

Twice: connections cut and nothing else, then all kinds of mischief in turn. Candles are compared with the
venue's own at the end of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redis.asyncio

from bench.stack import free_port, quantile, wait_until
from tests.support.feed_process import feed
from tests.support.paper_venue import KEY, SECRET
from tests.support.servers import run_redis
from tests.support.wire import clock
from trading.exchange.signing import Signer
from trading.exchange.user_stream import UserStream
from trading.market.cache import MarketCache, candles_key

ROOT = Path(__file__).resolve().parent.parent
SYMBOL = "BTCUSDT"
USER_KEY = "bench:user"
LOOK_EVERY_S = 0.1
FRESH_S = 0.5  # the synthetic market tells many prices a second
USABLE_S = 2.0  # services.context.Limits.max_quote_age_s
SETTLE_S = 8.0
OUTAGE_S = 6.0
KINDS = ("cut", "silent", "shutdown", "day", "restart", "outage")


@dataclass
class Venue:
    """A paper venue in a process of its own."""

    port: int
    state: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--symbols", SYMBOL, "--port", str(self.port), "--state", str(self.state)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trading.paper", *options], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        wait_until(self.answers, limit_s=30, every_s=0.02)

    def answers(self) -> bool:
        """the venue answers"""
        try:
            self.ask("GET", "/api/v3/ping")
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it without a farewell."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask it something."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=2) as reply:  # noqa: S310 -- http, above
            return json.loads(reply.read())

    def arm(self, fault: int, **params: Any) -> None:
        """Arm a fault."""
        self.ask("POST", "/paper/faults", {"fault": fault, "params": params})


@dataclass
class Looks:
    """What was seen, ten times a second."""

    client: redis.Redis
    count: int = 0
    fresh: int = 0
    usable: int = 0
    by_kind: dict[str, list[float]] = field(default_factory=dict)

    def age_s(self) -> float:
        """Give the age of the price; without end where there is none or the user stream does not serve."""
        quote = MarketCache(self.client).quotes([SYMBOL]).get(SYMBOL)
        user = self.client.get(USER_KEY)
        serves = isinstance(user, bytes) and json.loads(user)["connected"] is True
        return quote.age_s(clock()) if quote is not None and serves else math.inf

    def is_up(self) -> bool:
        """all is up"""
        return self.age_s() < FRESH_S

    def look(self, seconds: float, *, kind: str = "") -> None:
        """Look for so long; of a kind of mischief, note how long it took until all was up for good."""
        began_s = last_down_s = time.monotonic()
        while (now_s := time.monotonic()) - began_s < seconds:
            age_s = self.age_s()
            self.count += 1
            self.fresh += age_s < FRESH_S
            self.usable += age_s < USABLE_S
            if age_s >= FRESH_S:
                last_down_s = now_s
            time.sleep(LOOK_EVERY_S)
        if kind:
            self.by_kind.setdefault(kind, []).append(round(last_down_s - began_s, 2))


def strike(kind: str, venue: Venue) -> None:
    """Do mischief; where the venue itself goes away, return when it is back."""
    match kind:
        case "cut":
            venue.arm(46, code=1006)
        case "silent":
            venue.arm(48, which="market", only_open=True)
        case "shutdown":
            venue.arm(47, after_s=3.0)
        case "day":
            venue.ask("POST", "/paper/control", {"rhythm": {"life_s": 0.1}})
            time.sleep(0.3)
            venue.ask("POST", "/paper/control", {"rhythm": {"life_s": 86_400.0}})
        case "restart":
            venue.kill()
            venue.start()
        case "outage":
            venue.arm(50, how="reset", which="all", duration_s=OUTAGE_S)
            time.sleep(OUTAGE_S)


@contextlib.contextmanager
def _listening(venue: Venue, address: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.stream_uptime", f"http://127.0.0.1:{venue.port}", address]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def measure(*, minutes: float = 30.0, seed: int = 1, period_s: float = 60.0) -> dict[str, Any]:
    """Do one piece of mischief each period; give seconds until back, uptime and candles missing."""
    runs = {
        name: suffer(kinds, minutes=minutes, seed=seed, period_s=period_s)
        for name, kinds in (("cuts", ("cut",)), ("mischief", KINDS))
    }
    return {"minutes": minutes, "seed": seed, "period_s": period_s} | runs


def suffer(kinds: Sequence[str], *, minutes: float, seed: int, period_s: float) -> dict[str, Any]:
    """Do mischief of these kinds, equally often, in an order and at moments by the seed."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, contextlib.ExitStack() as running:
        path = Path(folder) / "redis.sock"
        running.enter_context(run_redis(path))
        venue = Venue(free_port(), Path(folder) / "state.jsonl")
        venue.start()
        running.callback(venue.kill)
        running.enter_context(_listening(venue, f"unix://{path}"))
        looks = Looks(redis.Redis(unix_socket_path=str(path)))
        wait_until(looks.is_up, limit_s=30)
        rounds = max(int(minutes * 60 / period_s), 1)
        turns = [kinds[number % len(kinds)] for number in range(rounds)]
        chance.shuffle(turns)
        for kind in turns:
            looks.look(max(period_s - SETTLE_S, 0) * chance.uniform(0.5, 1.0))
            strike(kind, venue)
            looks.look(SETTLE_S, kind=kind)
        missing = missing_candles(looks.client, venue)
    backs = [each for times in looks.by_kind.values() for each in times]
    return {
        "back_s": {"max": max(backs), "p50": quantile(backs, 0.5), "by_kind": looks.by_kind},
        "uptime_ratio": round(looks.fresh / looks.count, 6),
        "usable_ratio": round(looks.usable / looks.count, 6),
        "looks": looks.count,
        "candles_missing": missing,
    }


def missing_candles(client: redis.Redis, venue: Venue) -> int:
    """Give how many candles the venue has between our first and last that we have not."""
    stored = MarketCache(client).candles([SYMBOL], "1s", length=500).get(SYMBOL)
    assert stored is not None, f"nothing in {candles_key(SYMBOL, '1s')}"
    ours = {int(moment) for moment in stored.open_ms}
    rows = venue.ask("GET", f"/api/v3/klines?symbol={SYMBOL}&interval=1s&limit=1000")
    theirs = {row[0] for row in rows if min(ours) <= row[0] <= max(ours)}
    return len(theirs - ours)


async def listen(venue_url: str, address: str) -> None:
    """Run feed and user stream, and tell how the latter is."""
    client = redis.asyncio.Redis.from_url(address)
    stream = UserStream(
        f"{venue_url.replace('http', 'ws', 1)}/ws-api/v3",
        api_key=KEY,
        signer=Signer(api_secret=SECRET),
        clock=clock,
        on_event=lambda event: None,
        on_resync=lambda reason: None,
        on_blocked=lambda seconds: None,
    )

    async def tell() -> None:
        while True:
            await client.set(USER_KEY, json.dumps(stream.status()), px=1000)
            await asyncio.sleep(LOOK_EVERY_S / 2)

    await asyncio.gather(feed(venue_url, address, SYMBOL), stream.run(), tell())


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:3]))
