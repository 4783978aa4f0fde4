"""`manage.py run_web`: serves the admin, the dashboard and its WebSocket with daphne, and keeps watch.

With `--analyst` the worker for analysis is a thread of it.

Started by `manage.py up` or a service manager. Only this process may import it: Twisted comes along.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string
from twisted.internet import reactor, task

from trading.management.commands import run_analyst
from trading.management.supervisor.celery_worker import WorkerBeside
from trading.management.supervisor.children import CRASHED
from trading.management.supervisor.heartbeat import Heartbeat

TOUCH_EVERY_S = 1.0
# Of the five that the supervisor grants a process.
ANALYST_STOP_LIMIT_S = 2.0
# It binds what is sent too: a snapshot of a thousand workers takes two megabytes.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class Command(BaseCommand):
    """Serves the site until told to stop."""

    help = "Serve the admin and the dashboard."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to listen."""
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on")
        parser.add_argument("--host", default=settings.HOST, help="address to listen on")
        parser.add_argument(
            "--analyst",
            action="store_true",
            help="work on the queue for analysis too, instead of a process run_analyst",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        heartbeat = Heartbeat("web", redis_url=settings.REDIS_URL, must_touch=True)
        watch = import_string(settings.WATCH)()
        # Where it ends by itself, so does the process, to be started again.
        analyst = _analyst(lambda: reactor.callFromThread(server.stop)) if options["analyst"] else None

        def begin() -> None:
            heartbeat.start()
            watch.start()
            if analyst is not None:
                analyst.start()

        server = _server(host=options["host"], port=options["port"], begin=begin)
        task.LoopingCall(heartbeat.touch).start(TOUCH_EVERY_S)
        server.run()
        watch.stop()
        heartbeat.stop()
        if analyst is not None:
            if analyst.has_ended:
                sys.exit(CRASHED)
            analyst.stop(limit_s=ANALYST_STOP_LIMIT_S)


def _analyst(on_end: Callable[[], None]) -> WorkerBeside:
    return WorkerBeside(
        name="analyst",
        queue=run_analyst.QUEUE,
        threads=run_analyst.THREADS,
        heartbeat=Heartbeat("analyst", redis_url=settings.REDIS_URL, must_touch=True),
        on_end=on_end,
    )


def _server(*, host: str, port: int, begin: Callable[[], None]) -> Server:
    return Server(
        application=import_string(settings.ASGI_APPLICATION),
        endpoints=build_endpoint_description_strings(host=host, port=port),
        ready_callable=begin,
        server_name="fast-cycle",
        # Who really asks, for the login's count of wrong passwords; only a proxy may say so.
        proxy_forwarded_address_header="X-Forwarded-For" if settings.BEHIND_TLS else None,
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        websocket_max_frame_size=MAX_MESSAGE_BYTES,
        application_close_timeout=2,
        verbosity=0,
    )
