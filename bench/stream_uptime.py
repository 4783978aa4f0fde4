"""Feed and user stream with a cut a minute, and other mischief between: how long until back, what is lost?

Both run in a process of their own on a paper venue in another, on twenty symbols. In the first half of each
minute all connections are cut; in the second half of every second minute comes one of the other kinds, in
turn. Ten times a second the newest price of each symbol in Redis is looked at, and whether the user stream
serves.

Up is a symbol's market while its newest price is younger than the age at which a trader refuses it
(USABLE_S), and the user stream while it is connected and subscribed. Uptime is the share of symbol-seconds
in which both were so: with a cut a minute, and beside it that of the whole run, with what else struck. Left
out is the time in which the venue itself is away: from a kill, or the begin of
an outage, until it answers again; what the feed needs from then on is counted against it. A price has its
age whatever the reason, so a market that says nothing for a moment, or a machine that stands still, counts
as down too. Fresh is the same with FRESH_S, in which every symbol tells two prices. Each loss is kept with
its moment, and what struck before.

Candles are compared with the venue's own at the end, and mischief that the feed never noticed is named.
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
from dataclasses import asdict, dataclass, field
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
from trading.market.cache import MarketCache
from trading.market.ingest import FEED_KEY
from trading.market.packed_redis import open_redis
from trading.paper.catalogue_symbols import known_symbols

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = known_symbols()[:20]
USER_KEY = "bench:user"
LOOK_EVERY_S = 0.1
TELL_EVERY_S = 0.01
FRESH_S = 0.5  # the synthetic market tells five prices a second of each symbol
USABLE_S = 2.0  # services.context.Limits.max_quote_age_s
SETTLE_S = 8.0
OUTAGE_S = 6.0
LONGEST_S = SETTLE_S + OUTAGE_S + 4.0  # what the longest mischief takes, with the start of a venue
LIFE_S = 86_400.0
# Longer than the venue's heart-beat, which ends a connection that has lived its time; shorter than the life,
# so that what connects meanwhile stays.
DAY_LIFE_S, DAY_ENDS_WITHIN_S = 4.0, 1.5
CUT = "cut"
OTHERS = ("silent", "shutdown", "day", "restart", "outage")


@dataclass
class Venue:
    """A paper venue in a process of its own."""

    port: int
    state: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--symbols", ",".join(SYMBOLS), "--port", str(self.port), "--state", str(self.state)]
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


@dataclass(slots=True)
class Loss:
    """A stretch in which something was down: when it was first seen, after which mischief, and what."""

    at_s: float
    after: str
    after_s: float
    symbol_seconds: float = 0.0
    user_stream_s: float = 0.0
    oldest_s: float = 0.0


@dataclass(slots=True)
class Seconds:
    """Seconds that were looked at, and those in which all was up, or a part of it; symbols weigh alike."""

    seen: float = 0.0
    up: float = 0.0
    market_up: float = 0.0
    user_stream_up: float = 0.0
    fresh: float = 0.0

    def add(
        self, passed_s: float, down_s: Sequence[float], ages_s: Sequence[float], *, user_s: float
    ) -> None:
        """Count what a look has seen, for the time since the look before it.

        Whether market and user stream were down at once within a look is not known: taken as one after
        the other, which tells too little uptime rather than too much.
        """
        market_down_s = sum(down_s) / len(SYMBOLS)
        self.seen += passed_s
        self.market_up += passed_s - market_down_s
        self.user_stream_up += passed_s - user_s
        self.up += max(passed_s - market_down_s - user_s, 0.0)
        self.fresh += passed_s * sum(age_s < FRESH_S for age_s in ages_s) / len(SYMBOLS)

    def ratios(self) -> dict[str, float]:
        """Give the shares of what was looked at."""
        return {
            name: round(seconds / self.seen, 6) for name, seconds in asdict(self).items() if name != "seen"
        }


@dataclass
class Looks:
    """What was seen, ten times a second: in the whole run, and in it without what follows other mischief."""

    client: redis.Redis
    whole: Seconds = field(default_factory=Seconds)
    with_cuts: Seconds = field(default_factory=Seconds)
    longest_look_s: float = 0.0
    back_s: dict[str, list[float]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)

    def ages_s(self) -> list[float]:
        """Give the age of each symbol's price; without end where there is none."""
        quotes, now = MarketCache(self.client).quotes(SYMBOLS), clock()
        return [quotes[symbol].age_s(now) if symbol in quotes else math.inf for symbol in SYMBOLS]

    def user(self) -> dict[str, Any]:
        """Give what the process that listens says of the user stream."""
        told = self.client.get(USER_KEY)
        return json.loads(told) if isinstance(told, bytes) else {"connected": False, "down_s": 0.0}

    def is_fresh(self) -> bool:
        """all is up, and prices are fresh"""
        return max(self.ages_s()) < FRESH_S and self.user()["connected"]

    def ended(self) -> int:
        """Give how many connections of both streams have ended or were replaced."""
        told = [self.client.get(FEED_KEY), self.client.get(USER_KEY)]
        statuses = [json.loads(each) for each in told if isinstance(each, bytes)]
        return sum(status["reconnects"] + status["handovers"] for status in statuses)

    def look(self, seconds: float, *, kind: str = "") -> float:
        """Look for so long after a kind of mischief; give the seconds until all was fresh for good."""
        counted = (self.whole,) if kind in OTHERS else (self.whole, self.with_cuts)
        began_s = looked_s = last_down_s = time.monotonic()
        user_down_s = self.user()["down_s"]
        loss: Loss | None = None
        while looked_s - began_s < seconds:
            time.sleep(LOOK_EVERY_S)
            ages_s, user = self.ages_s(), self.user()
            now_s = time.monotonic()
            passed_s, looked_s = now_s - looked_s, now_s
            down_s = [min(max(age_s - USABLE_S, 0.0), passed_s) for age_s in ages_s]
            user_s, user_down_s = user["down_s"] - user_down_s, user["down_s"]
            for each in counted:
                each.add(passed_s, down_s, ages_s, user_s=user_s)
            self.longest_look_s = max(self.longest_look_s, passed_s)
            if max(ages_s) >= FRESH_S or not user["connected"]:
                last_down_s = now_s
            if user_s or any(down_s):
                if loss is None:
                    loss = Loss(round(self.whole.seen, 1), kind, round(now_s - began_s, 2))
                    self.losses.append(loss)
                loss.symbol_seconds += sum(down_s)
                loss.user_stream_s += user_s
                loss.oldest_s = max(loss.oldest_s, *ages_s)
            else:
                loss = None
        return last_down_s - began_s


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
            venue.ask("POST", "/paper/control", {"rhythm": {"life_s": DAY_LIFE_S}})
        case "restart":
            venue.kill()
            venue.start()
        case "outage":
            venue.arm(50, how="reset", which="all", duration_s=OUTAGE_S)
            time.sleep(OUTAGE_S)


