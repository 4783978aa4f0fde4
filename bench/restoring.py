"""`python -m bench.restoring`: a backup amid trading, restored on the other database, and reconciled.

A stack on SQLite trades on a paper venue that outlives it. Amid its trades a backup is made; it trades on for
a while, so that the venue knows more than the file, and is killed. The file is restored into an empty
PostgreSQL in another folder, a second stack starts on it and reconciles. In the end the ledger must be the
venue's, to the last digit, and what is held protected. Prints one JSON object; exit 1 where it is not so.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.latency import WILLING
from bench.stack import ROOT, Stack, environment_of, free_port, ledger_differences, start, wait_until
from tests.support.servers import POSTGRES_USER, run_postgres

WARM_LIMIT_S = 120.0
WARM_TRADES = 15
ONWARD_S = 20.0
SETTLE_LIMIT_S = 240.0
WORKERS = 4
WORKER = (
    *("--strategy", "DIP_REVERSION", "--interval", "1s", "--trade-notional", "50", "--budget", "600"),
    *("--max-open-trades", "8", "--take-profit-bps", "20", "--stop-loss-bps", "30", "--max-hold-s", "30"),
    *("--max-spread-bps", "100", *(part for each in WILLING for part in ("--param", each))),
)
UNIVERSES = ("BTCUSDT,ETHUSDT", "SOLUSDT,BNBUSDT", "XRPUSDT,ADAUSDT", "DOGEUSDT,LTCUSDT")


def measure() -> dict[str, Any]:
    """Run the whole story once and give its figures."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder:
        base = Path(folder)
        base.chmod(0o755)  # the PostgreSQL server may run as another user and must reach its socket
        with _venue(base) as port:
            venue = {
                "VENUE_REST_URL": f"http://127.0.0.1:{port}",
                "BINANCE_API_KEY": "paper",
                "BINANCE_API_SECRET": "paper",
            }
            backup = _trade_and_back_up(base / "old", venue, port)
            with run_postgres(base / "postgres"):
                url = f"postgres://{POSTGRES_USER}@/postgres?host={base / 'postgres'}"
                return {**backup, **_restore(base / "new", backup, {**venue, "DATABASE_URL": url}, port)}


@contextmanager
def _venue(base: Path) -> Iterator[int]:
    """Run a paper venue that no stack stops."""
    port = free_port()
    options = ["--port", str(port), "--market", "synthetic", "--seed", "11", "--balance", "USDT=10000"]
    command = [sys.executable, "-m", "trading.paper", *options]
    with subprocess.Popen(command, cwd=ROOT, env=environment_of(base, {})) as process:
        try:
            yield port
        finally:
            process.terminate()


def _trade_and_back_up(home: Path, venue: dict[str, str], port: int) -> dict[str, Any]:
    with start(home, settings=venue) as stack:
        stack.paper_port = port
        for number in range(WORKERS):
            stack.create_worker(f"worker {number}", *WORKER, "--symbols", UNIVERSES[number])
        wait_until(lambda: _count(stack) >= WARM_TRADES, limit_s=WARM_LIMIT_S, every_s=1.0)
        before, began_s = _count(stack), time.monotonic()
        made = json.loads(stack.manage("backup", "--json"))
        command_s, during = time.monotonic() - began_s, _count(stack) - before
        time.sleep(ONWARD_S)
        after = _count(stack) - before - during
        _kill(stack)
    return {
        "backup_command_s": round(command_s, 2),
        "backup_s": made["took_s"],
        "proof_s": made["verified_s"],
        "rows": made["rows"],
        "size_bytes": made["size_bytes"],
        "file": made["file"],
        "trades_before": before,
        "trades_opened_meanwhile": during,
        "trades_after_it_unknown_to_the_file": after,
    }


def _kill(stack: Stack) -> None:
    """End all of it at once, as a machine does that loses power."""
    family = [stack.process.pid]
    family += [child.pid for child in psutil.Process(stack.process.pid).children(recursive=True)]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    stack.process.wait()


def _restore(home: Path, backup: dict[str, Any], settings: dict[str, str], port: int) -> dict[str, Any]:
    home.mkdir()
    began_s = time.monotonic()
    command = [sys.executable, str(ROOT / "manage.py"), "restore", backup.pop("file"), "--json"]
    done = subprocess.run(command, env=environment_of(home, settings), capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"restore failed: {done.stderr.decode()[-500:]}")
    restored_s = time.monotonic() - began_s
    with start(home, settings=settings) as stack:
        stack.paper_port, stack.reader = port, partial(_read_server, settings["DATABASE_URL"])
        first = json.loads(stack.manage("reconcile", "--json"))
        settled_s = wait_until(lambda: not ledger_differences(stack), limit_s=SETTLE_LIMIT_S, every_s=0.5)
        status = stack.status()
        return {
            "restore_s": round(restored_s, 2),
            "rows_restored": json.loads(done.stdout)["rows"],
            "ready_after_start_s": round(stack.ready_s, 2),
            "found_by_reconcile": {name: len(each) for name, each in first.items() if isinstance(each, list)},
            "equal_after_ready_s": round(settled_s, 2),
            "assets_that_differ": len(ledger_differences(stack)),
            "external_changes": dict(
                stack.rows("select kind, count(*) from trading_externalchange group by kind")
            ),
            "open_trades": len(status["open_trades"]),
            "unprotected": sum(not each["protected"] for each in status["open_trades"]),
            "reconcile_exit_status": _reconcile_status(stack),
        }


def _reconcile_status(stack: Stack) -> int:
    command = [sys.executable, str(ROOT / "manage.py"), "reconcile", "--json"]
    return subprocess.run(command, env=stack.environment, capture_output=True, check=False).returncode


def _read_server(url: str, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as server:
        return list(server.execute(query.replace("?", "%s").encode(), values))


def _count(stack: Stack) -> int:
    return int(stack.rows("select count(*) from trading_trade")[0][0])


def main() -> int:
    """Measure and print; exit 1 where ledger and venue differ or something is bare."""
    figures = measure()
    print(json.dumps(figures, indent=2))  # noqa: T201 -- this is its answer
    return 1 if figures["assets_that_differ"] or figures["unprotected"] else 0


if __name__ == "__main__":
    sys.exit(main())
