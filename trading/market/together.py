"""Runs endless loops side by side and ends them for certain.

Used by the feed and by run_executions instead of a task group: a cancellation that falls into a Redis call
can be lost there (measured with redis-py 8.1: one in five), and a group would then wait for ever.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

CANCEL_AGAIN_S = 0.2


async def run_together(*loops: Coroutine[Any, Any, None]) -> None:
    """Run until one loop fails or this is cancelled, then end the others; give on what was raised."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel until all have ended; who is told again to end meanwhile does not leave them behind."""
    was_told_again = False
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
        except asyncio.CancelledError:
            was_told_again = True
    if was_told_again:
        raise asyncio.CancelledError
