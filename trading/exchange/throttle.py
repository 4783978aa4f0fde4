"""The request budget of our address and account, shared by every process through Redis.

Called by the REST client before and after each call, and by selectors for the figures. It owns the keys
`fc:api:*`. It refuses rather than waits, and it never delays an order by more than one round trip to Redis:
what was learned from answers travels with the next reservation.

Source of the windows (aligned to the clock, not sliding): binance-spot-api-docs, rest-api.md, "LIMITS".
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import redis

from trading.domain.ports import Clock, VenueUnavailable
from trading.exchange.faults import CODE_ORDER_LIMIT

log = logging.getLogger(__name__)

PREFIX = "fc:api:"
REQUESTS_1M = 600
WEIGHT_1M = 6000
ORDERS_10S = 100
WEIGHT_HEADROOM = 0.9  # other programs may share the address; the venue's header tells what they used
FLUSH_AFTER_S = 1.0
KEEP_S = 150
STATUS_TOO_MANY = 429
STATUS_BANNED = 418
DEFAULT_BAN_S = {STATUS_TOO_MANY: 60, STATUS_BANNED: 120}  # where the venue names no Retry-After


class CallClass(Enum):
    """How much of every budget a call may use up; what is above stays for the classes before it."""

    EXIT = 1.0
    CANCEL = 0.9
    ENTRY = 0.8
    DATA = 0.6


class Answer(Protocol):
    """What the throttle reads of an HTTP answer."""

    status_code: int
    headers: Any


@dataclass(frozen=True, slots=True)
class ApiStatistics:
    """Figures of the last minute over all processes. `errors_ratio` is None before the first answer."""

    requests_1m: int
    requests_limit: int
    weight_1m: int
    weight_limit: int
    errors_1m: int
    errors_ratio: float | None
    latency_ms_mean: float | None
    blocked_s: float


@dataclass(slots=True)
class _Learned:
    """What answers told since the last flush."""

    answers: int = 0
    errors: int = 0
    latency_us: int = 0
    used_weight: int = 0
    weight_minute: int = -1


# KEYS weight, requests, orders, block, order block, statistics
# ARGV weight, orders, weight limit, request limit, order limit, used weight, answers, errors, latency, keep
# Gives "" or the name of the budget that is spent. Checking and counting must be one step: two processes
# that both see the last free request would both send it.
_RESERVE = """
local weight, orders, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[10]
if tonumber(ARGV[7]) > 0 then
  redis.call('HINCRBY', KEYS[6], 'answers', ARGV[7])
  redis.call('HINCRBY', KEYS[6], 'errors', ARGV[8])
  redis.call('HINCRBY', KEYS[6], 'latency_us', ARGV[9])
  redis.call('EXPIRE', KEYS[6], keep)
end
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[6]) > used then
  used = tonumber(ARGV[6])
  redis.call('SET', KEYS[1], used, 'EX', keep)
end
if weight == 0 and orders == 0 then return '' end
if redis.call('EXISTS', KEYS[4]) == 1 then return 'RETRY_AFTER' end
if orders > 0 and redis.call('EXISTS', KEYS[5]) == 1 then return 'ORDERS_RETRY_AFTER' end
if used + weight > tonumber(ARGV[3]) then return 'WEIGHT' end
if tonumber(redis.call('GET', KEYS[2]) or '0') + 1 > tonumber(ARGV[4]) then return 'REQUESTS' end
if orders > 0 then
  if tonumber(redis.call('GET', KEYS[3]) or '0') + orders > tonumber(ARGV[5]) then return 'ORDERS' end
  redis.call('INCRBY', KEYS[3], orders)
  redis.call('EXPIRE', KEYS[3], keep)
