"""`python -m bench.health_faults`: faults on the running stack, and when the webhook heard of them.

For each fault: health at its lowest, the points that its code took, the messages that came, and the seconds
from the fault to the first of them. A fault is told once and within five seconds of being one, or the row
says otherwise. Not every fault can be made here: what needs hours (growth of memory) or another machine is
left to the tests of the rules. Needs the right to mount a file system in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.health_strikes import WAVES, Fault
from bench.stack import ROOT, Stack, start, wait_until
from tests.support.receiver import Receiver, receiving

SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"
TELL_LIMIT_S = 5.0
PAGE = ROOT / "docs" / "health-faults.md"
PAGE_HEAD = """# Faults, health and the operator's channel

Written by `python -m bench.health_faults --write`: each fault is made on a whole stack (`manage.py up`, paper
venue, starter workers trading), a webhook receives what the product sends. *Told after* is the time from the
fault to the receipt; the bar is one message within five seconds of its being a fault. By design some need
a while to be one: a heartbeat is late after 4 s, a socket silent after a while, what others use of the budget
is told by the venue with the next answer, memory is measured every 4 s. *Health fell to* counts what else was
lost at that time too, also by the fault before. Rows marked *(row)* were written into the database, because
the product mends the real thing sooner than it could be told.

{fine} of {number} were told once and in time.
"""
# How long is listened for a second message, and how long a fault lasts that ends by our hand.
LISTEN_S = 6.0
CALM_LIMIT_S = 120.0
# What an ended fault still brings.
AFTER_S = 9.0
SAMPLE_S = 11.0
SETTLE_S = 5.0
# The beginnings of messages that raise an alarm; reports and ends of alerts come the same way.
RAISED = ("[CRITICAL]", "[WARNING]", "[HALTED]")
# DISK_FREE loses from 2000 MB free on; the home folder is to have little more.
DISK_SIZE_MB = 2700
# Their strikes ask the product for a reconcile first; the fault is there when they return.
PREPARED = ("LEDGER_DIFFERS", "POSITION_UNPROTECTED")


@dataclass(slots=True)
class Outcome:
    """What came of it. Seconds; None = never."""

    fault: str
    code: str
    began_s: float
    health_lowest: int
    points: int
    begins_s: float
    told_after_s: float | None
    messages: list[str]
    is_fine: bool


def measure(names: list[str]) -> list[Outcome]:
    """Make the named faults, all without names; each wave on a stack of its own."""
    outcomes = []
    with receiving() as receiver:
        # What lasts is measured here for seconds; nothing is to halt meanwhile.
        patience = dict.fromkeys(("HALT_AFTER_S", "HALT_AFTER_OUTAGE_S", "HALT_AFTER_CRITICAL_S"), "3600")
        os.environ |= {"NOTIFY_URLS": receiver.url, **patience}
        for wave in WAVES:
            wanted = [fault for fault in wave if not names or fault.name in names]
            if wanted:
                outcomes += _measure_wave(wanted, receiver)
    return outcomes


def _measure_wave(faults: list[Fault], receiver: Receiver) -> list[Outcome]:
    with small_disk() as home, start(home, "--symbols", SYMBOLS) as stack:
        _wait_for_health(stack)
        outcomes = []
        for fault in faults:
            outcomes.append(_measure(fault, stack, receiver))
            print(json.dumps(asdict(outcomes[-1])), file=sys.stderr, flush=True)  # noqa: T201 -- progress
        time.sleep(SAMPLE_S)
        for outcome in outcomes:
            outcome.health_lowest, outcome.points = _lowest(stack, outcome)
        return outcomes


@contextmanager
def small_disk() -> Iterator[Path]:
    """Give a folder on a file system in memory that is nearly full with what DISK_FREE asks for free."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder:
        options = ["-t", "tmpfs", "-o", f"size={DISK_SIZE_MB}M", "fast-cycle", folder]
        subprocess.run(["mount", *options], check=True)  # noqa: S607 -- needs the right to mount
        try:
            yield Path(folder) / "home"
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607 -- as above


