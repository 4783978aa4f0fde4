"""Rows of the faults of streams, of user data and of our own processes (46 to 70, and from 71 on)."""

from __future__ import annotations

from bench.fault_arms import Row, at_once, row, until_cleared

RENEWS = "Both streams connect again by themselves; what was missed is asked for before new entries."

STREAM_ROWS: tuple[Row, ...] = (
    row(
        46,
        "Sockets dropped: 1006, 1001, 1000",
        RENEWS,
        at_once(code=1006),
        at_once(code=1001),
        at_once(code=1000),
    ),
    row(47, "serverShutdown, then close", RENEWS, at_once(2.0, after_s=2.0)),
    row(
        48,
        "Connected and silent: market, user",
        "Silence is noticed by its length; prices that age are not traded on, replies and reconcile book.",
        until_cleared(6.0, which="market"),
        until_cleared(6.0, which="user"),
    ),
    row(
        58,
        "executionReport late, or never",
        "Replies carry the same fills; what no reply told is asked for.",
        until_cleared(5.0, mode="late", delay_s=1.5),
        until_cleared(5.0, mode="never"),
    ),
    row(
        59,
        "executionReports twice, or last first",
        "A fill counts once by its venue id, a stale status changes nothing.",
        until_cleared(5.0, mode="duplicate"),
        until_cleared(5.0, mode="reversed"),
    ),
    row(
        62,
        "eventStreamTerminated",
        "Subscribes again, then asks for what was missed.",
        at_once(),
    ),
    row(
        70,
        "kill -9 of trader and executions while trading",
        "Recorded orders are claimed or expired, claimed ones asked for; the task is delivered again.",
        provocation="kill",
    ),
)
