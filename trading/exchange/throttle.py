"""The governor: one budget for account and address, shared by every process and machine through Redis.

Called by the REST client before and after each call. It owns the keys `fc:api:*`; exchange.api_figures reads
them. It refuses rather than waits, and delays an order by one round trip to Redis: what was learned from
answers travels with the next reservation. What is counted, and why, is in exchange.budgets.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import redis

from trading.domain.ports import Clock, VenueError, VenueRefused, VenueUnavailable
from trading.domain.values import to_ms
from trading.exchange.budgets import (
    BUDGETS,
    ORDER_BUDGETS,
    ORDERS_1D,
    ORDERS_10S,
    RAW,
    REQUESTS,
    WEIGHT,
    Budget,
    Learned,
    Reservation,
    take_all,
)
from trading.exchange.faults import CODE_ORDER_LIMIT

log = logging.getLogger(__name__)

PREFIX = "fc:api:"
LIMITS = f"{PREFIX}limits"
CLOCK = f"{PREFIX}clock"
BREAKERS = f"{PREFIX}breakers"
BLOCKED = f"{PREFIX}blocked"
ORDERS_BLOCKED = f"{PREFIX}orders_blocked"
# A price that was wanted and went to REST was not in the cache; the market cache counts its own.
PRICE_MISSES = "fc:cache:misses"
MINUTE_MS = 60_000
FLUSH_AFTER_S = 1.0
AWAY_S = 1.0
KEEP_S = 150
# Read again every ten minutes; a venue that is not asked for so long is perhaps another one by now.
LIMITS_KEEP_S = 3600
NOTES_KEEP_S = 3600
STATUS_TOO_MANY = 429
STATUS_BANNED = 418
DEFAULT_BAN_S = {STATUS_TOO_MANY: 60, STATUS_BANNED: 120}  # where the venue names no Retry-After
SPEAKER = f"{socket.gethostname()}:"


class CallClass(Enum):
    """How much of every budget a call may use up; what is above stays for the classes before it."""

    EXIT = 1.0
    CANCEL = 0.85
    ENTRY = 0.75
    DATA = 0.55


class Answer(Protocol):
    """What the throttle reads of an HTTP answer."""

    status_code: int
    headers: Any


# KEYS prefix, blocked, orders blocked, statistics, limits, price misses
# ARGV one JSON object. Gives "" or the name of the budget that is spent. Learning, checking and counting must
# be one step: two processes that both see the last free request would both send it.
_RESERVE = """
local ask = cjson.decode(ARGV[1])
if ask.answers > 0 then
  redis.call('HINCRBY', KEYS[4], 'answers', ask.answers)
  redis.call('HINCRBY', KEYS[4], 'errors', ask.errors)
  redis.call('HINCRBY', KEYS[4], 'latency_us', ask.latency_us)
  redis.call('EXPIRE', KEYS[4], ask.keep_s)
end
if ask.prices > 0 then redis.call('INCRBY', KEYS[6], ask.prices) end
local function figures(key)
  local row = redis.call('HMGET', key, 'open', 'told', 'at_ms')
  return tonumber(row[1] or '0'), tonumber(row[2] or '0'), tonumber(row[3] or '0')
end
for _, seen in ipairs(ask.learned) do
  local key, covered, heard, at_ms = KEYS[1] .. seen[1], seen[2], seen[3], seen[4]
  local open, told, known_ms = figures(key)
  redis.call('HSET', key, 'open', string.format('%d', math.max(open - covered, 0)))
  if heard >= 0 and ((at_ms == 0 and heard > told) or (at_ms > 0 and at_ms >= known_ms)) then
    redis.call('HSET', key, 'told', string.format('%d', heard), 'at_ms', string.format('%d', at_ms))
  end
  redis.call('EXPIRE', key, seen[5])
