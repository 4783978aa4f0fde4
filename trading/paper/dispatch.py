"""The one way a call takes through the venue, whichever door it came by: limits, key, clock, engine, reply.

rest.py and ws_api.py make Calls; faults are asked on the way; the venue carries the call out. Keeps a tally
of every answer, the oracle for "no request outside the rules was sent".
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from trading.paper.auth import Keyring, read_freshness
from trading.paper.calls import Call, Reply, refusal
from trading.paper.errors import VenueError
from trading.paper.fault_box import FaultBox
from trading.paper.limits import Limits

log = logging.getLogger("trading.paper.dispatch")

Perform = Callable[[Call], Any]


class Dispatcher:
    """Answers calls; refusals become replies, nothing but a cut connection escapes a reply."""

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        keyring: Keyring,
        limits: Limits,
        faults: FaultBox,
        perform: Perform,
    ) -> None:
        self._clock = clock
        self._keyring = keyring
        self._limits = limits
        self._faults = faults
        self._perform = perform
        self.tally: Counter[tuple[str, str]] = Counter()
        self.peak_weight = 0

    async def answer(self, call: Call) -> Reply:
        """Take a call through the venue and give its reply, headers included."""
        call.weight = call.route.weight(call.params)
        reply = await self._admit_and_perform(call)
        if self._faults.has("on_reply"):
            reply = self._faults.on_reply(call, reply)
        used = self._limits.used_weight(call.ip)
        self.peak_weight = max(self.peak_weight, used)
        reply.headers["X-MBX-USED-WEIGHT"] = reply.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        return reply

    async def _admit_and_perform(self, call: Call) -> Reply:
        is_charged = False
        try:
            self._limits.admit(call.ip, call.weight)
            is_charged = True
            reply = await self._checked(call)
        except VenueError as error:
            reply = refusal(error)
        except Exception:  # the rim of one request: the venue must outlive its own mistakes
            log.exception("call_failed", extra={"method": call.route.method})
            reply = refusal(VenueError(500, -1000, "An unknown error occurred while processing the request."))
        if is_charged and not (call.route.is_free and call.is_done):
            self._limits.charge(call.ip, call.weight)
        outcome = reply.body.get("code", reply.status) if isinstance(reply.body, dict) else reply.status
        self.tally[call.route.method, "cut" if reply.is_unanswered else str(outcome)] += 1
        return reply

    async def _checked(self, call: Call) -> Reply:
        if call.route.signed:
            self._authenticate(call)
        elif call.route.keyed:
            self._keyring.check_key(call.api_key)
        if call.route.orders:
            self._limits.check_orders(call.route.orders)
        if self._faults.has("before_engine"):
            early = await self._faults.before_engine(call)
            if early is not None:
                return early
            self._look_again(call)
        reply = Reply(body=self._carry_out(call))
        call.is_done = True
        if call.route.orders:
            for row in self._limits.order_rows():
                unit = "10S" if row["interval"] == "SECOND" else "1D"
                reply.headers[f"X-MBX-ORDER-COUNT-{unit}"] = str(row["count"])
        if self._faults.has("after_engine"):
            reply = await self._faults.after_engine(call, reply)
        return reply

    def _carry_out(self, call: Call) -> Any:
        if call.session is not None:
            return call.session(call)
        return self._perform(call)

    def _authenticate(self, call: Call) -> None:
        if not call.is_authorised:
            self._keyring.check_key(call.api_key)
        now_ms = self._clock()
        call.freshness = read_freshness(call.params, now_ms=now_ms)
        if not call.is_authorised:
            self._keyring.check_signature(call.payload, call.signature)
        call.freshness.check(now_ms)

    def _look_again(self, call: Call) -> None:
        """Check the age right before the engine, where a late order still uses up the unfilled count."""
        if call.freshness is None:
            return
        try:
            call.freshness.check_age(self._clock())
        except VenueError:
            self._limits.count_orders(call.route.orders)
            raise
