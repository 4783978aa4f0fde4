"""`python -m bench growth`: whether a turn, or a watchdog's round, costs more with a million stored trades.

Trades of a year are stored, on the symbols that are traded and by the workers that trade them, so that every
question meets them: open trades, cooldowns, the day's loss, orders in doubt, what was decided before. Two
desks take the same turns (those of bench.turns) and rounds, one on the full database and one on an empty one,
turn and turn about: what else happens on the machine meets both alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import private_servers
from bench.real_desk import migrate
from bench.seeding import seed_trades
from bench.turn_desk import TurnDesk
from trading.models import Trade

STORED = (1_000, 100_000, 1_000_000)
WORKERS, SYMBOLS, ENTERED = 100, 50, 20
PAIRS = 25
BAR = 1.2
ENTRIES = {"turn": 0, "turn_with_entries": ENTERED}
ROUND = "watchdog_round"
KINDS = (*ENTRIES, ROUND)
Ask = Callable[..., float]


def measure(*, stored: tuple[int, ...] = STORED) -> dict[str, Any]:
    """Give the ms of a turn by stored trades beside those on an empty database, and how they compare."""
    found: dict[str, Any] = {f"{kind}_ms": {} for kind in KINDS}
    seeded_s: dict[str, float] = {}
    with _desk() as full, _desk() as empty:
        for count in stored:
            began = time.perf_counter()
            full("seed", count)
            seeded_s[str(count)] = time.perf_counter() - began
            for kind in KINDS:
                found[f"{kind}_ms"][str(count)] = _compare(kind, full, empty)
    last = str(stored[-1])
    return {
        "workers": WORKERS,
        "symbols": SYMBOLS,
        "entries_of_a_turn": ENTERED,
        "pairs": PAIRS,
        **found,
        "seeded_s": seeded_s,
        "ratio": {kind: found[f"{kind}_ms"][last]["ratio"] for kind in KINDS},
        "bar": BAR,
        "load_1m": os.getloadavg()[0],
    }


def _compare(kind: str, full: Ask, empty: Ask) -> dict[str, float]:
    """Take turns on both desks alternately and give the fastest of each: what disturbs only adds."""
    for ask in (full, empty):
        ask("act", kind)
        ask("time", kind)  # the first after a change of workers puts squads together anew
    pairs = [(full("time", kind), empty("time", kind)) for _ in range(PAIRS)]
    ours, floor = min(ours for ours, _ in pairs), min(floor for _, floor in pairs)
    return {"full": ours, "empty": floor, "ratio": ours / floor}


@contextmanager
def _desk() -> Iterator[Ask]:
    """Run a desk in a process with a database and a Redis of its own, and give the way to ask it."""
    environment = {name: value for name, value in os.environ.items() if name != "FASTCYCLE_HOME"}
    command = [sys.executable, "-m", "bench.growth"]
    with subprocess.Popen(
        command,
        env={**environment, private_servers.CHOICE: "sqlite"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        wishes, answers = process.stdin, process.stdout

        def ask(*wish: str | int) -> float:
            wishes.write(json.dumps(wish) + "\n")
            wishes.flush()
            answer = answers.readline()
            if not answer:
                raise SystemExit(f"the desk of bench.growth failed at {wish}")
            return float(answer)

        yield ask
        wishes.close()  # how the desk hears that it is over


def main() -> int:
    """Serve one desk: a wish a line on standard input, a number a line in answer."""
    with private_servers.running():
        migrate()
        desk = TurnDesk(SYMBOLS)
        desk.limit_losses()
        acting = {
            "turn": desk.hire(WORKERS),
            "turn_with_entries": desk.hire(WORKERS, entering=desk.symbols[:ENTERED]),
        }
        worker_ids = [each for ids in acting.values() for each in ids]
        for line in sys.stdin:
            wish, what = json.loads(line)
            answer = 0.0
            if wish == "seed":
                missing = what - Trade.objects.filter(state="CLOSED").count()
                seed_trades(missing, until=desk.now, symbols=desk.symbols, worker_ids=worker_ids)
            elif wish == "act":
                desk.act(acting.get(what, []))
            elif what == ROUND:
                answer = desk.time_round()
            else:
                answer = desk.time_turn(entries=ENTRIES[what])
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
