"""`python -m bench.halting`: bad health halts the real stack; a rollback brings the last stable state back.

A day of health is written into the database, so that the configuration in force is marked stable by the
product itself. Then the configuration is changed, money is withdrawn while nobody hears the account,
and the ledger differs: health falls to 60 and stays there. Measured: seconds from the first bad round (less
the set time) to HALTED, entries after that, what the venue still protects, what the incident holds, and how
long `manage.py rollback` takes. Prints one JSON object; exit 1 where a bar is missed.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.hands import find_process
from bench.latency import WILLING
from bench.stack import Stack, running, wait_until
from tests.support.receiver import Receiver, receiving

HALT_AFTER_S = 20
HALT_LIMIT_S = 2.0
ROLLBACK_LIMIT_S = 60.0
CALM_LIMIT_S = 120.0
OPEN_TRADES = 3
# Of what is held a rest below a lot's step stays free; from this worth on an order could sell it.
SMALLEST_NOTIONAL = Decimal(1)
# An entry under way may still be booked; none may begin.
AFTERMATH_S = 10.0


# Holds what it buys, so that there is something to protect when everything halts.
HOLDER = (
    *("--strategy", "DIP_REVERSION", "--symbols", "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT", "--interval", "1s"),
    *("--trade-notional", "50", "--take-profit-bps", "2000", "--stop-loss-bps", "2000"),
    *("--max-spread-bps", "100", *(part for each in WILLING for part in ("--param", each))),
)


def measure() -> dict[str, Any]:
    """Run the whole story once and give its figures."""
    with receiving() as receiver:
        os.environ |= {"NOTIFY_URLS": receiver.url, "HALT_AFTER_S": str(HALT_AFTER_S)}
        with running("--seed", "7") as stack:
            _settle(stack)
            _prove(stack)
            stack.manage("worker", "stop", "Starter trends")
            stack.create_worker("holder", *HOLDER)
            stack.manage("limits", "set", "--quote", "USDT", "--max-exposure", "4000")
            wait_until(lambda: _open_trades(stack) >= OPEN_TRADES, limit_s=CALM_LIMIT_S)
            halted = _halt(stack, receiver)
            return {"halt": halted, "rollback": _roll_back(stack), "incidents": _incidents(stack)}


def _settle(stack: Stack) -> None:
    def is_healthy() -> bool:
        """a sample of 100"""
        newest = stack.rows("select score_min from monitoring_healthsample order by at desc limit 1")
        return bool(newest) and newest[0][0] == 100

    wait_until(is_healthy, limit_s=CALM_LIMIT_S, every_s=1.0)


def _prove(stack: Stack) -> None:
    """Let the configuration look back on a day of health, and wait until the product marks it."""
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=26)
    samples = [
        (_text(begin + timedelta(hours=hour)), 3600, 3600, 3600.0, 3600.0, 100, 100.0, "{}", "{}")
        for hour in range(25)
    ]
    with closing(sqlite3.connect(stack.home / "fastcycle.sqlite3", timeout=20)) as database, database:
        database.execute("update trading_configchange set at = ?", (_text(begin),))
        database.execute("update trading_tradingcontrol set changed_at = ?", (_text(begin),))
        database.executemany(
            "insert into monitoring_healthsample"
            " (at, span_s, rounds, seen_s, up_s, score_min, score_mean, figures, losses)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            samples,
        )

    def is_marked() -> bool:
        """a configuration that is marked stable"""
        return bool(stack.rows("select 1 from trading_configsnapshot where stable_at is not null"))

    wait_until(is_marked, limit_s=CALM_LIMIT_S, every_s=1.0)


def _halt(stack: Stack, receiver: Receiver) -> dict[str, Any]:
    pid = find_process(stack, "feed")
    if pid is None:
        raise SystemExit("no process feed")
    os.kill(pid, signal.SIGKILL)
    stack.tell_venue("/paper/control", {"withdraw": {"asset": "USDT", "amount": "100"}})

    def is_halted() -> bool:
        """HALTED"""
        return bool(stack.rows("select 1 from trading_tradingcontrol where state = 'HALTED'"))

    wait_until(is_halted, limit_s=CALM_LIMIT_S, every_s=0.1)
    time.sleep(AFTERMATH_S)
    halted_at = _moment(stack.rows("select changed_at from trading_tradingcontrol")[0][0])
    cause, evidence = stack.rows("select cause, evidence from trading_incident order by id desc limit 1")[0]
    evidence = json.loads(evidence)
    first_bad = _first_bad(evidence["before"])
    entries = stack.rows("select count(*) from trading_trade where decided_at > ?", _text(halted_at))[0][0]
    held, covered = _held(stack), stack.ask_venue("/paper/ledger")["protected"]
    return {
        "cause": cause,
        "set_time_s": HALT_AFTER_S,
        "halted_after_set_time_s": round((halted_at - first_bad).total_seconds() - HALT_AFTER_S, 3),
        "entries_after_halt": entries,
        "open_trades": len(held),
        "not_protected_at_venue": [
            symbol
            for symbol, (qty, price) in held.items()
            if (qty - Decimal(covered.get(symbol, "0"))) * price >= SMALLEST_NOTIONAL
        ],
        "protected_share": {
            symbol: round(float(Decimal(covered.get(symbol, "0")) / qty), 4)
            for symbol, (qty, _) in held.items()
        },
        "incident": {
            "moments_before": len(evidence["before"]),
            "losses": evidence["losses"],
            "journal_rows": len(evidence["trading"]["journal"]),
            "open_trades_named": evidence["trading"]["left"]["open_trades"],
            "reconcile_differences": len(evidence["trading"]["reconcile"]["differences"]),
        },
        "told": [title for title in receiver.titles() if "HALTED" in title],
    }


def _first_bad(before: list[dict[str, Any]]) -> datetime:
    """Give when the last stretch of health below 70 by the ledger began."""
    began = None
    for moment in before:
        if "LEDGER_DIFFERS" not in moment["losses"]:
            began = None
        elif began is None:
            began = _moment(moment["at"])
    if began is None:
        raise SystemExit(f"the incident does not show when health fell: {before}")
    return began


def _roll_back(stack: Stack) -> dict[str, Any]:
    began_s = time.monotonic()
    done = json.loads(stack.manage("rollback", "--json", "--reason", "bench"))
    took_s = time.monotonic() - began_s
    after = json.loads(stack.manage("rollback", "--dry-run", "--json"))
    state = stack.rows("select state from trading_tradingcontrol")[0][0]
    stage = stack.rows("select stage from trading_rollout where subject = 'installation'")[0][0]
    return {
        "command_s": round(took_s, 2),
        "restored": done["differences"],
        "differences_afterwards": after["differences"],
        "trading": state,
        "stage": stage,
    }


def _incidents(stack: Stack) -> list[str]:
    return [cause for (cause,) in stack.rows("select cause from trading_incident order by id")]


def _open_trades(stack: Stack) -> int:
    return len(_held(stack))


def _held(stack: Stack) -> dict[str, tuple[Decimal, Decimal]]:
    rows = stack.rows("select symbol, qty, avg_entry_price from trading_trade where state = 'OPEN'")
    return {symbol: (Decimal(qty), Decimal(price)) for symbol, qty, price in rows}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main() -> int:
    """Measure and print; exit 1 where a bar is missed."""
    figures = measure()
    print(json.dumps(figures, indent=2))  # noqa: T201 -- this is its answer
    halt, rollback = figures["halt"], figures["rollback"]
    is_fine = (
        halt["halted_after_set_time_s"] < HALT_LIMIT_S
        and not halt["entries_after_halt"]
        and not halt["not_protected_at_venue"]
        and len(halt["told"]) == 1
        and rollback["command_s"] < ROLLBACK_LIMIT_S
        and not rollback["differences_afterwards"]
        and rollback["trading"] == "ACTIVE"
        and halt["open_trades"] >= OPEN_TRADES
    )
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
