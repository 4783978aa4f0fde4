"""The way of one call to the venue: breaker, budget, signature, answer, and what is learned from it.

Used by exchange.client alone, which says what is sent and how it is read. A question whose connection was cut
is asked once more on a new one, within the budget; nothing that changes something is ever sent again
(binance-spot-api-docs says of no POST that it may be).
"""

import copy
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from trading.domain.ports import Clock, VenueError, VenueUnavailable, VenueUncertain
from trading.domain.values import to_ms
from trading.exchange import faults
from trading.exchange.breaker import TERMS, Breaker, BreakerOpen, BreakerState, Endpoints
from trading.exchange.budgets import Reservation
from trading.exchange.throttle import BREAKERS, CallClass, Throttle
from trading.exchange.venue_clock import VenueClock

T = TypeVar("T")
Send = Callable[[Any], object]
Judge = Callable[[Exception], faults.Fault]
# How long an open breaker is shown after the moment of its next try, where nobody tries.
SHOWN_MS = 60_000
CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a call is to the governor. `endpoints` None: no breaker; `is_question`: may be repeated."""

    call: CallClass
    endpoints: Endpoints | None
    weight: int
    orders: int = 0
    is_question: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """A value, or the fault that there was instead."""

    value: T | None
    fault: faults.Fault | None = None
    was_cut: bool = False


class Line:
    """Calls of one account. `model` is the signing client that each thread copies; safe for threads."""

    def __init__(self, model: Any, *, throttle: Throttle, venue_clock: VenueClock, clock: Clock) -> None:
        self._model = model
        self._throttle = throttle
        self._venue_clock = venue_clock
        self._clock = clock
        self._local = threading.local()
        self._breakers = {endpoints: Breaker(TERMS[endpoints]) for endpoints in Endpoints}

    def call(self, send: Send, read: Callable[[object], T], *, kind: Kind, judge: Judge) -> T:
        """Make one call and give what `read` makes of the answer.

        Raises:
            VenueError, OrderNotFound: As `judge` says; VenueUnavailable where breaker or budget refuse.
        """
        outcome = self._try(send, read, kind=kind, judge=judge)
        if outcome.was_cut and kind.is_question:
            # The server closes kept connections when it likes; the question may cross that on its way.
            outcome = self._try(send, read, kind=kind, judge=judge)
        if outcome.fault is not None:
            if isinstance(outcome.fault, VenueError) and outcome.fault.code == faults.CODE_CLOCK:
                self._venue_clock.forget()
            # Raised outside the handler: the library's error carries the signed request.
            raise outcome.fault
        return outcome.value  # type: ignore[return-value]  # T may itself be optional

    def left_at(self) -> datetime:
        """Tell when this thread's last answered request was handed to the socket."""
        left_at: datetime = self._local.client.response.left_at
        return left_at

    def _try(self, send: Send, read: Callable[[object], T], *, kind: Kind, judge: Judge) -> _Outcome[T]:
        turn, reserved = self._admit(kind)
        client = self._client()
        started_s = time.perf_counter()
        outcome: _Outcome[T] | None = None
        was_sent = True
        try:
            outcome = _Outcome(read(send(client)))
        except faults.CALL_ERRORS as error:
            was_sent = not faults.never_left(error)
            outcome = _Outcome(None, judge(error), faults.was_cut(error))
        finally:
            latency_s = time.perf_counter() - started_s
            fault = outcome.fault if outcome is not None else None
            self._throttle.settle(
                client.response,
                reserved=reserved,
                latency_ms=latency_s * 1000,
                fault=fault,
                was_sent=was_sent,
            )
            # What is no fault of the venue, a defect of ours, must not leave the one try taken for ever.
            self._count(kind, turn, is_failure=_is_failure(fault, client.response), latency_s=latency_s)
        return outcome

    def _admit(self, kind: Kind) -> tuple[int, Reservation | None]:
        breaker = self._breakers[kind.endpoints] if kind.endpoints else None
        try:
            turn = breaker.admit(time.monotonic()) if breaker is not None else 0
        except BreakerOpen as why:
            raise VenueUnavailable(
                f"calls for {kind.endpoints and kind.endpoints.value} pause: {why}"
            ) from None
        try:
            return turn, self._throttle.reserve(kind.call, weight=kind.weight, orders=kind.orders)
        except VenueUnavailable:
            if breaker is not None:
                breaker.withdrawn(turn)
            raise

    def _count(self, kind: Kind, turn: int, *, is_failure: bool, latency_s: float) -> None:
        if kind.endpoints is None:
            return
        breaker, now_s = self._breakers[kind.endpoints], time.monotonic()
        if not breaker.ended(turn, now_s, is_failure=is_failure, latency_s=latency_s):
            return
        told = None
        if breaker.state is not BreakerState.CLOSED:
            left_ms = round((breaker.until_s - now_s) * 1000)
            told = {
                "name": kind.endpoints.value,
                "reason": breaker.reason,
                "until_ms": to_ms(self._clock()) + left_ms + SHOWN_MS,
            }
        self._throttle.note(BREAKERS, f"{os.getpid()}:{kind.endpoints.value}", told)

    def _client(self) -> Any:
        # One client per thread, because python-binance keeps the last answer on the object.
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = copy.copy(self._model)
        client.response = client.claimed_ms = None
        client.timestamp_offset = self._venue_clock.read().offset_ms
        return client


def _is_failure(fault: faults.Fault | None, answer: Any) -> bool:
    """Tell a venue that fails from one that refuses: what it says with 4xx it is well enough to say."""
    if not isinstance(fault, VenueUncertain | VenueUnavailable):
        return False
    return answer is None or answer.status_code not in CLIENT_ERRORS