def _wait_for_health(stack: Stack) -> None:
    def is_healthy() -> bool:
        """a sample of 100"""
        newest = stack.rows("select score_min from monitoring_healthsample order by at desc limit 1")
        return bool(newest) and newest[0][0] == 100

    wait_until(is_healthy, limit_s=CALM_LIMIT_S, every_s=1.0)
    time.sleep(SETTLE_S)


def _measure(fault: Fault, stack: Stack, receiver: Receiver) -> Outcome:
    heard = len(receiver.receipts)
    called_s = time.time()
    with fault.strike(stack):
        # A strike that has to prepare something (a reconcile, say) returns when the fault is there.
        began_s = time.time() if fault.code in PREPARED else called_s
        time.sleep(max(began_s + fault.begins_s + LISTEN_S - time.time(), 0.0))
    time.sleep(AFTER_S)
    receipts = [each for each in receiver.receipts[heard:] if each.body["title"].startswith(RAISED)]
    titles = [receipt.body["title"] for receipt in receipts]
    told_after_s = round(receipts[0].at_s - began_s, 2) if receipts else None
    is_in_time = told_after_s is not None and told_after_s - fault.begins_s < TELL_LIMIT_S
    is_named = len(titles) == 1 and titles[0].partition(" ")[2] in fault.code.split("|")
    is_fine = is_named and is_in_time
    return Outcome(fault.name, fault.code, called_s, 100, 0, fault.begins_s, told_after_s, titles, is_fine)


def _lowest(stack: Stack, outcome: Outcome) -> tuple[int, int]:
    """Give the lowest health around the fault, and the points that its code took."""
    begin, end = (
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for moment in (
            outcome.began_s - SAMPLE_S + 1,
            outcome.began_s + outcome.begins_s + LISTEN_S + AFTER_S,
        )
    )
    query = "select score_min, losses from monitoring_healthsample where span_s = 10 and at >= ? and at < ?"
    rows = stack.rows(query, begin, end)
    codes = [code.partition(":")[0] for code in outcome.code.split("|")]
    points = max((json.loads(losses).get(code, 0) for _, losses in rows for code in codes), default=0)
    return min((score for score, _ in rows), default=100), points


def write_page(outcomes: list[Outcome]) -> None:
    """Write what was measured as docs/health-faults.md."""
    fine = sum(each.is_fine for each in outcomes)
    heads = (
        "| fault | told as | health fell to | points of the code | told after | by design a fault after | |"
    )
    rows = [
        f"| {each.fault} | {_told_as(each)} | {each.health_lowest} | {each.points} | {_seconds(each)} | "
        f"{each.begins_s:g} s | {'' if each.is_fine else '**missed**'} |"
        for each in outcomes
    ]
    text = PAGE_HEAD.format(fine=fine, number=len(outcomes))
    PAGE.write_text("\n".join([text, heads, "|---" * 7 + "|", *rows, ""]), encoding="utf-8")


def _told_as(outcome: Outcome) -> str:
    return ", ".join(f"`{title.partition(' ')[2]}`" for title in outcome.messages) or "nothing"


def _seconds(outcome: Outcome) -> str:
    return "never" if outcome.told_after_s is None else f"{outcome.told_after_s:.1f} s"


def main() -> int:
    """Measure and print a table; exit 1 where a fault was not told once and in time."""
    parser = argparse.ArgumentParser(prog="python -m bench.health_faults", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"default: all of {', '.join(each.name for wave in WAVES for each in wave)}"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} anew")
    options = parser.parse_args()
    outcomes = measure(options.names)
    if options.write:
        write_page(outcomes)
    for each in outcomes:
        print(json.dumps(asdict(each)))  # noqa: T201 -- this is its answer
    return 0 if all(each.is_fine for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
