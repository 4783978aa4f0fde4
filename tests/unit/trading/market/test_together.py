"""Loops that run side by side end together, whatever becomes of a cancellation on the way."""

import asyncio

import pytest

from trading.market.together import CANCEL_AGAIN_S, run_together


async def _deaf(ended: list[str]) -> None:
    """Lose the first three cancellations, as a Redis call may."""
    for _ in range(3):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("deaf")


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_nobody_is_left_behind_however_deep_it_runs(depth: int) -> None:
    ended: list[str] = []
    whole = _deaf(ended)
    for _ in range(depth):
        whole = run_together(whole)
    task = asyncio.create_task(whole)
    await asyncio.sleep(0)

    task.cancel()
    async with asyncio.timeout(20 * CANCEL_AGAIN_S):
        with pytest.raises(asyncio.CancelledError):
            await task

    assert ended == ["deaf"]


async def test_the_failure_of_one_ends_the_others_and_is_told() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await run_together(fail(), _deaf(ended))

    assert ended == ["deaf"]