end
if #ask.take == 0 then return '' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'RETRY_AFTER' end
if ask.orders > 0 and redis.call('EXISTS', KEYS[3]) == 1 then return 'ORDERS_RETRY_AFTER' end
for _, part in ipairs(ask.take) do
  local limit = tonumber(redis.call('HGET', KEYS[5], part[1]) or part[4])
  local open, told = figures(KEYS[1] .. part[2])
  local ours = math.floor(limit * part[5] * ask.share + 1e-6)
  if open + told + part[3] > ours then return string.upper(part[1]) end
end
for _, part in ipairs(ask.take) do
  redis.call('HINCRBY', KEYS[1] .. part[2], 'open', part[3])
  redis.call('EXPIRE', KEYS[1] .. part[2], part[6])
end
return ''
"""


class Throttle:
    """One process's door to the shared budget. Safe to use from several threads."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        clock: Clock,
        requests_1m: int = REQUESTS.default,
        weight_1m: int = WEIGHT.default,
        orders_10s: int = ORDERS_10S.default,
    ) -> None:
        self._redis = client
        self._now_ms: Callable[[], int] = lambda: to_ms(clock())
        # The first is the user's own; the venue's replace the others as soon as they are known.
        self._limits = {
            REQUESTS.name: requests_1m,
            WEIGHT.name: weight_1m,
            ORDERS_10S.name: orders_10s,
        }
        self._script = client.register_script(_RESERVE)
        self._lock = threading.Lock()
        self._learned = Learned()
        self._flushed_s = time.monotonic()
        self._away_until_s = 0.0

    def follow(self, venue_ms: Callable[[], int]) -> None:
        """Count by the venue's clock (milliseconds UTC): the windows are the venue's."""
        self._now_ms = venue_ms

    def reserve(self, call: CallClass, *, weight: int, orders: int = 0) -> Reservation | None:
        """Take a request, its weight and its orders from the budget before sending.

        Exits and cancels go out uncounted (None) while Redis is away: an unprotected position is worse than
        an uncounted request. Entries and data wait.

        Raises:
            VenueUnavailable: The share of this class is spent, or the venue told us to wait.
        """
        is_urgent = call in (CallClass.EXIT, CallClass.CANCEL)
        if is_urgent and time.monotonic() < self._away_until_s:
            return None  # a Redis that hangs holds up one sale, not every sale
        wanted = Reservation(self._now_ms(), weight, orders)
        try:
            spent = self._run(wanted, share=call.value)
        except redis.RedisError as error:
            self._away_until_s = time.monotonic() + AWAY_S
            if is_urgent:
                log.warning(
                    "throttle_without_redis", extra={"call": call.name, "error": type(error).__name__}
                )
                return None
            raise VenueUnavailable("the request budget cannot be read") from error
        if spent:
            raise VenueUnavailable(f"request budget {spent} is spent for {call.name}")
        return wanted

    def settle(
        self,
        answer: Answer | None,
        *,
        reserved: Reservation | None = None,
        latency_ms: float,
        fault: Exception | None = None,
        was_sent: bool = True,
    ) -> None:
        """Learn from an answer (None where there was none), and from what it was judged to be."""
        code = fault.code if isinstance(fault, VenueError) else None
        with self._lock:
            self._learned.answers += 1
            self._learned.errors += code is not None
            self._learned.latency_us += round(latency_ms * 1000)
            if reserved is not None:
                self._compare(reserved, answer, is_refused=isinstance(fault, VenueRefused), was_sent=was_sent)
            is_due = time.monotonic() - self._flushed_s > FLUSH_AFTER_S
        try:
            if answer is not None and answer.status_code in DEFAULT_BAN_S:
                self._block(answer, code)
            if is_due:
                self._run(None)
        except redis.RedisError as error:
            log.warning("throttle_without_redis", extra={"error": type(error).__name__})

    def count_price(self) -> None:
        """Note that a price was asked for over REST: the cache had none."""
        with self._lock:
            self._learned.prices += 1

    def hold(self, seconds: float) -> None:
        """Let nobody ask for anything for so long: the venue said so on another road than REST."""
        self._guarded(lambda: self._redis.set(BLOCKED, 0, px=max(int(seconds * 1000), 1)))

    def announce(self, limits: Mapping[str, int]) -> None:
        """Tell all processes what exchangeInfo allows, by the names of exchange.budgets."""
        told: dict[Any, Any] = {name: limits[name] for name in _ANNOUNCED if name in limits}
        told[USER_LIMIT] = self._limits[REQUESTS.name]

        def tell() -> None:
            with self._redis.pipeline() as pipe:
                pipe.delete(LIMITS)
                pipe.hset(LIMITS, mapping=told)
                pipe.expire(LIMITS, LIMITS_KEEP_S)
                pipe.execute()

        self._guarded(tell)

    def note(self, key: str, name: str, told: Mapping[str, object] | None) -> None:
        """Show something about this machine under `name`; None takes it away again."""
        field = SPEAKER + name

        def tell() -> None:
            if told is None:
                self._redis.hdel(key, field)
                return
            self._redis.hset(key, field, json.dumps(told))
            self._redis.expire(key, NOTES_KEEP_S)

        self._guarded(tell)

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except redis.RedisError as error:
            log.warning("throttle_without_redis", extra={"error": type(error).__name__})

    def _compare(
        self, reserved: Reservation, answer: Answer | None, *, is_refused: bool, was_sent: bool
    ) -> None:
        """Set what a call took against what the venue says that it counted."""
        if not was_sent:
            for budget in BUDGETS:
                self._learned.give_back(budget, reserved)
            return
        now_ms = self._now_ms()
        for budget in BUDGETS:
            used = _header_number(answer, budget.header) if budget.header else None
            if used is not None:
                self._learned.take_header(budget, used, reserved=reserved, now_ms=now_ms)
            elif is_refused and budget in ORDER_BUDGETS:
                # Only accepted orders are counted, and only their answers tell the count.
                self._learned.give_back(budget, reserved)

    def _run(self, wanted: Reservation | None, *, share: float = 0.0) -> str:
        with self._lock:
            learned, self._learned = self._learned, Learned()
            self._flushed_s = time.monotonic()
        ask = {
            "learned": learned.rows(),
            "answers": learned.answers,
            "errors": learned.errors,
            "latency_us": learned.latency_us,
            "prices": learned.prices,
            "keep_s": KEEP_S,
            "share": share,
            "orders": wanted.orders if wanted else 0,
            "take": take_all(wanted, self._limits) if wanted else [],
        }
        minute = self._now_ms() // MINUTE_MS
        spent = self._script(
            keys=[PREFIX, BLOCKED, ORDERS_BLOCKED, f"{PREFIX}stats:{minute}", LIMITS, PRICE_MISSES],
            args=[json.dumps(ask)],
        )
        return spent.decode() if isinstance(spent, bytes) else str(spent)

    def _block(self, answer: Answer, code: int | None) -> None:
        # The order count is the account's and leaves queries and cancels free; all else is the address's.
        seconds = _header_number(answer, "Retry-After") or DEFAULT_BAN_S[answer.status_code]
        key = ORDERS_BLOCKED if code == CODE_ORDER_LIMIT else BLOCKED
        log.warning(
            "venue_retry_after",
            extra={"budget": key, "seconds": seconds, "status": answer.status_code, "code": code},
        )
        self._redis.set(key, code or 0, px=seconds * 1000)


_ANNOUNCED = (WEIGHT.name, RAW.name, ORDERS_10S.name, ORDERS_1D.name)
# Shown only: each process holds the user's limit from its own settings.
USER_LIMIT = "requests_1m_shown"


def _header_number(answer: Answer | None, name: str) -> int | None:
    word = str(answer.headers.get(name, "")) if answer is not None else ""
    return int(word) if word.isdigit() else None


def budget_limit(budget: Budget, told: Mapping[str, int]) -> int:
    """Give the limit of a budget from what was announced, else the documented default."""
    name = USER_LIMIT if budget is REQUESTS else budget.name
    return told.get(name, budget.default)
