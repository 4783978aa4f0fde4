"""`python -m bench.deliveries`: the same batch delivered a hundred times to four traders at once.

Four forked processes, each with its own desk, connections and client, wait at a barrier and take their share
of the copies; the venue is the paper venue over HTTP, the database a real one. Two workers want the same
symbols. Each decision may end in one entry at the venue, each symbol in one trade, and no delivery may end in
an error. After each round the trades are closed and our rows are compared with the venue's ledger.

Some more rounds go through Celery: the task is published as often to a broker that four workers serve.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from bench import private_servers
from bench.aftermath import entries_by_decision, judge
from bench.celery_traders import celery_traders, publish
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
ROUNDS_OF_A_VENUE = 20
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
    parser.add_argument("--celery-rounds", type=int, default=20, help="rounds through a broker (default 20)")
    parser.add_argument("--database", choices=(*private_servers.DATABASES, "both"), default="both")
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    options = parser.parse_args()
    if not private_servers.is_on(options.database):
        given = [part for part in sys.argv[1:] if part != options.database and part != "--database"]
        return private_servers.run_on("bench.deliveries", options.database, given)
    began = time.monotonic()
    with private_servers.running() as home:
        run(migrate, said=home / "said.txt")
        settle_two_workers(home / "said.txt")
        found = {
            "direct": deliver_all(options.rounds, options.copies, said=home / "said.txt"),
            "celery": deliver_by_celery(options.celery_rounds, options.copies, said=home / "said.txt"),
        }
    for way, verdict in found.items():
        _print(verdict, {"database": options.database, "way": way}, as_json=options.json)
    sys.stdout.write(f"took {round(time.monotonic() - began)} s\n" * (not options.json))
    return 1 if any(verdict.violations for verdict in found.values()) else 0


def _print(found: Verdict, about: dict[str, Any], *, as_json: bool) -> None:
    figures = {
        **about,
        "rounds": found.rounds,
        "deliveries": found.deliveries,
        "entries": found.entries,
        "violations": len(found.violations),
    }
    line = json.dumps(figures) if as_json else ", ".join(f"{name} {value}" for name, value in figures.items())
    sys.stdout.write(f"{line}\n")
    for violation in found.violations[:50]:
        sys.stderr.write(f"{violation}\n")


def deliver_all(rounds: int, copies: int, *, said: Path) -> Verdict:
    """Deliver the batch of each round to all processes at once, and judge after each."""
    found = Verdict()
    barrier = FORK.Barrier(PROCESSES)
    for venue, one in _rounds(rounds, copies, said=said):
        shares = [Child(_take_copies, venue, one, each, barrier, said=said) for each in range(PROCESSES)]
        escaped = [line for child in shares for line in child.end().answer]
        _count(venue, one, escaped, found, said=said)
    return found


def deliver_by_celery(rounds: int, copies: int, *, said: Path) -> Verdict:
    """Publish the batch of each round to a broker that four Celery workers serve, and judge after each."""
    found = Verdict()
    with ExitStack() as traders:
        for venue, one in _rounds(rounds, copies, said=said):
            if one.number % ROUNDS_OF_A_VENUE == 0:
                traders.close()
                traders.enter_context(celery_traders(venue, processes=PROCESSES, said=said))
            escaped = publish(one.opened, one.ahead_s, copies=copies)
            _count(venue, one, escaped, found, said=said)
    return found


def _rounds(rounds: int, copies: int, *, said: Path) -> Iterator[tuple[StillVenue, Round]]:
    """Give each round with its venue; a fresh one now and then, so that the ledgers stay short."""
    for first in range(0, rounds, ROUNDS_OF_A_VENUE):
        with run_still_venue(PRICES, balances=BALANCES) as venue:
            run(open_account, venue, said=said)
            for number in range(first, min(first + ROUNDS_OF_A_VENUE, rounds)):
                ahead_s = (number - first) * ROUND_S
                yield venue, Round(number, newest_candle(ahead_s), ahead_s, copies)


def _count(venue: StillVenue, one: Round, escaped: Sequence[str], found: Verdict, *, said: Path) -> None:
    entries, wrong = run(_close_round, venue, one, said=said).answer
    found.violations += [f"round {one.number}: {line}" for line in (*escaped, *wrong)]
    found.rounds += 1
    found.deliveries += one.copies
    found.entries += entries


def settle_two_workers(said: Path) -> None:
    """Read the symbols and start two workers that want all of them."""
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, ("older", "younger"), said=said)


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