end
redis.call('INCRBY', KEYS[1], weight)
redis.call('EXPIRE', KEYS[1], keep)
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], keep)
return ''
"""


class Throttle:
    """One process's door to the shared budget. Safe to use from several threads."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        clock: Clock,
        requests_1m: int = REQUESTS_1M,
        weight_1m: int = WEIGHT_1M,
        orders_10s: int = ORDERS_10S,
    ) -> None:
        self._redis = client
        self._clock = clock
        self._requests_1m = requests_1m
        self._weight_1m = int(weight_1m * WEIGHT_HEADROOM)
        self._orders_10s = orders_10s
        self._script = client.register_script(_RESERVE)
        self._lock = threading.Lock()
        self._learned = _Learned()
        self._flushed_s = time.monotonic()

    def reserve(self, call: CallClass, *, weight: int, orders: int = 0) -> None:
        """Take a request, its weight and its orders from the budget before sending.

        Exits and cancels go out uncounted while Redis is away: an unprotected position is worse than an
        uncounted request. Entries and data wait.

        Raises:
            VenueUnavailable: The share of this class is spent, or the venue told us to wait.
        """
        try:
            spent = self._run(call.value, weight=weight, orders=orders)
        except redis.RedisError as error:
            if call in (CallClass.EXIT, CallClass.CANCEL):
                log.warning(
                    "throttle_without_redis", extra={"call": call.name, "error": type(error).__name__}
                )
                return
            raise VenueUnavailable("the request budget cannot be read") from error
        if spent:
            raise VenueUnavailable(f"request budget {spent} is spent for {call.name}")

    def settle(self, answer: Answer | None, *, latency_ms: float, code: int | None) -> None:
        """Learn from an answer (None where there was none). `code` is None when the call was fine."""
        with self._lock:
            self._learned.answers += 1
            self._learned.errors += code is not None
            self._learned.latency_us += round(latency_ms * 1000)
            used = _header_number(answer, "X-MBX-USED-WEIGHT-1M")
            if used:
                self._learned.used_weight, self._learned.weight_minute = used, self._minute()
            is_due = time.monotonic() - self._flushed_s > FLUSH_AFTER_S
        try:
            if answer is not None and answer.status_code in DEFAULT_BAN_S:
                self._block(answer, code)
            if is_due:
                self._run(1.0, weight=0, orders=0)
        except redis.RedisError as error:
            log.warning("throttle_without_redis", extra={"error": type(error).__name__})

    def hold(self, seconds: float) -> None:
        """Let nobody ask for anything for so long: the venue said so on another road than REST."""
        try:
            self._redis.set(f"{PREFIX}blocked", 0, px=max(int(seconds * 1000), 1))
        except redis.RedisError as error:
            log.warning("throttle_without_redis", extra={"error": type(error).__name__})

    def _run(self, share: float, *, weight: int, orders: int) -> str:
        with self._lock:
            learned, self._learned = self._learned, _Learned()
            self._flushed_s = time.monotonic()
        minute = self._minute()
        seen = learned.used_weight if learned.weight_minute == minute else 0
        names = (f"weight:{minute}", f"requests:{minute}", f"orders:{self._ten_seconds()}")
        spent = self._script(
            keys=[
                *(PREFIX + name for name in names),
                f"{PREFIX}blocked",
                f"{PREFIX}orders_blocked",
                f"{PREFIX}stats:{minute}",
            ],
            args=[
                weight,
                orders,
                int(self._weight_1m * share),
                int(self._requests_1m * share),
                int(self._orders_10s * share),
                seen,
                learned.answers,
                learned.errors,
                learned.latency_us,
                KEEP_S,
            ],
        )
        return spent.decode() if isinstance(spent, bytes) else str(spent)

    def _block(self, answer: Answer, code: int | None) -> None:
        # The order count is the account's and leaves queries and cancels free; all else is the address's.
        seconds = _header_number(answer, "Retry-After") or DEFAULT_BAN_S[answer.status_code]
        name = "orders_blocked" if code == CODE_ORDER_LIMIT else "blocked"
        log.warning(
            "venue_retry_after",
            extra={"budget": name, "seconds": seconds, "status": answer.status_code, "code": code},
        )
        self._redis.set(PREFIX + name, code or 0, px=seconds * 1000)

    def _minute(self) -> int:
        return int(self._clock().timestamp() // 60)

    def _ten_seconds(self) -> int:
        return int(self._clock().timestamp() // 10)


def read_statistics(client: redis.Redis, *, now: datetime) -> ApiStatistics:
    """Give the figures of the last minute; the previous minute counts for the part still in view."""
    minute, seconds = divmod(now.timestamp(), 60)
    pipe = client.pipeline(transaction=False)
    for window in (int(minute) - 1, int(minute)):
        pipe.hgetall(f"{PREFIX}stats:{window}")
        pipe.get(f"{PREFIX}requests:{window}")
    pipe.get(f"{PREFIX}weight:{int(minute)}")
    pipe.pttl(f"{PREFIX}blocked")
    before, requests_before, current, requests_now, weight, blocked_ms = pipe.execute()
    share = 1 - seconds / 60

    def figure(name: bytes) -> float:
        return int(before.get(name, 0)) * share + int(current.get(name, 0))

    answers = figure(b"answers")
    return ApiStatistics(
        requests_1m=round(int(requests_before or 0) * share + int(requests_now or 0)),
        requests_limit=REQUESTS_1M,
        weight_1m=int(weight or 0),
        weight_limit=WEIGHT_1M,
        errors_1m=round(figure(b"errors")),
        errors_ratio=figure(b"errors") / answers if answers else None,
        latency_ms_mean=figure(b"latency_us") / answers / 1000 if answers else None,
        blocked_s=max(blocked_ms, 0) / 1000,
    )


def _header_number(answer: Answer | None, name: str) -> int:
    word = str(answer.headers.get(name, "")) if answer is not None else ""
    return int(word) if word.isdigit() else 0
