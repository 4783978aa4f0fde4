"""`python -m bench [NAME ...]`: measure, keep the figures in bench/results.json, renew docs/performance.md.

Each measurement is written down when it ends, so that a run that is broken off keeps what it has. One that
fails is told at the end, with status 1; the others run all the same.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.page import renew
from bench.plot import draw
from bench.registry import MEASUREMENTS, NEED_DATA, UNATTENDED, Options

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
PICTURE = PAGE.with_suffix(".svg")
FLOOR_MINUTES = 0.1


def main() -> int:
    """Run the named measurements, without names all that need nothing; give the exit status."""
    names, options, only_page = _read_arguments()
    failed = {} if only_page else {name: why for name in names if (why := _measure(name, options))}
    results = _results()
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    draw(results, PICTURE)
    for name, why in failed.items():
        print(f"{name}: {why}", file=sys.stderr)  # noqa: T201 -- a command
    return 1 if failed else 0


def _read_arguments() -> tuple[list[str], Options, bool]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    option = parser.add_argument
    option("names", nargs="*", help=f"{' '.join(MEASUREMENTS)}; default: {' '.join(UNATTENDED)}")
    option("--data", type=Path, help="folder with candles/ and ticks/, for candles and ticks")
    option(
        "--minutes",
        type=float,
        help="length of what takes its time, such as memory, candles or acceptance",
    )
    option("--entries", type=int, help="entries of latency")
    option("--full", action="store_true", help="the largest sizes too, where the default is shorter")
    option("--page", action="store_true", help="measure nothing; make tables and picture from what is kept")
    given = parser.parse_args()
    names = given.names or list(UNATTENDED)
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(MEASUREMENTS)}")
    if given.data is None and NEED_DATA & set(names):
        parser.error(f"{' and '.join(sorted(NEED_DATA))} need --data")
    if given.minutes is not None and given.minutes < FLOOR_MINUTES:
        parser.error(f"--minutes must be {FLOOR_MINUTES} or more")
    if given.entries is not None and given.entries < 1:
        parser.error("--entries must be 1 or more")
    options = Options(data=given.data, minutes=given.minutes, entries=given.entries, full=given.full)
    return names, options, given.page


def _measure(name: str, options: Options) -> str:
    """Measure and keep the figures; give why it failed, or nothing."""
    try:
        figures = MEASUREMENTS[name](options)
    except SystemExit as error:  # how a measurement says in one line what was missing
        return str(error) or "failed"
    result = {
        "measured_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "python": platform.python_version(),
        **figures,
    }
    # Read now and not before: another measurement may have ended meanwhile.
    kept = _results() | {name: result}
    RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps({name: result}, indent=2))  # noqa: T201 -- a command
    return ""


def _results() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return kept


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
