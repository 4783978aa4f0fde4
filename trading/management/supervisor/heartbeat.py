"""A process says that it lives: one Redis key with its pid, refreshed every two seconds, gone after fifteen.

Every serving process keeps one; `manage.py up` waits for it, `status` and the health score read it. A thread
refreshes the key, but only while the process's own loop touches the heartbeat: a stuck loop falls silent.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY = "fc:process:{name}"
PERIOD_S = 2.0
EXPIRY_S = 15
STOPPING_KEY = "fc:stopping:{host}"
STOPPING_KEPT_S = 30
SILENT_LOOP_S = 10.0
ANSWER_LIMIT_S = 1.0

log = logging.getLogger(__name__)


class Heartbeat:
    """Owner of one `fc:process:{name}` key.

    Call `touch` from the loop that must not hang; `must_touch` False is for loops that wait without a limit.
    """

    def __init__(self, name: str, *, redis_url: str, must_touch: bool = False) -> None:
        self._key = KEY.format(name=name)
        self._url = redis_url
        self._must_touch = must_touch
        self._started_at_ms = time.time_ns() // 1_000_000
        self._touched_at_s = time.monotonic()
        self._stopped = threading.Event()
        self._is_failing = False

    def touch(self) -> None:
        """Say that the loop came round; cheap enough for every round."""
        self._touched_at_s = time.monotonic()

    def start(self) -> None:
        """Beat from a thread of its own until the process ends or `stop` is called."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Fall silent; the key goes by itself."""
        self._stopped.set()

    def _run(self) -> None:
        with connect(self._url) as client:
            while not self._stopped.is_set():
                if not self._must_touch or time.monotonic() - self._touched_at_s < SILENT_LOOP_S:
                    self.beat(client)
                self._stopped.wait(0.2 if self._is_failing else PERIOD_S)

    def beat(self, client: redis.Redis) -> None:
        """Refresh the key once, for a process that has no thread to spare; a failure is told once."""
        beat = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at_ms": self._started_at_ms,
            "beat_at_ms": time.time_ns() // 1_000_000,
        }
        try:
            client.set(self._key, json.dumps(beat), ex=EXPIRY_S)
            self._is_failing = False
        except redis.RedisError as error:
            if not self._is_failing:
                log.warning("heartbeat.failed", extra={"key": self._key, "error": str(error)})
            self._is_failing = True


def connect(redis_url: str) -> redis.Redis:
    """Give a client that answers or fails within a second, without trying again by itself."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=ANSWER_LIMIT_S,
        socket_connect_timeout=ANSWER_LIMIT_S,
        retry=Retry(NoBackoff(), 0),
    )


def announce_stop(redis_url: str) -> None:
    """Tell whoever watches that this machine's processes end on purpose; without Redis nobody hears it."""
    with contextlib.suppress(redis.RedisError), connect(redis_url) as client:
        client.set(STOPPING_KEY.format(host=socket.gethostname()), 1, ex=STOPPING_KEPT_S)


def read_pids(redis_url: str, names: list[str]) -> dict[str, int] | None:
    """Give the pid behind each living heartbeat, or None where Redis does not answer.

    The connection is closed again at once: the caller forks, and a child must inherit no socket.
    """
    if not names:
        return {}
    try:
        with connect(redis_url) as client:
            values = client.mget([KEY.format(name=name) for name in names])
    except redis.RedisError:
        return None
    return {name: int(json.loads(value)["pid"]) for name, value in zip(names, values, strict=True) if value}
