"""`python -m bench.faults`: every fault of the table against the whole running stack, and what came of it.

All processes trade busily on the synthetic market, on symbols of every kind of protection. Each fault is
armed at the paper venue, strikes, ends; then the seconds are counted until the state is clean again
(bench/clean_state.py). At the end everything is sold and the ledgers are compared. Writes bench/faults.json
and docs/faults.md; the rows that were not run keep their last figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from bench.clean_state import Watch
from bench.facts import read_facts
from bench.fault_arms import Arm, Row
from bench.fault_page import PAGE, write_page
from bench.fault_rows import ROWS
from bench.latency import WILLING
from bench.oracles import judge
from bench.provocations import PROVOCATIONS, nudge
from bench.stack import Stack, running, wait_until

RESULTS = Path(__file__).parent / "faults.json"
# Protection by OPOCO, by OTOCO, by OCO, and a plain stop with a supervised target.
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,ADAUSDT,DOGEUSDT,LTCUSDT"
STRIKE_LIMIT_S = 45.0
MORE_STRIKES_S = 10.0
IDLE_S = 4.0
CLEAN_LIMIT_S = 90.0
FLAT_LIMIT_S = 90.0
POLL_S = 0.1
NUDGE_S = 1.0
QUIET_S = 8.0
ORACLES = ("ledger", "fills", "orders", "left")
EXECUTES_TWICE = 13
RESET = "reset"


@dataclass(slots=True)
class Outcome:
    """What one way of arming a fault led to. Seconds."""

    struck: int = 0
    clean_after_s: float | None = None
    unprotected_s: float = 0.0
    longest_unprotected_s: float = 0.0
    violations: tuple[str, ...] = ()


class Driver:
    """Walks rows on one running stack."""

    def __init__(self, stack: Stack, client: redis.Redis) -> None:
        self._stack = stack
        self._watch = Watch(stack, client)
        self.is_stuck = False
        self.doubled = 0  # orders that the venue itself executed twice
        self.resumed = 0

    def begin(self) -> None:
        """Start to trade and wait until trades close."""
        self._stack.delete_starters()
        for number, hold_s in enumerate(("5", "8")):
            self._stack.create_worker(
                f"bench {number}",
                *("--strategy", "DIP_REVERSION", "--symbols", SYMBOLS, "--interval", "1s"),
                *("--trade-notional", "100", "--budget", "100000", "--max-open-trades", "100"),
                *("--take-profit-bps", "15", "--stop-loss-bps", "15", "--max-hold-s", hold_s),
                *("--max-spread-bps", "100", *(part for each in WILLING for part in ("--param", each))),
            )

        def is_trading() -> bool:
            """ten closed trades"""
            return bool(
                self._stack.rows("select count(*) >= 10 from trading_trade where state = 'CLOSED'")[0][0]
            )

        wait_until(is_trading, limit_s=120, every_s=0.5)

    def walk(self, row: Row) -> list[Outcome]:
        """Arm a row in each of its ways."""
        outcomes = [self._measure(row, arm) for arm in row.arms if not self.is_stuck]
        self.doubled += sum(outcome.struck for outcome in outcomes) if row.number == EXECUTES_TWICE else 0
        return outcomes

    def quiet(self) -> Outcome:
        """Measure a while without any fault, for comparison."""
        outcome = Outcome(clean_after_s=0.0)
        with self._unprotected(outcome):
            time.sleep(QUIET_S)
        return outcome

    def _measure(self, row: Row, arm: Arm) -> Outcome:
        outcome = Outcome()
        if self._wait_clean(time.time() - QUIET_S) is None:
            self.is_stuck, outcome.violations = True, ("NOT_CLEAN_BEFORE",)
            return outcome
        # Fault after fault is bad health that lasts: the product halts, and then nothing strikes.
        self.resumed += self._stack.resume("the next fault")
        with self._unprotected(outcome):
            ended_s = self._strike(row, arm, outcome)
            took_s = self._wait_clean(ended_s)
            if took_s is None:
                self.is_stuck = True
                outcome.violations += tuple(self._watch.unclean(since_s=ended_s))
            outcome.clean_after_s = took_s
        return outcome

    def _strike(self, row: Row, arm: Arm, outcome: Outcome) -> float:
        """Arm, wait until it struck and ended, and give the moment of its end."""
        if row.provocation:
            outcome.struck = PROVOCATIONS[row.provocation](self._stack)
            return time.time()
        for number, count in row.besides:
            self._stack.tell_venue("/paper/faults", {"fault": number, "count": count})
        request = {"fault": row.number, "count": arm.count, "params": dict(arm.params)}
        serial = self._stack.tell_venue("/paper/faults", request)["id"]
        armed_s = time.time()
        # A negative length: until the minute turns.
        ends_s = armed_s + arm.lasts_s if arm.lasts_s >= 0 else armed_s - armed_s % 60 + 60
        limit_s = armed_s + (IDLE_S if row.is_idle else STRIKE_LIMIT_S)
        while time.time() < limit_s:
            time.sleep(NUDGE_S if row.nudges else POLL_S)
            if row.nudges:
                nudge(self._stack, row.nudges)
            struck, is_spent = self._struck(serial)
            if struck and not outcome.struck:
                limit_s = max(time.time() + MORE_STRIKES_S, ends_s)
            outcome.struck = struck
            if is_spent or (struck and arm.count is None and time.time() >= ends_s):
                break
        self._stack.tell_venue("/paper/faults", {}, method="DELETE")
        if bool(outcome.struck) == row.is_idle:
            outcome.violations += ("STRUCK" if row.is_idle else "NEVER_STRUCK",)
        while time.time() < ends_s:
            time.sleep(POLL_S)
        return time.time()

    def _struck(self, serial: int) -> tuple[int, bool]:
        listing = self._stack.ask_venue("/paper/faults")
        for is_spent, faults in ((False, listing["armed"]), (True, listing["spent"])):
            for fault in faults:
                if fault["id"] == serial:
                    return fault["fired"], is_spent
        return 0, True

    def _wait_clean(self, since_s: float) -> float | None:
        """Give the seconds from that moment until nothing is unclean, or None."""
        while time.time() < since_s + CLEAN_LIMIT_S:
            if not self._watch.unclean(since_s=since_s):
                return max(time.time() - since_s, 0.0)
            time.sleep(POLL_S)
        return None

    @contextmanager
    def _unprotected(self, outcome: Outcome) -> Iterator[None]:
        before = self._watch.unprotected()
        yield
        # A trade that looked bare may have been protected already, and told so only a moment later.
        seconds = [
            max(total - before.get(trade_id, 0.0), 0.0)
            for trade_id, total in self._watch.unprotected().items()
        ]
        outcome.unprotected_s = sum(seconds)
        outcome.longest_unprotected_s = max(seconds, default=0.0)

    def judge(self) -> list[str]:
        """Sell everything and give what the oracles find (bench/oracles.py)."""
        self._stack.manage("kill", "--level", "flatten")
        ends_s = time.time() + FLAT_LIMIT_S
        while time.time() < ends_s:
            self._stack.manage("reconcile", "--json")
            found = judge(read_facts(self._stack), ORACLES)
            found = [line for line in found if not (self.doubled and line.endswith("placed 2 times"))]
            if not found:
                break
        return found


def main() -> int:
    """Run the chosen rows, write figures and page; 0 when every outcome is clean."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--only", help="numbers of rows, such as 1,5,58; default: all")
    parser.add_argument(
        "--page", action="store_true", help="write the page from the last figures, run nothing"
    )
    options = parser.parse_args()
    figures: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}}
    if not options.page:
        numbers = {int(part) for part in options.only.split(",")} if options.only else None
        unknown = sorted((numbers or set()) - {row.number for row in ROWS})
        if unknown:
            parser.error(f"--only must name rows of the table, not {unknown[0]}")
        _run([row for row in ROWS if numbers is None or row.number in numbers], figures)
        RESULTS.write_text(_dumped(figures))
    PAGE.write_text(write_page(figures))
    is_clean = not figures["run"]["violations"] and not any(
        outcome["violations"] for outcomes in figures["rows"].values() for outcome in outcomes
    )
    return 0 if is_clean else 1


