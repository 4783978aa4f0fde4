"""`python -m bench.turns`: what one turn costs with 1 to 1,000 workers and 1 to 400 symbols.

A turn is all that the task of a batch does: candles and quotes from a real Redis, decisions, the ledger in a
real database, what was decided back into Redis. The workers are set in ten ways. One table is of turns that
enter nothing, another of turns in which twenty symbols are entered (and the venue refuses them at once).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from bench import private_servers
from bench.real_desk import migrate
from bench.turn_desk import TurnDesk, run_apart

WORKERS = (1, 10, 100, 1000)
SYMBOLS = (1, 50, 400)
TURNS = 9
ENTERED = 20
# What must hold: ten times the workers, or eight times the symbols, may cost so many times as much.
BARS = {"workers_1000_to_100": 12.0, "symbols_400_to_50": 10.0}


def measure() -> dict[str, Any]:
    """Give the ms of a turn by symbols and workers (the fastest of nine), and the ratios that have bars."""
    return run_apart("bench.turns")


def main() -> int:
    """Measure and print one line of JSON."""
    with private_servers.running():
        migrate()
        found = {str(symbols): _with_symbols(symbols) for symbols in SYMBOLS}
    quiet, entering = (
        {symbols: each[kind] for symbols, each in found.items()} for kind in ("quiet", "entering")
    )
    sys.stdout.write(
        json.dumps(
            {
                "turn_ms": quiet,
                "turn_with_entries_ms": entering,
                "entries_of_a_turn": {symbols: min(ENTERED, int(symbols)) for symbols in quiet},
                "ratio": {
                    "workers_1000_to_100": {name: each["1000"] / each["100"] for name, each in quiet.items()},
                    "symbols_400_to_50": {
                        name: quiet["400"][name] / quiet["50"][name] for name in quiet["50"]
                    },
                },
                "bars": BARS,
                "load_1m": os.getloadavg()[0],
            }
        )
        + "\n"
    )
    return 0


def _with_symbols(symbols: int) -> dict[str, dict[str, float]]:
    desk = TurnDesk(symbols)
    found: dict[str, dict[str, float]] = {"quiet": {}, "entering": {}}
    entering = desk.symbols[:ENTERED]
    for workers in WORKERS:
        desk.hire(workers)
        found["quiet"][str(workers)] = desk.time_turns(TURNS)
        desk.hire(workers, entering=entering)
        found["entering"][str(workers)] = desk.time_turns(TURNS, entries=len(entering))
    return found


if __name__ == "__main__":
    sys.exit(main())
