"""A long load on one core: 400 symbols at 25 messages a second into the product's feed; does it fall behind?

Every frame carries the moment at which it was made. Its lag is the arrival that the feed stamped on it less
that moment, so it grows as soon as frames wait anywhere. The feed is bound to one core.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from bench.frame_server import name_of
from bench.stack import quantile
from bench.stream_cost import cpu_s, frames, reader, wrong_values
from tests.support.servers import run_redis
from trading.market.cache import QUOTES_KEY, MarketCache

SAMPLE_EVERY_S = 0.5
SHARE = 5  # the first and the last fifth are compared
CORE = 0


def measure(*, seconds: float = 300.0, symbols: int = 400, per_s: float = 25.0) -> dict[str, Any]:
    """Load for so many seconds; give lags at begin and end, the share of the core, and what was wrong."""
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
            rounds.append(_lags_ms(client))
        share = (cpu_s(feed) - used_s) / (time.monotonic() - began_s)
        told = server.ended()
        wrong = wrong_values(MarketCache(client), told)
    part = max(len(rounds) // SHARE, 1)
    first, last = ([lag for each in some for lag in each] for some in (rounds[:part], rounds[-part:]))
    return {
        "seconds": seconds,
        "messages_per_s": round(told["sent"] / seconds),
        "lag_ms_first": {"p50": quantile(first, 0.5), "p99": quantile(first, 0.99)},
        "lag_ms_last": {"p50": quantile(last, 0.5), "p99": quantile(last, 0.99)},
        "core_used": round(share, 3),
        "last_values_wrong": len(wrong),
        "symbols": len({name_of(number) for number in range(symbols)}),
    }


def _lags_ms(client: redis.Redis) -> list[float]:
    rows: Any = client.hvals(QUOTES_KEY)
    moments = (row.decode().split("|")[4:6] for row in rows)
    return [float(int(arrived) - int(made)) for made, arrived in moments if made]
