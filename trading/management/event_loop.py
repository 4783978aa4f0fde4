"""Runs asynchronous roles of the product in one event loop until they are told to stop.

Used by run_feed and run_executions: on uvloop, with heartbeats that fall silent with the loop,
a clean end on SIGTERM and SIGINT.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from django.conf import settings
from setproctitle import setproctitle
from uvloop import new_event_loop

from trading.management.supervisor.heartbeat import Heartbeat
from trading.market.together import run_together

log = logging.getLogger(__name__)

TOUCH_EVERY_S = 1.0

Main = Callable[[], Coroutine[Any, Any, None]]


def run_roles(mains: Mapping[str, Main]) -> None:
    """Run roles side by side until one fails or a signal ends them; the process is named after the first."""
    names = list(mains)
    setproctitle(f"fast-cycle: {names[0]}")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_run(mains))
    log.info("role_stopped", extra={"role": " and ".join(names)})


async def _run(mains: Mapping[str, Main]) -> None:
    heartbeats = [Heartbeat(name, redis_url=settings.REDIS_URL, must_touch=True) for name in mains]
    task = asyncio.ensure_future(run_together(*(main() for main in mains.values())))
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    touching = asyncio.create_task(_touch(heartbeats))
    for heartbeat in heartbeats:
        heartbeat.start()
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        touching.cancel()
        for heartbeat in heartbeats:
            heartbeat.stop()


async def _touch(heartbeats: Sequence[Heartbeat]) -> None:
    while True:
        for heartbeat in heartbeats:
            heartbeat.touch()
        await asyncio.sleep(TOUCH_EVERY_S)
