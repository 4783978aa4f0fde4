"""`python -m bench.growth`: whether a turn costs more with a million stored trades than with a thousand.

Trades of a year are stored, on the symbols that are traded and by the workers that trade them, so that every
question of a turn meets them: open trades, cooldowns, the day's loss, what was decided before. The same turns
as in bench.turns are then timed at each size.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from bench import private_servers
from bench.real_desk import migrate
from bench.seeding import seed_trades
from bench.turn_desk import TurnDesk, run_apart
from trading.models import Trade

STORED = (1_000, 100_000, 1_000_000)
WORKERS, SYMBOLS, ENTERED = 100, 50, 20
TURNS = 15
BAR = 1.2


def measure(*, stored: tuple[int, ...] = STORED) -> dict[str, Any]:
    """Give the ms of a turn (the fastest of fifteen) by stored trades, and the last against the first."""
    return run_apart("bench.growth", *map(str, stored))


def main() -> int:
    """Measure and print one line of JSON."""
    stored = [int(word) for word in sys.argv[1:]] or list(STORED)
    found: dict[str, dict[str, float]] = {"turn_ms": {}, "turn_with_entries_ms": {}, "seeded_s": {}}
    with private_servers.running():
        migrate()
        desk = TurnDesk(SYMBOLS)
        desk.limit_losses()
        quiet = desk.hire(WORKERS)
        entering = desk.hire(WORKERS, entering=desk.symbols[:ENTERED])
        for count in stored:
            began = time.perf_counter()
            missing = count - Trade.objects.filter(state="CLOSED").count()
            seed_trades(missing, until=desk.now, symbols=desk.symbols, worker_ids=[*quiet, *entering])
            found["seeded_s"][str(count)] = time.perf_counter() - began
            desk.act(quiet)
            found["turn_ms"][str(count)] = desk.time_turns(TURNS)
            desk.act(entering)
            found["turn_with_entries_ms"][str(count)] = desk.time_turns(TURNS, entries=ENTERED)
    first, last = str(stored[0]), str(stored[-1])
    ratio = {kind: found[kind][last] / found[kind][first] for kind in ("turn_ms", "turn_with_entries_ms")}
    workers_symbols = {"workers": WORKERS, "symbols": SYMBOLS, "entries_of_a_turn": ENTERED}
    sys.stdout.write(json.dumps({**workers_symbols, **found, "ratio": ratio, "bar": BAR}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
