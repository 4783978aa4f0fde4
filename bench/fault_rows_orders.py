"""Rows of the faults of orders and of rules: between sending and the end (11 to 15, 24 to 41, 45, 69)."""

from __future__ import annotations

from bench.fault_arms import Arm, Row, live_only, row, times, until_cleared

WATCHED = "The watchdog sees what is held without its exits, protects it anew, or sells it."
REFUSED = "Refused is not executed: an entry ends, a refused protection is sold out, an exit is tried again."
FILTERS = (
    *(
        "PRICE_FILTER",
        "PERCENT_PRICE",
        "PERCENT_PRICE_BY_SIDE",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "MIN_NOTIONAL",
    ),
    *("NOTIONAL", "ICEBERG_PARTS", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ICEBERG_ORDERS"),
    *("MAX_POSITION", "TRAILING_DELTA", "MAX_NUM_ORDER_AMENDS", "MAX_NUM_ORDER_LISTS", "MAX_ASSET"),
    *("T_PLUS_SELL", "EXCHANGE_MAX_NUM_ORDERS", "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    *("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "EXCHANGE_MAX_NUM_ORDER_LISTS"),
)
TOLD_APART = ("LOT_SIZE", "NOTIONAL", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_LISTS")
# Rules that become so strict that ordinary orders break them.
STRICT = ("LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_LISTS")
BRIEF = {"for_s": 0.3}

ORDER_ROWS: tuple[Row, ...] = (
    row(
        11,
        "openOrders lags behind cancels and fills",
        "What it does not list is asked for one by one; stale words change nothing.",
        until_cleared(6.0, {"window_s": 0.5}, window_s=3.0),
        nudges=("reconcile",),
    ),
    row(
        12,
        "-2010 Duplicate order sent, once with the first copy executed",
        "Counts as unknown: the order is asked for by its id before anything is concluded.",
        times(2, executes=False),
        times(2, executes=True),
    ),
    row(
        13,
        "A proxy repeats the request and the venue executes it twice",
        "Both are booked under the one id; what no stop covers counts as unprotected, and all is sold.",
        times(1, answers="first"),
        times(1, answers="second"),
    ),
    row(
        14,
        "Cancel of an order that filled meanwhile: -2011",
        "The order is asked for; only what is still held is sold.",
        times(2, leg="target"),
        times(2, leg="stop"),
    ),
    row(
        15,
        "Partly filled right before its cancel",
        "The cancel's report names the fill; the rest is sold.",
        times(2, fraction=0.5),
        symbols=("DOGEUSDT", "BTCUSDT"),
    ),
    row(
        24,
        "-1111, -1100",
        REFUSED,
        times(2, code=-1111),
        live_only(times(2, code=-1100)),
    ),
    row(
        25,
        "Every filter refuses, or grows strict while trading",
        REFUSED,
        *(Arm({"filter": name}, 1, is_live_only=name not in TOLD_APART) for name in FILTERS),
        *(until_cleared(3.0, filter=name, mode="rule") for name in STRICT[:3]),
        *(live_only(until_cleared(3.0, filter=name, mode="rule")) for name in STRICT[3:]),
        until_cleared(3.0, {"shrink_s": 0.1}, filter="MARKET_LOT_SIZE", mode="rule", shrink_s=1.0),
    ),
    row(
        26,
        "Tick, step, smallest notional, market maximum change",
        "Rules are read again where a position cannot be left. " + REFUSED,
        *(until_cleared(3.0, rule=name) for name in ("tick", "step", "min-notional")),
        until_cleared(3.0, rule="market-max", factor=0.001),
    ),
    row(
        27,
        "Symbol goes BREAK, HALT, CANCEL_ONLY, END_OF_DAY",
        "No entries; open trades keep their protection and are left when the symbol trades again.",
        *(until_cleared(3.0, status=name) for name in ("BREAK", "CANCEL_ONLY")),
        *(live_only(until_cleared(3.0, status=name)) for name in ("HALT", "END_OF_DAY")),
    ),
    row(
        28,
        "Symbol delisted, its open orders expired",
        "What is held is known and shown unprotected, and is sold as soon as the symbol takes orders.",
        until_cleared(3.0, {"symbol": "DOGEUSDT"}, stage="halted", symbol="DOGEUSDT"),
        until_cleared(3.0, {"symbol": "DOGEUSDT"}, stage="removed", symbol="DOGEUSDT"),
        symbols=("BTCUSDT", "DOGEUSDT"),
    ),
    row(
        29,
        "Balance locked, withdrawn, sold, orders cancelled by hand",
        "What others move is booked as theirs; what they took is not sold, what they bared is protected.",
        *(times(1, {"for_s": 0.4}, mode=name) for name in ("order", "withdraw", "lock")),
        *(times(1, mode=name, when="now", side="SELL") for name in ("sell", "cancel")),
    ),
    row(
        30,
        "MARKET fills in part, then EXPIRED",
        "The rest is sold with the next attempt.",
        times(2, BRIEF, fraction=0.5),
        times(2, BRIEF, fraction=0.0),
    ),
    row(
        31,
        "IOC or FOK expires unfilled or half filled",
        "Nothing bought is no trade; what an IOC bought is protected.",
        times(2, BRIEF, fraction=0.0),
        times(2, BRIEF, fraction=0.5),
    ),
    row(32, "LIMIT_MAKER would match", "Targets are LIMIT_MAKER only as legs behind a fill.", is_idle=True),
    row(
        33,
        "PRICE_RANGE rule: EXPIRED",
        "An entry ends; an exit is tried again until the range lets it.",
        times(2, BRIEF),
    ),
    row(
        34,
        "Our resting order EXPIRED_IN_MATCH, or smaller, by an order of the same account",
        WATCHED,
        *(times(1, stp=name) for name in ("EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")),
    ),
    row(
        35,
        "cancelReplace fails in part or whole: 409, 400",
        "Each half of the answer is booked by itself; what is still held is sold or protected anew.",
        *(times(1, outcome=name) for name in ("cancel-only", "cancel-fails", "neither")),
        symbols=("BTCUSDT", "LTCUSDT"),
    ),
    row(36, "Amendment refused: -2038", "Orders are never amended.", is_idle=True),
    row(
        37,
        "OCO: bad price relation, leg rejected at its trigger, race of both legs, pending legs rejected",
        WATCHED,
        times(1, BRIEF, mode="bad-prices"),
        times(1, BRIEF, mode="leg-rejected"),
        times(1, BRIEF, mode="race"),
        times(1, BRIEF, mode="pending-rejected"),
        symbols=("DOGEUSDT", "BTCUSDT"),
    ),
    row(
        38,
        "OTO: the entry is filled, its pending legs come late",
        "Legs that wait longer than a moment protect nothing and are replaced. " + WATCHED,
        times(2, BRIEF, mode="late-pending"),
        symbols=("BTCUSDT", "ADAUSDT"),
    ),
    row(
        39,
        "Price gaps through the stop",
        "A market stop fills where the market is; a stop-limit that is left behind is sold at market.",
        times(1, BRIEF, for_s=3.0),
    ),
    row(
        40,
        "Fifty fills, BNB for fees runs out in the middle",
        "Every fill is booked with the fee and the asset that the venue names.",
        times(2),
        times(2, step_ticks=1),
    ),
    row(
        41,
        "Other decimals, unknown fields, filters, enum words, Unicode symbols",
        "What is unknown is counted and left aside; an unknown word about an order makes it be asked for.",
        *(until_cleared(3.0, mode=name) for name in ("decimals-long", "decimals-short", "fields")),
        *(until_cleared(3.0, mode=name) for name in ("filter", "unicode")),
        until_cleared(3.0, mode="enum", field="status"),
        until_cleared(3.0, mode="enum", field="X"),
        nudges=("refresh_instruments",),
    ),
    row(
        45,
        "Accepted, then rejected",
        WATCHED,
        times(2, {"delay_s": 0.1}),
    ),
    row(
        69,
        "Fees change, or are zero",
        "Booked by the fill, never by a rate of ours.",
        until_cleared(4.0, maker_bps=20.0, taker_bps=20.0),
        until_cleared(4.0, maker_bps=0.0, taker_bps=0.0),
    ),
)
