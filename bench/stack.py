"""Runs the real stack in a folder of its own and asks it questions, as an operator would.

Used by every measurement here. Talks to the product through its commands, its database and the paper
venue's control port only.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READY_LIMIT_S = 120.0
VENUE_LIMIT_S = 10.0
# A stack is configured by its own folder alone. Other measurements, loaded beside, set some of these for
# this process.
NOT_HANDED_ON = (
    "VENUE",
    "BINANCE",
    "FASTCYCLE_",
    "REDIS_URL",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "CELERY_SKIP_CHECKS",
)
NO_SETTINGS: Mapping[str, str] = {}
# Below the ports that the system hands out by itself: a server that starts again finds its own still free.
PORTS = (10_000, 32_000)


@dataclass
class Stack:
    """One running `manage.py up`."""

    home: Path
    port: int
    paper_port: int
    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    ready_s: float
    # Where the database is not the file of its home.
    reader: Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]] | None = None

    def manage(self, *arguments: str) -> str:
        """Run a command of the product and give its standard output; a failure stops the bench."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        # 1 is an answer too ("something is still open"), unless nothing was said.
        if done.returncode not in (0, 1) or (done.returncode and not done.stdout):
            raise SystemExit(f"{arguments[0]} failed: {done.stderr.decode()[-500:]}")
        return done.stdout.decode()

    def status(self) -> dict[str, Any]:
        """Give `manage.py status --json`."""
        result: dict[str, Any] = json.loads(self.manage("status", "--json"))
        return result

    def ask_venue(self, path: str) -> Any:
        """Ask the paper venue's control port. OSError: it is away."""
        return self._call_venue("GET", path, None)

    def tell_venue(self, path: str, body: Mapping[str, Any], *, method: str = "POST") -> Any:
        """Tell the paper venue's control port something; a refusal stops the bench. OSError: it is away."""
        return self._call_venue(method, path, json.dumps(body).encode())

    def _call_venue(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.paper_port}{path}", data=body, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=VENUE_LIMIT_S) as reply:  # noqa: S310 -- http, above
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path} {body!r}: {error.read().decode()}") from error
        except (HTTPException, json.JSONDecodeError) as error:
            raise ConnectionError(f"the venue died while it answered: {error}") from error

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from the product's database; values stand for question marks."""
        if self.reader is not None:
            return self.reader(query, values)
        with closing(sqlite3.connect(self.home / "fastcycle.sqlite3", timeout=20)) as database:
            return list(database.execute(query, values))

    def write(self, statement: str, *values: object) -> None:
        """Write into the product's database what cannot be provoked in time."""
        with closing(sqlite3.connect(self.home / "fastcycle.sqlite3", timeout=20)) as database, database:
            database.execute(statement, values)

    def create_worker(self, name: str, *options: str) -> None:
        """Make and start a worker."""
        self.manage("worker", "create", "--name", name, *options, "--start", "--json")

    def resume(self, reason: str) -> bool:
        """Let the account trade again if the product has halted it; tell whether it had."""
        is_halted = bool(self.rows("select 1 from trading_tradingcontrol where state <> 'ACTIVE'"))
        if is_halted:
            self.manage("resume", "--reason", reason)
        return is_halted

    def delete_starters(self) -> None:
        """Stop the workers that a first start makes."""
        for worker in json.loads(self.manage("worker", "list", "--json")):
            if worker["state"] == "ACTIVE":
                self.manage("worker", "stop", str(worker["id"]), "--json")

    def last_words(self) -> str:
        """Give the end of what it printed."""
        return (self.home / "said.txt").read_text()[-500:].strip()

    def interrupt(self, *, limit_s: float = 30.0) -> None:
        """Press Ctrl-C and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=limit_s)


def wait_until(condition: Callable[[], bool], *, limit_s: float, every_s: float = 0.2) -> float:
    """Wait for a condition and give the seconds; stop the bench with what was missing otherwise."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit_s:
            raise SystemExit(f"not within {limit_s} s: {getattr(condition, '__doc__', None) or condition}")
        time.sleep(every_s)
    return time.monotonic() - began


def free_port() -> int:
    """Give a port that nobody uses."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def environment_of(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a stack in this home: nothing of ours that configures another one."""
    handed_on = {name: value for name, value in os.environ.items() if not name.startswith(NOT_HANDED_ON)}
    return {**handed_on, "FASTCYCLE_HOME": str(home), **settings}


@contextmanager
def running(*options: str) -> Iterator[Stack]:
    """Run `manage.py up` on a home of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, start(Path(folder), *options) as stack:
        yield stack


@contextmanager
def start(home: Path, *options: str, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Stack]:
    """Run `manage.py up` on this home, with these settings, until the block ends, then stop it."""
    port, paper_port = free_port(), free_port()
    environment = environment_of(home, {"PAPER_PORT": str(paper_port), **settings})
    began = time.monotonic()
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port), *options]
    said = home / "said.txt"
    home.mkdir(parents=True, exist_ok=True)
    with (
        said.open("ab") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=ROOT) as process,
    ):
        offset = said.stat().st_size

        def is_ready() -> bool:
            """the line `ready in`"""
            if process.poll() is not None:
                raise SystemExit(said.read_text()[-2000:])
            return b"ready in" in said.read_bytes()[offset:]

        wait_until(is_ready, limit_s=READY_LIMIT_S, every_s=0.05)
        stack = Stack(home, port, paper_port, process, environment, time.monotonic() - began)
        try:
            # Everything new begins with one small worker; what is measured here is the product at work.
            unlimited = ("--max-workers", "none", "--max-trade-notional", "none")
            stack.manage("rollout", "define", "first", *unlimited, "--reason", "bench")
            yield stack
        finally:
            if process.poll() is None:
                stack.interrupt()


def quantile(values: list[float], share: float) -> float:
    """Give the value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def ledger_differences(stack: Stack) -> dict[str, tuple[str, str]]:
    """Compare our ledger with the venue's own, per asset; empty when they are equal."""
    theirs = {
        asset: Decimal(each["free"]) + Decimal(each["locked"])
        for asset, each in stack.ask_venue("/paper/ledger")["balances"].items()
    }
    ours = {asset: Decimal(total) for asset, total in stack.rows("select asset, ledger from trading_balance")}
    return {
        asset: (str(ours.get(asset, 0)), str(theirs.get(asset, 0)))
        for asset in sorted(ours.keys() | theirs.keys())
        if ours.get(asset, Decimal(0)) != theirs.get(asset, Decimal(0))
    }
