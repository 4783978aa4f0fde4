"""The parts of one machine's stack: what each one runs, and how one sees that it is ready.

`manage.py up` builds them; the supervisor starts, watches and stops them without knowing what they are.
"""

from __future__ import annotations

import http.client
import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

import redis
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from kombu.asynchronous import get_event_loop, set_event_loop

from trading.management.supervisor.celery_worker import make_worker
from trading.management.supervisor.children import become_program
from trading.management.supervisor.heartbeat import connect
from trading.management.supervisor.pages import give_back_regularly
from trading.management.supervisor.priority import give_way
from trading.management.supervisor.redis_server import redis_command

REDIS = "redis"
PAPER = "paper"
# The feed hears of what the trader's last orders did, and books it; the venue and Redis go last.
STOP_ORDER = ("trader", "feed", "web", PAPER, REDIS)
FORKED = ("trader", "feed", "web")
# What else runs in a fork, with a heartbeat of its own: a process more costs 17 to 30 MB.
HEARTBEATS_WITHIN = {"trader": ("beat",), "feed": ("executions",), "web": ("analyst",)}
# What a forked role needs is imported before the fork, once for all. The web's command is not among it: it
# brings Twisted, which the others need not carry.
PRELOADED_COMMANDS = ("run_executions", "run_feed", "run_trader", "run_analyst")
# Celery, kombu and Channels load these by name, when they run; loaded here, they are shared.
PRELOADED_MODULES = (
    "binance.client",
    "billiard.pool",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.routes",
    "celery.apps.worker",
    "celery.concurrency.thread",
    "celery.loaders.app",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.consumer",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "channels.auth",
    "channels.routing",
    "channels.security.websocket",
    "channels_redis.pubsub",
    "django.db.models.sql.compiler",
    "kombu.transport.redis",
    "psutil",
)
# Who trades goes first where processors are short.
NICENESS = {"web": 5}
# A foreign program gets no credential of ours.
SECRET_VARIABLES = ("BINANCE_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "VENUE")
MAX_LOG_BYTES = 10_000_000
ANSWER_LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Role:
    """One process to keep alive. `answers` None means: ready when all its heartbeats carry its pid."""

    name: str
    run: Callable[[], int]
    answers: Callable[[], bool] | None = None
    beats: tuple[str, ...] = ()

    @property
    def heartbeats(self) -> tuple[str, ...]:
        """Names of the heartbeats that this process keeps: its own, and those of what runs in it."""
        return (self.name, *self.beats)


def redis_role(socket: Path) -> Role:
    """The private Redis of this machine."""
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_file = _fresh_log(REDIS)
    command = redis_command(socket)

    def run() -> int:
        return become_program(command, folder=settings.BASE_DIR, log_file=log_file, drop=SECRET_VARIABLES)

    return Role(REDIS, run, answers=redis_answers)


def redis_answers() -> bool:
    """Say whether the Redis of the settings answers."""
    try:
        with connect(settings.REDIS_URL) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def paper_role(port: int, options: Sequence[str]) -> Role:
    """The paper venue, a stranger that is started as its own program."""
    log_file = _fresh_log(PAPER)
    command = [sys.executable, "-m", "trading.paper", "--port", str(port), *options]

    def run() -> int:
        return become_program(command, folder=settings.BASE_DIR, log_file=log_file, drop=SECRET_VARIABLES)

    return Role(PAPER, run, answers=lambda: _paper_answers(port))


def _paper_answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/api/v3/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def forked_role(name: str, *arguments: str) -> Role:
    """A management command `run_<name>` in a fork of the supervisor."""

    def run() -> int:
        log_as(name)
        give_way(NICENESS.get(name, 0))
        give_back_regularly()
        call_command(f"run_{name}", *arguments)
        return 0

    return Role(name, run, beats=HEARTBEATS_WITHIN.get(name, ()))


def log_as(name: str) -> None:
    """Give this process a log file of its own; the terminal's handler stays.

    Only the handler is exchanged: configuring anew would write to every logger, three megabytes of a fork.
    """
    root = logging.getLogger()
    inherited = next(each for each in root.handlers if isinstance(each, RotatingFileHandler))
    own = RotatingFileHandler(
        settings.LOGS_DIR / f"{name}.log",
        maxBytes=inherited.maxBytes,
        backupCount=inherited.backupCount,
        encoding=inherited.encoding,
        delay=True,
    )
    own.setFormatter(inherited.formatter)
    root.removeHandler(inherited)
    inherited.close()
    root.addHandler(own)


def last_words(name: str) -> str:
    """Give the last line of a role's log, which usually says why it ended."""
    path = Path(settings.LOGS_DIR) / f"{name}.log"
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    return next((line for line in reversed(lines) if line.strip()), f"no word in {path}")


def preload() -> None:
    """Import what the forked roles need; it opens nothing and starts no thread."""
    for command in PRELOADED_COMMANDS:
        importlib.import_module(f"trading.management.commands.{command}")
    for module in (*PRELOADED_MODULES, settings.ROOT_URLCONF):
        importlib.import_module(module)
    current_app.loader.import_default_modules()
    current_app.finalize()
    make_worker(name="rehearsal", queue="none", threads=1)
    # It has opened what a worker watches its sockets with. Forks that share one are told of each other's
    # sockets, and wait for ever on one of their own that says nothing.
    rehearsed = get_event_loop()
    if rehearsed is not None:
        rehearsed.close()
        set_event_loop(None)


def _fresh_log(name: str) -> Path:
    path = Path(settings.LOGS_DIR) / f"{name}.log"
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path
