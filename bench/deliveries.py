"""`python -m bench.deliveries`: the same batch delivered a hundred times to four traders at once.

Four forked processes, each with its own desk, connections and client, wait at a barrier and take their share
of the copies; the venue is the paper venue over HTTP, the database a real one. Two workers want the same
symbols. Each decision may end in one entry at the venue, each symbol in one trade, and no delivery may end in
an error. After each round the trades are closed and our rows are compared with the venue's ledger.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from bench import private_servers
from bench.aftermath import entries_by_decision, judge
from bench.children import Child, run
from bench.real_desk import (
    BALANCES,
    MAX_HOLD_S,
    PRICES,
    RealDesk,
    batch,
    migrate,
    newest_candle,
    open_account,
    settle_in,
)
from bench.still_venue import FORK, StillVenue, run_still_venue
from trading.models import Trade
from trading.services import cycle, reconcile, upkeep

PROCESSES = 4
BARRIER_LIMIT_S = 60.0
ROUND_S = (
    3.0 * MAX_HOLD_S
)  # from batch to batch by the clock of desks and venue: the trades between have ended


@dataclass(slots=True)
class Verdict:
    """What the rounds gave."""

    rounds: int = 0
    deliveries: int = 0
    entries: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Round:
    """One batch and how often it comes. `ahead_s`: how far the desks' clocks are ahead of the real one."""

    number: int
    opened: datetime
    ahead_s: float
    copies: int


def main() -> int:
    """Deliver, count, print; 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.deliveries", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="batches (default 200)")
    parser.add_argument("--copies", type=int, default=100, help="deliveries of each batch (default 100)")
    parser.add_argument("--database", choices=(*private_servers.DATABASES, "both"), default="both")
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    options = parser.parse_args()
    if not private_servers.is_on(options.database):
        given = [part for part in sys.argv[1:] if part != options.database and part != "--database"]
        return private_servers.run_on("bench.deliveries", options.database, given)
    began = time.monotonic()
    with private_servers.running() as home:
        run(migrate, said=home / "said.txt")
        found = deliver_all(options.rounds, options.copies, said=home / "said.txt")
    figures = {
        "database": options.database,
        "rounds": found.rounds,
        "deliveries": found.deliveries,
        "entries": found.entries,
        "violations": len(found.violations),
        "took_s": round(time.monotonic() - began),
    }
    line = json.dumps(figures) if options.json else ", ".join(f"{k} {v}" for k, v in figures.items())
    sys.stdout.write(f"{line}\n")
    for violation in found.violations[:50]:
        sys.stderr.write(f"{violation}\n")
    return 1 if found.violations else 0


def deliver_all(rounds: int, copies: int, *, said: Path) -> Verdict:
    """Deliver the batch of each round to all processes at once, and judge after each."""
    found = Verdict()
    barrier = FORK.Barrier(PROCESSES)
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, ("older", "younger"), said=said)
        run(open_account, venue, said=said)
        for number in range(rounds):
            one = Round(number, *_candle(number), copies)
            children = [
                Child(_take_copies, venue, one, each, barrier, said=said) for each in range(PROCESSES)
            ]
            for child in children:
                found.violations += [f"round {number}: {line}" for line in child.end().answer]
            entries, wrong = run(_close_round, venue, one, said=said).answer
            found.violations += [f"round {number}: {line}" for line in wrong]
            found.rounds += 1
            found.deliveries += copies
            found.entries += entries
    return found


def _candle(number: int) -> tuple[datetime, float]:
    ahead_s = number * ROUND_S
    return newest_candle(ahead_s), ahead_s


def _take_copies(venue: StillVenue, one: Round, share: int, barrier: Barrier) -> list[str]:
    """Take every fourth copy, beginning together with the others; give the errors that escaped."""
    desk = RealDesk(venue, ahead_s=one.ahead_s)
    desk.see(PRICES, one.opened)
    escaped: Counter[str] = Counter()
    barrier.wait(BARRIER_LIMIT_S)
    for _ in range(share, one.copies, PROCESSES):
        try:
            cycle.run_batch(batch(PRICES, one.opened), desk=desk.desk)
        except Exception:  # noqa: BLE001 -- counted: no delivery may end in an error
            escaped[traceback.format_exc(limit=-4)] += 1
    return [f"ESCAPED {number} times: {text}" for text, number in escaped.items()]


def _close_round(venue: StillVenue, one: Round) -> tuple[int, list[str]]:
    """Count the round's entries and judge, then close its trades and judge again."""
    wrong = _count_entries(venue.ledger(), one)
    trades = Trade.objects.filter(candle_open_at=one.opened)
    entries = trades.count()
    desk = RealDesk(venue, ahead_s=one.ahead_s)
    desk.see(PRICES, one.opened)
    reconcile.run(desk=desk.desk, reason="schedule")
    wrong += judge(venue.ledger())
    desk.move_to(one.ahead_s + 2 * MAX_HOLD_S)
    desk.see(PRICES, one.opened)
    upkeep.run(desk=desk.desk)
    reconcile.run(desk=desk.desk, reason="schedule")
    wrong += judge(venue.ledger(), is_flat=True)
    return entries, wrong


def _count_entries(truth: dict[str, Any], one: Round) -> list[str]:
    """Every symbol has one trade of this candle, and the venue has one entry of each."""
    trades = dict(Trade.objects.filter(candle_open_at=one.opened).values_list("key", "symbol"))
    entries = entries_by_decision(truth)
    wrong = [
        f"ENTRIES of {symbol}: {entries[key]} at the venue"
        for key, symbol in trades.items()
        if entries[key] != 1
    ]
    if sorted(trades.values()) != sorted(PRICES):
        wrong.append(f"TRADES of one candle on {sorted(trades.values())}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
