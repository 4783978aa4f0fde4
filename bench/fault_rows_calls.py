"""Rows of the faults of calls: order entry, queries, limits, clocks, keys, broken answers (1 to 45)."""

from __future__ import annotations

from bench.fault_arms import Row, at_once, live_only, row, times, until_cleared

ASKS = "The order counts as unknown: user stream and queries by our id tell its end; it is never sent again."
NOT_SENT = "Certainly not executed: an entry is dropped, an exit is tried again by the watchdog."

CALL_ROWS: tuple[Row, ...] = (
    row(1, "Order executed, reply lost", ASKS),
    row(
        2,
        "Order executed, gateway answers 502 or 504 HTML",
        ASKS,
        live_only(times(2, status=502)),
        times(2, status=504),
    ),
    row(3, "Order executed, -1007 after a delay", ASKS, times(2, {"delay_s": 0.1}, delay_s=2.0)),
    row(4, "Order not executed, -1007", ASKS + " Nothing found after 13 s: it never was.", times(2)),
    row(5, "-1006, executed or not", ASKS, times(2, executes=True), times(2, executes=False)),
    row(
        6,
        "-1000 or -1001, executed or not",
        ASKS,
        times(2, code=-1001, executes=True),
        times(2, code=-1000, executes=False),
    ),
    row(7, "-1008 overload", NOT_SENT),
    row(8, "Reply slower than our time-out", ASKS, times(2, {"delay_s": 1.2}, delay_s=4.0)),
    row(
        9,
        "Request held up past recvWindow: -1021",
        "recvWindow of 1.5 s bounds the doubt. " + NOT_SENT,
        times(2),
    ),
    row(
        10,
        "Read lag: a fresh order answers -2013",
        "Not found counts only when the request can no longer enter the venue's engine.",
        until_cleared(6.0, {"window_s": 0.5}, window_s=3.0),
        besides=((1, 3), (58, None)),
    ),
    row(
        16,
        "418 ban with Retry-After, WebSocket API cut",
        "Nobody sends before Retry-After is over; protection rests at the venue meanwhile.",
        at_once(5.0, {"ban_s": 1}, ban_s=5),
    ),
    row(
        17,
        "429: weight of the minute is spent",
        "The shared budget waits for the next minute; exits come first then.",
        live_only(at_once(-1.0)),
    ),
    row(
        18,
        "429 -1015: orders of 10 s are spent",
        "Order entry waits for Retry-After; cancels and queries go on.",
        at_once(10.0, window="10s"),
    ),
    row(
        19,
        "Used weight jumps (shared address)",
        "The budget takes the venue's figure where it is higher than ours.",
        at_once(0.0, {"by": 200}, by=2000),
    ),
    row(20, "403 from a firewall", NOT_SENT),
    row(
        21,
        "Our clock ahead by 1.5 s, behind by 8 s, drifting: -1021",
        "The venue's clock is measured again at the first -1021; what was refused was not executed.",
        until_cleared(4.0, skew_ms=1500),
        until_cleared(4.0, skew_ms=-8000),
        until_cleared(4.0, skew_ms=0, drift_ms_per_s=500),
    ),
    row(22, "-1022 for a right signature", NOT_SENT),
    row(
        23,
        "Key revoked: -2015",
        "Orders are refused and entries end; exits are tried again with growing pauses.",
        until_cleared(4.0),
    ),
    row(
        42,
        "Empty, truncated or nonsensical body of an executed order",
        ASKS,
        times(2, shape="empty"),
        times(2, shape="truncated"),
        times(2, shape="list"),
    ),
    row(
        43,
        "Everything stalls, then bursts",
        ASKS + " Prices that old are not traded on.",
        until_cleared(5.0, {"stall_s": 0.6}, stall_s=5.0),
    ),
    row(
        44,
        "Maintenance: every call of trading and account is 503 -1016",
        "Asks again until the venue is back, then reconciles; protection rests at the venue.",
        until_cleared(8.0),
    ),
)
