"""Requests a minute of the real stack with its streams, against the same bot without streams, by polling.

Both are counted by the venue. Saved are questions: orders are sent by either bot, and no stream saves one;
the share of all requests, the same orders counted on both sides, stands beside it. The polling bot is the
sparest that sees as much: one process that asks for the price of each symbol once a second (ours is never
older than that), for the candle of each symbol when it has closed, and for the account and the open orders
every ten seconds, all workers sharing the answers. What peers do, one bot for each worker, is that times
the number of workers for prices and candles, and is computed.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis
from binance.client import Client

from bench.latency import WILLING
from bench.stack import Stack, running, wait_until
from trading.paper.catalogue_symbols import known_symbols
from trading.paper.routes import TRADING_ROUTES
from trading.selectors.live import CACHE_HITS_KEY, CACHE_MISSES_KEY

SYMBOLS = 50
WORKERS = 10
# Spoken over the WebSocket API, where they are no requests of REST; `time` is counted whoever asked.
OF_SOCKETS = ("ping", "userDataStream.subscribe.signature")
PRICE_METHODS = ("klines", "ticker.price")
ACCOUNT_METHODS = ("account.status", "openOrders.status")
ORDER_METHODS = frozenset(route.method for route in TRADING_ROUTES if route.has_effect)
ACCOUNT_EVERY_S = 10
TRADED = "select count(*) from trading_trade"


def measure(*, seconds: float = 180.0) -> dict[str, Any]:
    """Count both for so long each, and give requests a minute, what is saved, and prices from the cache."""
    symbols = known_symbols()[:SYMBOLS]
    options = ("--symbols", ",".join(symbols), "--seed", "11", "--balance", "USDT=1000000")
    with running(*options) as stack:
        stack.delete_starters()
        for number in range(WORKERS):
            _create(stack, number)

        def trades() -> bool:
            """trades of the workers"""
            return bool(stack.rows(TRADED)[0][0] >= 5)

        wait_until(trades, limit_s=120)
        reads = _cache_reads(stack)
        ours = _count(stack, lambda: time.sleep(seconds))
        served, went = (after - before for after, before in zip(_cache_reads(stack), reads, strict=True))
        status = stack.status()
        # The poller may ask as often as it likes.
        stack.tell_venue("/paper/control", {"limits": {"weight_limit": 1_000_000}})
        both = _count(stack, lambda: _poll(stack, symbols, seconds=seconds))
    return _report(ours, both, seconds=seconds) | {
        "price_reads": served + went,
        "price_reads_from_cache": served / (served + went) if served + went else None,
        "cache_in_status": status["cache"],
        "requests_1m_in_status": status["api"]["requests_1m"],
    }


def _create(stack: Stack, number: int) -> None:
    parameters = [part for each in WILLING for part in ("--param", each)]
    stack.create_worker(
        f"bench {number}",
        *("--strategy", "DIP_REVERSION", "--quote-asset", "USDT", "--top", str(SYMBOLS), "--interval", "1m"),
        *("--trade-notional", "50", "--budget", "500", "--max-open-trades", "10"),
        *("--take-profit-bps", "30", "--stop-loss-bps", "30", "--max-hold-s", "300"),
        *("--max-spread-bps", "100", *parameters),
    )


def _cache_reads(stack: Stack) -> tuple[int, int]:
    """Give prices served from the cache and prices that were not there or went to REST, since the start."""
    with redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock")) as client:
        hits, misses = client.mget(CACHE_HITS_KEY, CACHE_MISSES_KEY)
    return int(hits or 0), int(misses or 0)


def _count(stack: Stack, act: Callable[[], object]) -> Counter[str]:
    before = _calls(stack)
    act()
    return _calls(stack) - before


def _calls(stack: Stack) -> Counter[str]:
    calls = stack.ask_venue("/paper/status")["calls"]
    return Counter({name: sum(each.values()) for name, each in calls.items() if name not in OF_SOCKETS})


def _poll(stack: Stack, symbols: list[str], *, seconds: float) -> None:
    """Poll as a bot without streams does; evenly over each second, with python-binance's own client."""
    url = f"http://127.0.0.1:{stack.paper_port}/api"
    local = threading.local()

    def client() -> Client:
        if not hasattr(local, "client"):
            local.client = type("Poller", (Client,), {"API_URL": url})("paper", "paper", ping=False)
        return local.client

    def ask(symbol: str, *, with_candle: bool) -> None:
        client().get_symbol_ticker(symbol=symbol)
        if with_candle:
            client().get_klines(symbol=symbol, interval="1m", limit=2)

    def ask_account() -> None:
        client().get_account()
        client().get_open_orders()

    asked: list[Future[None]] = []
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        for second in range(round(seconds)):
            for place, symbol in enumerate(symbols):
                time.sleep(max(began + second + place / len(symbols) - time.monotonic(), 0))
                asked.append(threads.submit(ask, symbol, with_candle=second % 60 == 1))
            if second % ACCOUNT_EVERY_S == 0:
                asked.append(threads.submit(ask_account))
    for each in asked:
        each.result()  # a poll that failed ends the bench


def _report(ours: Counter[str], both: Counter[str], *, seconds: float) -> dict[str, Any]:
    minutes = seconds / 60
    # Orders are sent by either bot, and no cache saves them.
    asked = Counter({name: count for name, count in ours.items() if name not in ORDER_METHODS})
    # Prices at the venue are the poller's alone; its questions about the account mix with those of the stack.
    polled = Counter({name: both[name] for name in PRICE_METHODS})
    prices = polled.total()
    polled += Counter({name: -(-round(seconds) // ACCOUNT_EVERY_S) for name in ACCOUNT_METHODS})
    for_each_worker = polled.total() + prices * (WORKERS - 1)
    orders = ours.total() - asked.total()
    return {
        "workers": WORKERS,
        "symbols": SYMBOLS,
        "seconds": seconds,
        "requests_1m": round(ours.total() / minutes, 1),
        "questions_1m": round(asked.total() / minutes, 1),
        "requests_by_method": dict(ours),
        "polling_1m": round(polled.total() / minutes, 1),
        "polling_by_method": dict(polled),
        "polling_1m_one_bot_a_worker": round(for_each_worker / minutes, 1),
        "orders_1m": round(orders / minutes, 1),
        "saved": round(1 - asked.total() / polled.total(), 5),
        "saved_of_all_requests": round(1 - ours.total() / (polled.total() + orders), 5),
        "saved_against_one_bot_a_worker": round(1 - asked.total() / for_each_worker, 5),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
