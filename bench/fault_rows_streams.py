"""Rows of the faults of streams, of user data and of our own processes (46 to 70, and from 71 on)."""

from __future__ import annotations

from bench.fault_arms import Row, at_once, live_only, row, times, until_cleared

RENEWS = "Both streams connect again by themselves; what was missed is asked for before new entries."
ASKS = "The order counts as unknown: user stream and queries by our id tell its end; it is never sent again."
FRESH = "A price that is crossed, empty or older than what is held is not taken; an old one is not traded on."

STREAM_ROWS: tuple[Row, ...] = (
    row(
        46,
        "Sockets dropped: 1006, 1001, 1000",
        RENEWS,
        at_once(code=1006),
        live_only(at_once(code=1001)),
        live_only(at_once(code=1000)),
    ),
    row(
        47,
        "serverShutdown, then close",
        "A successor is subscribed and heard before the old connection ends; nothing is missed.",
        at_once(2.0, {"after_s": 0.1}, after_s=2.0),
    ),
    row(
        48,
        "Connected and silent: market, user",
        "Found by the usual pauses, on a busy market in a second or two; old prices are not traded on.",
        until_cleared(6.0, which="market"),
        until_cleared(6.0, which="user"),
        is_fed=True,
    ),
    row(
        49,
        "Our PONG is not heard: cut",
        RENEWS,
        until_cleared(8.0, {"ping_s": 0.1, "pong_s": 0.2}, mode="venue", ping_s=1.0, pong_s=2.0),
        is_fed=True,
    ),
    row(
        50,
        "Outage of everything: reset, silence, gateway page",
        "Every loop goes on asking with growing pauses; protection rests at the venue. " + RENEWS,
        until_cleared(35.0, how="reset"),
        live_only(until_cleared(8.0, how="silent")),
        until_cleared(8.0, how="gateway"),
    ),
    row(
        51,
        "Connections refused: 300 in 5 minutes",
        "The next attempt waits as long as the refusal says, a minute where it says nothing.",
        until_cleared(6.0),
    ),
    row(
        52,
        "Cut after too many control messages",
        "Subscriptions change in few messages; after a cut all are asked for at once.",
        times(1),
        besides=((46, 1),),
        is_fed=True,
    ),
    row(
        53,
        "More than 1,024 streams on one connection",
        "At most 200 are asked for on one connection, more go over another.",
        provocation="streams",
    ),
    row(54, "Depth gap, duplicate, disorder, stale snapshot", "No depth stream is used.", is_idle=True),
    row(
        55,
        "Burst of 5,000 book tickers a second",
        "Only the last value of a symbol is kept; orders do not wait for prices.",
        until_cleared(5.0, {"per_s": 2000}, per_s=5000),
        is_fed=True,
    ),
    row(
        56,
        "Late, crossed, empty, spiking prices; a real spike of 50 %",
        FRESH,
        *(until_cleared(4.0, mode=name) for name in ("late", "crossed", "zero-bid")),
        live_only(until_cleared(4.0, mode="zero-ask")),
        until_cleared(4.0, mode="spike", percent=50.0),
        until_cleared(4.0, mode="spike", percent=-50.0),
        until_cleared(4.0, mode="book", percent=50.0),
        is_fed=True,
    ),
    row(
        57,
        "Candle missing, repeated, late, without trades",
        "A gap is filled by REST before what follows; a close counts once; a late one is not traded on.",
        *(until_cleared(4.0, mode=name) for name in ("missing", "repeated", "late", "zero-volume")),
        is_fed=True,
    ),
    row(
        58,
        "executionReport late, or never",
        "Replies carry the same fills; what no reply told is asked for.",
        until_cleared(5.0, {"delay_s": 0.3}, mode="late", delay_s=1.5),
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
        60,
        "User stream lost during a fill, no replay",
        "After each subscription everything open is asked for before new entries.",
        times(1, {"down_s": 0.2}, down_s=2.0),
    ),
    row(
        61,
        "Order cancelled by somebody else",
        "Known by its original id; what it protected is protected anew.",
        times(2, side="SELL"),
    ),
    row(
        62,
        "eventStreamTerminated",
        "Subscribes again, then asks for what was missed.",
        at_once(),
    ),
    row(
        63,
        "WebSocket API: late error, id null, frame of 1.2 MB, unknown id, -2035",
        "What answers nothing that was asked is counted and dropped; what ends the connection renews it.",
        *(
            times(1, {"delay_s": 0.3}, mode=name)
            for name in ("late-error", "late-reply", "null-id-401", "big-frame", "unknown-id")
        ),
        times(1, mode="already-subscribed"),
        besides=((46, 1),),
    ),
    row(
        64,
        "Deposit, withdrawal, another program's order",
        "Booked as an external change, never into a trade.",
        *(at_once(mode=name) for name in ("deposit", "withdrawal", "other-bot")),
    ),
    row(
        65,
        "Wrong subscriptionId, two subscriptions",
        "Events of another subscription are not ours; what was missed thereby is found by reconcile.",
        *(until_cleared(4.0, mode=name) for name in ("wrong-id", "twice", "foreign")),
    ),
    row(
        66,
        "Trade ids with gaps, short pages of myTrades",
        "Ids are names, not counts; fills that are missing are asked for until the sum is right.",
        until_cleared(4.0, mode="gaps"),
        until_cleared(4.0, mode="short-page", page=1),
        besides=((1, 3), (40, 3), (58, None)),
    ),
    row(
        67,
        "The venue restarts",
        RENEWS,
        until_cleared(4.0, {"restart_s": 0.4}, restart_s=3.0),
        until_cleared(4.0, {"restart_s": 0.4}, restart_s=3.0, announced=True),
    ),
    row(
        68,
        "The venue forgets orders and fills, balances are the first ones (a test network's reset)",
        "Named per asset with its numbers, never papered over; the operator accepts it, trading goes on.",
        provocation="reset",
    ),
    row(
        70,
        "kill -9 of trader and executions while trading",
        "Recorded orders are claimed or expired, claimed ones asked for; the task is delivered again.",
        provocation="kill",
    ),
    row(
        71,
        "Kept connection closed as the request is written",
        ASKS,
        times(2, executes=False),
        times(2, executes=True),
    ),
    row(72, "The reply belongs to another request", ASKS, times(2)),
    row(
        73,
        "gzip not asked for or broken, byte order mark, no UTF-8",
        ASKS,
        *(times(1, mode=name) for name in ("gzip", "broken-gzip", "bom", "not-utf8")),
    ),
    row(
        74,
        "Redirects, executed or not",
        "No redirect is followed, so that nothing is sent twice. " + ASKS,
        times(1, status=302, executes=False),
        times(1, status=307, executes=True),
    ),
    row(
        75,
        "The body drips, or is cut in the middle",
        ASKS,
        times(1, {"drip_s": 2.0}, mode="drip"),
        times(1, mode="cut"),
    ),
    row(
        76,
        "Numbers written otherwise",
        "Every exact notation of a number is read; what is none makes the report be asked for.",
        *(until_cleared(4.0, mode=name) for name in ("stripped", "long", "scientific", "number")),
    ),
    row(77, "Book tickers of an earlier moment", FRESH, until_cleared(6.0, {"age_s": 0.3}), is_fed=True),
)