def suffer(kind: str, venue: Venue, looks: Looks) -> None:
    """Do mischief and look until it must be over; note it where no connection ended of it."""
    ended = looks.ended()
    strike(kind, venue)
    back_s = 0.0
    if kind == "day":
        back_s = looks.look(DAY_ENDS_WITHIN_S, kind=kind)
        venue.ask("POST", "/paper/control", {"rhythm": {"life_s": LIFE_S}})
    later_s = looks.look(SETTLE_S, kind=kind)
    if later_s and kind == "day":
        back_s = DAY_ENDS_WITHIN_S
    looks.back_s.setdefault(kind, []).append(round(back_s + later_s, 2))
    if looks.ended() == ended:
        looks.unnoticed.append(kind)


def turns_of(periods: int) -> list[str]:
    """Give the mischief of so many periods, two halves each: a cut; nothing, or one of the others in turn."""
    others = [OTHERS[number // 2 % len(OTHERS)] if number % 2 else "" for number in range(periods)]
    return [kind for other in others for kind in (CUT, other)]


@contextlib.contextmanager
def _listening(venue: Venue, address: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.stream_uptime", f"http://127.0.0.1:{venue.port}", address]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def measure(*, minutes: float = 30.0, seed: int = 1, period_s: float = 60.0) -> dict[str, Any]:
    """Cut once each period, do more between; give seconds until back, uptime, losses and candles missing."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, contextlib.ExitStack() as running:
        path = Path(folder) / "redis.sock"
        running.enter_context(run_redis(path))
        venue = Venue(free_port(), Path(folder) / "state.jsonl")
        venue.start()
        running.callback(venue.kill)
        running.enter_context(_listening(venue, f"unix://{path}"))
        looks = Looks(redis.Redis(unix_socket_path=str(path)))
        wait_until(looks.is_fresh, limit_s=30)
        began_s = time.monotonic()
        half_s = period_s / 2
        for number, kind in enumerate(turns_of(max(round(minutes * 60 / period_s), 1))):
            looks.look(max(half_s - LONGEST_S, 0.0) * chance.random())
            if kind:
                suffer(kind, venue, looks)
            looks.look(max(began_s + (number + 1) * half_s - time.monotonic(), 0.0))
        missing = missing_candles(looks.client, venue)
    return (
        {"minutes": minutes, "seed": seed, "period_s": period_s}
        | report(looks)
        | {"candles_missing": missing}
    )


def report(looks: Looks) -> dict[str, Any]:
    """Give the figures of all looks."""
    backs = [each for times in looks.back_s.values() for each in times]
    return {
        "with_cuts": looks.with_cuts.ratios(),
        "whole": looks.whole.ratios(),
        "symbols": len(SYMBOLS),
        "seconds": round(looks.whole.seen, 1),
        "longest_look_s": round(looks.longest_look_s, 2),
        "back_s": {"max": max(backs), "p50": quantile(backs, 0.5), "by_kind": looks.back_s},
        "losses": [
            {
                name: round(value, 2) if isinstance(value, float) else value
                for name, value in asdict(loss).items()
            }
            for loss in looks.losses
        ],
        "unnoticed": looks.unnoticed,
    }


def missing_candles(client: redis.Redis, venue: Venue) -> int:
    """Give how many candles the venue has between our first and last of each symbol that we have not."""
    stored = MarketCache(client).candles(SYMBOLS, "1s", length=500)
    return sum(_missing(symbol, stored[symbol].open_ms.tolist(), venue) for symbol in SYMBOLS)


def _missing(symbol: str, ours: Sequence[int], venue: Venue) -> int:
    rows = venue.ask("GET", f"/api/v3/klines?symbol={symbol}&interval=1s&limit=1000")
    theirs = {row[0] for row in rows if min(ours) <= row[0] <= max(ours)}
    return len(theirs - set(ours))


async def listen(venue_url: str, address: str) -> None:
    """Run feed and user stream, and tell how the latter is."""
    client = open_redis(address)
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
        down_s, seen_s = 0.0, time.monotonic()
        while True:
            status, now_s = stream.status(), time.monotonic()
            down_s += 0.0 if status["connected"] else now_s - seen_s
            seen_s = now_s
            await client.set(USER_KEY, json.dumps(status | {"down_s": down_s}))
            await asyncio.sleep(TELL_EVERY_S)

    await asyncio.gather(feed(venue_url, address, SYMBOLS), stream.run(), tell())


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:3]))
