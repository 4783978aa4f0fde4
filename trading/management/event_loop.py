"""Runs one asynchronous role of the product until it is told to stop.

Used by run_feed and run_executions: on uvloop, with a heartbeat that falls silent with the loop,
a clean end on SIGTERM and SIGINT.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from django.conf import settings
from setproctitle import setproctitle
from uvloop import new_event_loop

from trading.management.supervisor.heartbeat import Heartbeat

log = logging.getLogger(__name__)

TOUCH_EVERY_S = 1.0


def run_role(name: str, main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` until it ends, fails, or a signal cancels it."""
    setproctitle(f"fast-cycle: {name}")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_run(name, main))
    log.info("role_stopped", extra={"role": name})


async def _run(name: str, main: Callable[[], Awaitable[None]]) -> None:
    heartbeat = Heartbeat(name, redis_url=settings.REDIS_URL, must_touch=True)
    task = asyncio.ensure_future(main())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    touching = asyncio.create_task(_touch(heartbeat))
    heartbeat.start()
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        touching.cancel()
        heartbeat.stop()


async def _touch(heartbeat: Heartbeat) -> None:
    while True:
        heartbeat.touch()
        await asyncio.sleep(TOUCH_EVERY_S)
