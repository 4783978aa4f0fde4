"""`python -m bench [NAME ...]`: measure, print, and keep the figures in bench/results.json."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import kill_switch, kills, latency, memory, protection, real_input

RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    """Run the named measurements, all but real_input without names."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help="latency memory kills kill_switch protection candles ticks; default: the first five",
    )
    parser.add_argument("--data", type=Path, help="folder with candles/ and ticks/, for candles and ticks")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="length of candles and ticks (default 10)"
    )
    parser.add_argument("--entries", type=int, default=200, help="entries of latency (default 200)")
    options = parser.parse_args()
    offered: dict[str, Callable[[], dict[str, Any]]] = {
        "latency": lambda: latency.measure(entries=options.entries),
        "memory": memory.measure,
        "kills": kills.measure,
        "kill_switch": kill_switch.measure,
        "protection": protection.measure,
    }
    for market in ("candles", "ticks"):
        offered[market] = lambda market=market: real_input.measure(  # type: ignore[misc]  # bound per market
            data=options.data, market=market, minutes=options.minutes
        )
    names = options.names or ["latency", "memory", "kills", "kill_switch", "protection"]
    unknown = [name for name in names if name not in offered]
    if unknown or (options.data is None and {"candles", "ticks"} & set(names)):
        parser.error(f"names are {', '.join(offered)}; candles and ticks need --data")
    for name in names:
        result = {
            "measured_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            **_machine(),
            **offered[name](),
        }
        # Read now and not before: another measurement may have ended meanwhile.
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        kept[name] = result
        print(json.dumps({name: result}, indent=2))  # noqa: T201 -- a command
        RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    return 0


def _machine() -> dict[str, Any]:
    return {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "python": platform.python_version()}


if __name__ == "__main__":
    sys.exit(main())