def _run(rows: list[Row], figures: dict[str, Any]) -> None:
    """Walk the rows and keep what each led to, and what the judges said of every stack."""
    figures["run"] = {"violations": [], "closed": 0, "fills": 0, "stacks": 0, "resumed": 0, "rows": len(rows)}
    for left in (
        [row for row in rows if row.provocation != RESET],
        [row for row in rows if row.provocation == RESET],
    ):
        while left:
            _walk_on_one_stack(left, figures)
            RESULTS.write_text(
                _dumped(figures)
            )  # a stack that breaks off takes nothing of the others with it
    figures["run"] |= {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    for each in figures["run"]["violations"]:
        sys.stderr.write(f"violation: {each}\n")


def _dumped(figures: dict[str, Any]) -> str:
    return json.dumps(figures, indent=1, sort_keys=True) + "\n"


def _walk_on_one_stack(left: list[Row], figures: dict[str, Any]) -> None:
    """Take rows from the list until it is empty, or one leaves its stack unclean."""
    run = figures["run"]
    options = ("--symbols", SYMBOLS, "--seed", "7", "--balance", "USDT=1000000,BNB=10")
    with running(*options) as stack, _redis_of(stack) as client:
        driver = Driver(stack, client)
        driver.begin()
        if not run["stacks"]:
            figures["quiet"] = {**_kept(driver.quiet()), "seconds": QUIET_S}
        is_reset = left[0].provocation == RESET
        while left and not driver.is_stuck:
            row = left.pop(0)
            outcomes = figures["rows"][str(row.number)] = [_kept(each) for each in driver.walk(row)]
            sys.stderr.write(f"{row.number:3} {row.title[:48]:48} {_line(outcomes)}\n")
        # Of what was left unclean the row itself tells; a venue that was reset has nothing to compare with.
        if not driver.is_stuck and not is_reset:
            run["violations"] += driver.judge()
        run["stacks"] += 1
        run["resumed"] += driver.resumed
        run["closed"] += stack.rows("select count(*) from trading_trade where state = 'CLOSED'")[0][0]
        run["fills"] += stack.rows("select count(*) from trading_fill")[0][0]


def _redis_of(stack: Stack) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock"))


def _kept(outcome: Outcome) -> dict[str, Any]:
    return {
        "struck": outcome.struck,
        "clean_after_s": None if outcome.clean_after_s is None else round(outcome.clean_after_s, 2),
        "unprotected_s": round(outcome.unprotected_s, 3),
        "longest_unprotected_s": round(outcome.longest_unprotected_s, 3),
        "violations": list(outcome.violations),
    }


def _line(outcomes: list[dict[str, Any]]) -> str:
    return " | ".join(
        f"x{each['struck']} clean {each['clean_after_s']} s, unprotected {each['unprotected_s']} s "
        f"{' '.join(each['violations'])}".rstrip()
        for each in outcomes
    )


if __name__ == "__main__":
    sys.exit(main())
