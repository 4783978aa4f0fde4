"""A long load on one core: 400 symbols at 25 messages a second into the product's feed; does it fall behind?

Every frame carries the moment at which it was made. Twice a second the values in Redis are read, and how long
ago each was made: at most what lies between two frames of a symbol and between two flushes, and more as soon
as frames wait anywhere. The feed is bound to one core.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from bench.stack import quantile
from bench.stream_cost import cpu_s, frames, reader, wrong_values
from tests.support.servers import run_redis
from trading.market.cache import QUOTES_KEY, MarketCache

SAMPLE_EVERY_S = 0.5
SHARE = 5  # the first and the last fifth are compared
CORE = 0


def measure(*, seconds: float = 300.0, symbols: int = 400, per_s: float = 25.0) -> dict[str, Any]:
    """Load for so many seconds; give ages at begin and end, the share of the core, and what was wrong."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, contextlib.ExitStack() as running:
        path = Path(folder) / "redis.sock"
        running.enter_context(run_redis(path))
        server = running.enter_context(frames(symbols=symbols, per_s=per_s, seconds=seconds))
        feed = running.enter_context(
            reader("feed", server.port, symbols, address=f"unix://{path}", core=CORE)
        )
        client = redis.Redis(unix_socket_path=str(path))
        while client.hlen(QUOTES_KEY) < symbols:
            time.sleep(0.1)
        used_s, began_s = cpu_s(feed), time.monotonic()
        rounds = []
        while time.monotonic() - began_s < seconds - 10:
            time.sleep(SAMPLE_EVERY_S)
            rounds.append(_ages_ms(client))
        share = (cpu_s(feed) - used_s) / (time.monotonic() - began_s)
        told = server.ended()
        wrong = wrong_values(MarketCache(client), told)
    part = max(len(rounds) // SHARE, 1)
    first, last = ([age for each in some for age in each] for some in (rounds[:part], rounds[-part:]))
    return {
        "seconds": seconds,
        "messages_per_s": round(told["sent"] / seconds),
        "age_ms_first": {"p50": quantile(first, 0.5), "p99": quantile(first, 0.99)},
        "age_ms_last": {"p50": quantile(last, 0.5), "p99": quantile(last, 0.99)},
        "core_used": round(share, 3),
        "last_values_wrong": len(wrong),
        "symbols": symbols,
    }


def _ages_ms(client: redis.Redis) -> list[float]:
    rows: Any = client.hvals(QUOTES_KEY)
    now_ms = time.time() * 1000
    return [now_ms - int(made) for row in rows if (made := row.decode().split("|")[4])]
