"""Who of several equal processes acts: a lease in Redis that one holds and the others wait for.

Used by run_feed and run_executions, which run on one machine or, as a warm standby, on a second one. A holder
that was paused or cut off knows by its own clock that its time is over and stops before another may begin;
a key that Redis lost is simply taken again.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio

log = logging.getLogger(__name__)

LEASE_PREFIX = "fc:lease:"
TTL_S = 3.0
RENEW_EVERY_S = 0.5
LEADER = "leader"
STANDBY = "standby"

# Both compare and act in one step, so that nobody extends or gives up what another holds.
TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
GIVE_UP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


def now_s() -> float:
    """Give seconds that also pass while the machine sleeps, where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """The right to act as a role. `is_held` only reads the clock and may be asked before each act."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        role: str,
        *,
        ttl_s: float = TTL_S,
        clock_s: Callable[[], float] = now_s,
    ) -> None:
        self.me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._redis = client
        self._role = role
        self.on_taken: Callable[[], object] = int  # told whenever it was not held before
        self.term = 0  # counts the takings: whoever acts compares it, and begins anew with each
        self._ttl_s = ttl_s
        self._clock_s = clock_s
        self._until_s = 0.0
        self._was_held = False
        self._holder = ""

    @property
    def is_held(self) -> bool:
        """Tell whether this process may act now."""
        return self._clock_s() < self._until_s

    def status(self) -> dict[str, Any]:
        """Give role and holder for the status of this process."""
        return {"role": LEADER if self.is_held else STANDBY, "holder": self._holder}

    async def run(self) -> None:
        """Take the lease as soon as it is free and keep it until cancelled; give it up then."""
        try:
            while True:
                try:
                    await self.renew()
                except redis.RedisError as error:
                    log.warning("lease_unknown", extra={"role": self._role, "error": str(error)})
                await asyncio.sleep(self._ttl_s * RENEW_EVERY_S / TTL_S)
        finally:
            await self._give_up()

    async def renew(self) -> None:
        """Take or extend the lease; `term` grows whenever it was not held before. Raises RedisError."""
        if self._was_held and not self.is_held:
            log.warning("lease_lost", extra={"role": self._role})
            self._was_held = False
        # The key lives from when Redis is asked at the earliest: counted from before, ours ends first.
        asked_s = self._clock_s()
        answer: Any = await self._redis.eval(
            TAKE, 1, f"{LEASE_PREFIX}{self._role}", self.me, str(round(self._ttl_s * 1000))
        )
        self._holder = answer.decode() if isinstance(answer, bytes) else str(answer)
        if self._holder != self.me:
            self._until_s = 0.0
            return
        was_held = self._was_held and self.is_held
        self._until_s = asked_s + self._ttl_s
        if self.is_held and not was_held:
            log.info("lease_taken", extra={"role": self._role, "holder": self.me})
            self._was_held = True
            self.term += 1
            self.on_taken()

    async def _give_up(self) -> None:
        if not self.is_held:
            return
        self._until_s = 0.0
        try:
            await self._redis.eval(GIVE_UP, 1, f"{LEASE_PREFIX}{self._role}", self.me)
        except redis.RedisError as error:
            log.warning("lease_not_given_up", extra={"role": self._role, "error": str(error)})
