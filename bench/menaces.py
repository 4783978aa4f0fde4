"""The venue's faults as chaos draws them: how often, with what parameters, for how long.

A menace never outlasts its few seconds, so that a run trades in between. `blocks` says that the venue takes
no orders meanwhile: what is held cannot be protected by anybody, and such time is told apart. `excuses` are
the refusals that the fault itself provokes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Draw = Callable[[random.Random], Any]


def between(low: float, high: float) -> Draw:
    """Draw a number with two decimals."""
    return lambda rng: round(rng.uniform(low, high), 2)


def whole(low: int, high: int) -> Draw:
    """Draw a whole number."""
    return lambda rng: rng.randint(low, high)


def one_of(*values: Any) -> Draw:
    """Draw one of the values."""
    return lambda rng: rng.choice(values)


@dataclass(frozen=True, slots=True)
class Menace:
    """One fault of the venue, see the module. `count` None: as often as it can within its duration."""

    name: str
    params: Mapping[str, Draw]
    count: Draw | None = None
    share: float = 1.0
    blocks: bool = False
    excuses: tuple[str, ...] = ()

    def draw(self, rng: random.Random) -> dict[str, Any]:
        """Give the request that arms it."""
        request: dict[str, Any] = {"fault": self.name, "seed": rng.randrange(1_000_000)}
        request["params"] = {name: draw(rng) for name, draw in self.params.items()}
        if self.count is not None:
            request["count"] = self.count(rng)
        return request


# The one thing that looks like our own mistake: a proxy that repeats an order of ours.
PLACED_TWICE = "placed twice"
FEW = whole(1, 4)
SHORT = between(2, 6)
PART = between(0.1, 2)
OUTCOMES = one_of("cancel-only", "cancel-fails", "neither")
PAIR_TROUBLES = one_of("bad-prices", "leg-rejected", "race", "pending-rejected", "pending-overrun")
PREVENTIONS = one_of("EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
OUTAGES = one_of("reset", "silent", "gateway")
FAST_PINGS = {"ping_s": between(0.5, 1), "pong_s": between(0.5, 1)}
WRONG_FRAMES = one_of("late", "crossed", "zero-bid", "zero-ask")
SPIKES = one_of(-50, -10, -1, 1, 10, 50)
WS_ODDITIES = one_of(
    "late-reply", "late-error", "null-id-401", "big-frame", "unknown-id", "already-subscribed"
)
ENCODINGS = one_of("gzip", "broken-gzip", "bom", "not-utf8")
NUMBER_FORMS = one_of("stripped", "long", "scientific", "number")
ODDITIES = one_of("decimals-long", "decimals-short", "fields", "filter", "unicode", "enum")
FILTERS = one_of(
    "PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS"
)
SYMBOL = one_of("BTCUSDT", "ETHUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT", "TRXUSDT")

MENACES: tuple[Menace, ...] = (
    # order entry: what a reply can hide
    Menace("post-executes-reply-lost", {"duration_s": SHORT}, FEW, share=2),
    Menace("post-executes-gateway-error", {"duration_s": SHORT, "status": one_of(502, 503, 504)}, FEW),
    Menace("post-executes-timeout", {"duration_s": SHORT, "delay_s": between(0.2, 4)}, FEW),
    Menace("post-not-executed-timeout", {"duration_s": SHORT, "delay_s": between(0, 3)}, FEW),
    Menace("unexpected-response", {"duration_s": SHORT, "executes": one_of(True, False)}, FEW),
    Menace(
        "internal-error",
        {"duration_s": SHORT, "code": one_of(-1000, -1001), "executes": one_of(True, False)},
        FEW,
    ),
    Menace("overload", {"duration_s": SHORT}, whole(1, 10)),
    Menace("slow-reply", {"duration_s": SHORT, "delay_s": between(0.2, 4)}, FEW),
    Menace("late-to-engine", {"duration_s": SHORT}, FEW),
    Menace("read-lag", {"duration_s": SHORT, "window_s": between(0.2, 3)}),
    # the venue as a whole
    Menace("ban", {"ban_s": whole(2, 5)}, blocks=True, excuses=("-1003",)),
    Menace("weight-jump", {"by": whole(500, 2500)}, excuses=("-1003",)),
    Menace("orders-spent", {"window": one_of("10s")}, share=0.5, blocks=True, excuses=("-1015",)),
    Menace("firewall", {"duration_s": SHORT}, whole(1, 10)),
    Menace("clock-skew", {"duration_s": SHORT, "skew_ms": one_of(1500, -8000, 900, -2500)}),
    Menace(
        "clock-skew", {"duration_s": SHORT, "skew_ms": whole(-500, 500), "drift_ms_per_s": whole(-400, 400)}
    ),
    Menace("signature-refused", {"duration_s": SHORT}, FEW),
    Menace("key-revoked", {"duration_s": SHORT}, blocks=True),
    Menace("broken-body", {"duration_s": SHORT, "shape": one_of("empty", "truncated", "list")}, FEW),
    Menace("stall", {"stall_s": between(1, 5)}, blocks=True),
    Menace("maintenance", {"duration_s": SHORT}, blocks=True),
    # connections and streams
    Menace("server-drop", {"code": one_of(1000, 1001, 1006), "which": one_of("all", "market", "user")}),
    Menace("server-shutdown", {"after_s": between(0, 3)}),
    Menace("silent-connection", {"duration_s": SHORT, "which": one_of("all", "market", "user")}),
    Menace("user-event-timing", {"duration_s": SHORT, "mode": one_of("never")}, share=2),
    Menace("user-event-timing", {"duration_s": SHORT, "mode": one_of("late"), "delay_s": between(0.05, 4)}),
    Menace("user-event-disorder", {"duration_s": between(3, 10), "mode": one_of("duplicate")}),
    Menace("user-event-disorder", {"duration_s": between(3, 10), "mode": one_of("reversed")}),
    Menace("event-stream-terminated", {}),
    # order entry: what the market and others do to an order
    Menace("open-orders-lag", {"duration_s": SHORT, "window_s": between(0.2, 3)}),
    Menace("duplicate-order", {"duration_s": SHORT, "executes": one_of(True, False)}, FEW),
    Menace(
        "post-executes-twice",
        {"duration_s": SHORT, "answers": one_of("first", "second")},
        one_of(1),
        share=0.3,
        excuses=(PLACED_TWICE,),
    ),
    Menace("cancel-too-late", {"duration_s": SHORT, "leg": one_of("target", "stop")}, FEW),
    Menace("cancel-meets-partial-fill", {"duration_s": SHORT, "fraction": between(0.1, 0.9)}, FEW),
    Menace("market-partial-fill", {"duration_s": SHORT, "fraction": between(0, 0.9), "for_s": PART}, FEW),
    Menace("ioc-fok-expired", {"duration_s": SHORT, "fraction": between(0, 0.9), "for_s": PART}, FEW),
    Menace("maker-would-match", {"duration_s": SHORT, "for_s": PART}, FEW),
    Menace("price-range-expired", {"duration_s": SHORT, "for_s": PART}, FEW),
    Menace("cancel-replace-fails", {"duration_s": SHORT, "outcome": OUTCOMES}, FEW, share=2),
    Menace(
        "oco-trouble", {"duration_s": SHORT, "mode": PAIR_TROUBLES, "for_s": PART}, FEW, 2, excuses=("-1013",)
    ),
    Menace("oto-trouble", {"duration_s": SHORT, "mode": one_of("late-pending"), "for_s": PART}, FEW),
    Menace(
        "oto-trouble",
        {"duration_s": SHORT, "mode": one_of("partial-cancel"), "fraction": between(0.1, 0.9)},
        FEW,
    ),
    Menace("stop-gap", {"duration_s": SHORT, "depth_bps": between(20, 500), "for_s": PART}, FEW),
    Menace("fifty-fills", {"duration_s": SHORT, "pieces": whole(2, 60), "step_ticks": whole(0, 1)}, FEW),
    Menace("fifty-fills", {"duration_s": SHORT, "bnb_pieces": whole(1, 20)}, one_of(1), share=0.5),
    Menace("rejected-afterwards", {"duration_s": SHORT, "delay_s": between(0, 1)}, FEW),
    # rules that change, and somebody else on the account
    Menace(
        "number-refused", {"duration_s": SHORT, "code": one_of(-1111, -1100)}, FEW, excuses=("-1111", "-1100")
    ),
    Menace("filter-failure", {"duration_s": SHORT, "filter": FILTERS}, FEW, excuses=("-1013", "-1015")),
    Menace(
        "filter-failure",
        {"duration_s": SHORT, "filter": FILTERS, "mode": one_of("rule"), "symbol": SYMBOL},
        blocks=True,
        excuses=("-1013",),
    ),
    Menace(
        "rule-change",
        {"duration_s": SHORT, "rule": one_of("tick", "step"), "factor": one_of(10.0, 0.1), "symbol": SYMBOL},
        excuses=("-1013", "-1111"),
    ),
    Menace(
        "rule-change",
        {"duration_s": SHORT, "rule": one_of("min-notional"), "factor": between(1, 4), "symbol": SYMBOL},
        excuses=("-1013",),
    ),
    Menace(
        "symbol-status",
        {"duration_s": SHORT, "status": one_of("BREAK", "HALT", "CANCEL_ONLY"), "symbol": SYMBOL},
        blocks=True,
    ),
    Menace(
        "delisted",
        {"duration_s": SHORT, "stage": one_of("halted", "removed"), "symbol": SYMBOL},
        share=0.5,
        blocks=True,
    ),
    Menace(
        "second-hand",
        {"duration_s": SHORT, "mode": one_of("order", "withdraw", "lock"), "for_s": PART},
        FEW,
    ),
    Menace("second-hand", {"duration_s": SHORT, "mode": one_of("cancel"), "symbol": SYMBOL}, one_of(1)),
    Menace("self-trade-prevented", {"duration_s": SHORT, "stp": PREVENTIONS}, FEW),
    Menace("odd-payload", {"duration_s": SHORT, "mode": ODDITIES}),
    # sockets, market data, and the life of the venue
    Menace("pings-unanswered", {"duration_s": SHORT, "mode": one_of("client", "venue"), **FAST_PINGS}),
    Menace("outage", {"duration_s": SHORT, "how": OUTAGES}, share=2, blocks=True),
    Menace("outage", {"duration_s": SHORT, "how": OUTAGES, "which": one_of("streams", "ws-api", "sockets")}),
    Menace("connections-refused", {"duration_s": SHORT, "which": one_of("all", "streams", "ws-api")}),
    Menace("control-flood", {"duration_s": SHORT}),
    Menace("ticker-burst", {"duration_s": between(1, 3), "per_s": whole(500, 3000)}, share=0.5),
    Menace("wrong-prices", {"duration_s": SHORT, "mode": WRONG_FRAMES}),
    Menace(
        "wrong-prices",
        {"duration_s": SHORT, "mode": one_of("spike", "book"), "percent": SPIKES, "symbol": SYMBOL},
        share=2,
    ),
    Menace("broken-klines", {"duration_s": SHORT, "mode": one_of("missing", "repeated", "zero-volume")}),
    Menace("broken-klines", {"duration_s": SHORT, "mode": one_of("late"), "delay_s": between(0.2, 6)}),
    Menace("stale-ticks", {"duration_s": SHORT, "age_s": between(0.1, 6)}),
    Menace("user-stream-lost-in-fill", {"duration_s": SHORT, "down_s": between(0, 3)}, FEW, share=2),
    Menace("canceled-elsewhere", {"duration_s": SHORT, "after_s": between(0, 1)}, FEW, share=2),
    Menace("ws-api-oddity", {"duration_s": SHORT, "mode": WS_ODDITIES}),
    Menace("balance-moved", {"mode": one_of("deposit", "withdrawal", "other-bot")}, share=0.5),
    Menace("subscription-mixup", {"duration_s": SHORT, "mode": one_of("wrong-id", "twice", "foreign")}),
    Menace("trade-ids", {"duration_s": SHORT, "mode": one_of("gaps", "short-page"), "page": whole(1, 3)}),
    Menace(
        "venue-restart",
        {"duration_s": SHORT, "restart_s": between(0.5, 4), "announced": one_of(True, False)},
        blocks=True,
    ),
    Menace("keep-alive-closed", {"duration_s": SHORT, "executes": one_of(True, False)}, FEW),
    Menace("foreign-reply", {"duration_s": SHORT}, FEW),
    Menace("odd-encoding", {"duration_s": SHORT, "mode": ENCODINGS}, FEW),
    Menace("redirect", {"duration_s": SHORT, "status": one_of(301, 302, 307, 308)}, FEW),
    Menace("redirect", {"duration_s": SHORT, "executes": one_of(True)}, FEW),
    Menace("slow-body", {"duration_s": SHORT, "mode": one_of("drip", "cut"), "drip_s": between(1, 8)}, FEW),
    Menace("report-numbers", {"duration_s": SHORT, "mode": NUMBER_FORMS}),
    Menace("fee-change", {"duration_s": SHORT, "maker_bps": between(0, 30), "taker_bps": between(0, 30)}),
)
