"""What is done to the running stack so that a fault finds something to strike, by name."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterable

import redis
from celery import Celery

from bench.stack import Stack, wait_until

KILLS = 6
RESET_S = 4.0
# What the operator does on the page of balances.
ACCEPT = """
from trading import bootstrap
from trading.services import reconcile
desk = bootstrap.get_desk()
for each in reconcile.run(desk=desk, reason="COMMAND").differences:
    reconcile.accept(each.asset, actor="operator", reason="the venue was reset", desk=desk)
"""
# task -> its queue and arguments
QUEUES: dict[str, tuple[str, dict[str, str]]] = {
    "reconcile": ("trading", {"reason": "schedule"}),
    "refresh_instruments": ("analysis", {}),
}
MAX_STREAMS = 200  # of one connection of ours; the venue allows 1,024


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


def count_streams(stack: Stack) -> int:
    """Give how many streams the venue serves us; stop the bench where one connection has too many."""
    status = stack.ask_venue("/paper/status")
    if status["streams"] > MAX_STREAMS * status["stream_connections"]:
        raise SystemExit(f"{status['streams']} streams on {status['stream_connections']} connections")
    return int(status["streams"])


def reset_venue(stack: Stack) -> int:
    """Let the venue forget everything, wait until that is named per asset, and accept it as its operator."""
    stack.tell_venue(
        "/paper/faults", {"fault": 68, "count": None, "params": {"restart_s": 2.0, "ids": "continue"}}
    )
    time.sleep(RESET_S)
    stack.tell_venue("/paper/faults", {}, method="DELETE")

    def differs() -> bool:
        """a reconcile that names what differs"""
        nudge(stack, ["reconcile"])
        rows = stack.rows("select differences from trading_reconcilerun order by id desc limit 1")
        return bool(json.loads(rows[0][0]))

    def is_accepted() -> bool:
        """a reconcile without differences: trades that were open may move an asset once more"""
        stack.manage("shell", "-c", ACCEPT)
        return not differs()

    wait_until(differs, limit_s=60, every_s=1.0)
    # Each try starts a program, which takes a busy machine a while, and trading goes on meanwhile.
    wait_until(is_accepted, limit_s=240, every_s=3.0)
    return 1


def nudge(stack: Stack, tasks: Iterable[str]) -> None:
    """Give tasks to the queues now that come by the clock otherwise."""
    app = Celery(
        "faults", broker=f"redis+socket://{stack.home}/redis/redis.sock?virtual_host=0", set_as_current=False
    )
    app.conf.broker_transport_options = {"global_keyprefix": "fc:celery:"}
    with app:
        for name in tasks:
            queue, arguments = QUEUES[name]
            app.send_task(f"trading.{name}", kwargs=arguments, queue=queue, ignore_result=True)


PROVOCATIONS: dict[str, Callable[[Stack], int]] = {
    "kill": kill_traders,
    "streams": count_streams,
    "reset": reset_venue,
}
