"""What is done to the running stack so that a fault finds something to strike, by name."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable

import redis

from bench.stack import Stack, wait_until

KILLS = 6


def kill_traders(stack: Stack) -> int:
    """Kill trader and executions in turn at uneven moments while they trade; give how often."""
    moments = random.Random(70)
    for number in range(KILLS):
        time.sleep(0.3 + moments.random())
        name = ("trader", "executions")[number % 2]
        old = pid_of(stack, name)
        if old is not None:
            os.kill(old, signal.SIGKILL)
        _wait_for_another(stack, name, old)
    return KILLS


def pid_of(stack: Stack, name: str) -> int | None:
    """Give the process that keeps the heartbeat of a role."""
    with redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock")) as client:
        value = client.get(f"fc:process:{name}")
    return int(json.loads(value)["pid"]) if isinstance(value, bytes) else None


def _wait_for_another(stack: Stack, name: str, old: int | None) -> None:
    def is_back() -> bool:
        """the killed process under another pid, with a heartbeat"""
        return pid_of(stack, name) not in (None, old)

    wait_until(is_back, limit_s=30, every_s=0.02)


def lose_replies(stack: Stack) -> int:
    """Lose the replies to some orders, so that they have to be asked for."""
    stack.tell_venue("/paper/faults", {"fault": 1, "count": 3})
    return 3


def drop_user_stream(stack: Stack) -> int:
    """Drop the sockets of the account, so that they connect again."""
    stack.tell_venue("/paper/faults", {"fault": 46, "params": {"which": "user"}})
    return 1


def drop_all_streams(stack: Stack) -> int:
    """Drop every socket, so that all connect again."""
    stack.tell_venue("/paper/faults", {"fault": 46})
    return 1


PROVOCATIONS: dict[str, Callable[[Stack], int]] = {
    "kill": kill_traders,
    "unknown": lose_replies,
    "reconnect user": drop_user_stream,
    "reconnect": drop_all_streams,
}
