"""`manage.py up`: runs the whole stack on one machine, starts again what dies, stops cleanly on Ctrl-C.

`make run` calls it. Redis and the paper venue are started where no address of one is configured; every other
role is a fork of this process. It prints for people, on standard output; it never trades itself.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.management.supervisor import first_start, home, roles, starters
from trading.management.supervisor.pages import give_back_library_pages
from trading.management.supervisor.redis_server import NoRedisServer
from trading.management.supervisor.supervisor import StartFailed, StopRequested, Supervisor
from trading.paper.config import ConfigError, parse_arguments

LOCAL = "127.0.0.1"
MAX_PORT = 65_535
WRONG_USAGE = 2
GROUND_LIMIT_S = 30.0
READY_LIMIT_S = 60.0
PAPER_OPTIONS = ("market", "data", "symbols", "speed", "seed", "balance")


class Command(BaseCommand):
    """Everything, on one machine."""

    help = "Run the whole stack: web, feed, executions, trader, analyst, beat, and what they stand on."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to listen and which venue to use."""
        option = parser.add_argument
        option("--port", type=int, default=settings.PORT, help=f"port of the site (default {settings.PORT})")
        option("--host", default=settings.HOST, help=f"address to listen on (default {settings.HOST})")
        option("--venue", metavar="URL", help="a venue that serves REST, streams and WS API at this address")
        option("--no-paper", action="store_true", help="start no paper venue")
        for name in PAPER_OPTIONS:
            option(f"--{name}", help=f"of the paper venue, see run_paper --{name}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, watch, stop; leave with status 1 where nothing could be started."""
        began_s = time.monotonic()
        if not 1 <= options["port"] <= MAX_PORT:
            raise CommandError(f"--port must be a whole number from 1 to {MAX_PORT}", returncode=WRONG_USAGE)
        try:
            lock = home.lock_home(settings.RUN_FILE.parent / "up.lock")
            home.demand_port(options["host"], options["port"], option="--port")
            plan = Plan(options)
        except (home.CannotStart, NoRedisServer) as error:
            raise CommandError(str(error)) from error
        supervisor = Supervisor(redis_url=settings.REDIS_URL, lock=lock, say=self._say)
        supervisor.begin()
        try:
            # Ours alone: they cost nothing, and what is unsafe must not start.
            self.check(tags=["trading"])
            plan.start(supervisor, say=self._say)
            self._say(f"open http://{plan.shown_host}:{options['port']}/")
            self._say(f"ready in {time.monotonic() - began_s:.1f} s")
            supervisor.watch()
        except StopRequested:
            self._say("stopping")
        except StartFailed as error:
            raise CommandError(str(error)) from error
        finally:
            supervisor.stop()
            settings.RUN_FILE.unlink(missing_ok=True)
        self._say("stopped")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class Plan:
    """What one `up` starts, decided from its options before anything runs."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.shown_host = LOCAL if options["host"] in ("0.0.0.0", "::") else options["host"]  # noqa: S104 -- compared
        self._ground: list[roles.Role] = []
        if settings.REDIS_SOCKET is not None:
            self._ground.append(roles.redis_role(settings.REDIS_SOCKET))
        chosen = self._choose_venue(options)
        home.write_run_file(settings.RUN_FILE, {"PORT": options["port"], **chosen})
        arguments = {
            "web": ("--port", str(options["port"]), "--host", options["host"], "--analyst"),
            "feed": ("--executions",),
            "trader": ("--clock",),
        }
        self._forked = [roles.forked_role(name, *arguments.get(name, ())) for name in roles.FORKED]

    def _choose_venue(self, options: dict[str, Any]) -> dict[str, object]:
        if options["venue"]:
            settings.VENUE = settings.VENUE.at(options["venue"])
            return {"VENUE_REST_URL": settings.VENUE.rest_url}
        if settings.VENUE.name != "paper" or options["no_paper"]:
            return {}
        port = home.choose_port(LOCAL, settings.PAPER_PORT)
        settings.VENUE = settings.VENUE.at(f"http://{LOCAL}:{port}", name="paper")
        chosen = _paper_options(options)
        try:
            parse_arguments(["--port", str(port), *chosen], {})
        except ConfigError as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from error
        self._ground.append(roles.paper_role(port, chosen))
        return {"VENUE": "paper", "PAPER_PORT": port}

    def start(self, supervisor: Supervisor, *, say: Callable[[str], None]) -> None:
        """Start the ground, prepare the database meanwhile, then fork the roles and wait for them."""
        for role in self._ground:
            supervisor.add(role)
        preparing = supervisor.fork_once(lambda: first_start.prepare(say), name="prepare")
        roles.preload()
        missing = supervisor.wait_for([role.name for role in self._ground], limit_s=GROUND_LIMIT_S)
        if missing:
            raise StartFailed(f"no answer from {', '.join(missing)} within {GROUND_LIMIT_S:.0f} s")
        supervisor.wait_for_end(preparing, what="preparing the database")
        beginning = supervisor.fork_once(lambda: starters.begin_trading(say), name="starters")
        supervisor.wait_for_end(beginning, what="the first look at the venue")
        give_back_library_pages()
        gc.collect()
        gc.freeze()  # what exists now stays shared: a collection in a child touches none of it
        for role in self._forked:
            supervisor.add(role)
        names = [role.name for role in self._forked]
        while missing := supervisor.wait_for(names, limit_s=READY_LIMIT_S):
            say(f"still waiting for {', '.join(missing)}")


def _paper_options(options: dict[str, Any]) -> list[str]:
    given = [part for name in PAPER_OPTIONS if options[name] for part in (f"--{name}", str(options[name]))]
    return ["--state", str(settings.FASTCYCLE_HOME / "paper" / "state.jsonl"), *given]
