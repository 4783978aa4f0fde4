"""What a caller may still ask for: request weight, raw requests, connections, unfilled orders, bans.

The dispatcher asks before and books after each call; the WS doors ask per connection. Windows are aligned
to the clock, as the venue's are. Numbers may be changed at run time by a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from trading.paper.errors import VenueError

SECOND_MS = 1000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
VIOLATIONS_BEFORE_BAN = 10
FIRST_BAN_MS = 2 * MINUTE_MS
LONGEST_BAN_MS = 3 * DAY_MS
WEIGHT_TEXT = (
    "Too much request weight used; current limit is {limit} request weight per {interval}. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
BAN_TEXT = (
    "Way too much request weight used; IP banned until {until}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)
ORDERS_TEXT = "Too many new orders; current limit is {limit} orders per {interval}."


@dataclass(slots=True)
class Window:
    """One counter over windows aligned to the epoch.

    `kind`, `unit` and `number` are the words of exchangeInfo's rateLimits row.
    """

    kind: str
    unit: str
    number: int
    length_ms: int
    limit: int
    count: int = 0
    started_ms: int = 0

    def used(self, now_ms: int) -> int:
        """Give the count of the window that `now_ms` lies in."""
        start = now_ms - now_ms % self.length_ms
        if start != self.started_ms:
            self.started_ms, self.count = start, 0
        return self.count

    def add(self, delta: int, now_ms: int) -> None:
        """Count; never falls below zero."""
        self.count = max(0, self.used(now_ms) + delta)

    def has_room(self, wanted: int, now_ms: int) -> bool:
        """Tell whether `wanted` more would stay within the limit."""
        return self.used(now_ms) + wanted <= self.limit

    def retry_after_s(self, now_ms: int) -> int:
        """Give whole seconds until the window turns, at least 1."""
        return max(1, -(-(self.length_ms - now_ms % self.length_ms) // SECOND_MS))

    def row(self, now_ms: int) -> dict[str, object]:
        """Give the WS API's rateLimits row."""
        return {
            "rateLimitType": self.kind,
            "interval": self.unit,
            "intervalNum": self.number,
            "limit": self.limit,
            "count": self.used(now_ms),
        }


@dataclass(slots=True)
class Address:
    """What one client address has used and done."""

    weight: Window
    raw: Window
    connections: Window
    violations: int = 0
    violated_ms: int = 0
    banned_until_ms: int = 0
    next_ban_ms: int = FIRST_BAN_MS


@dataclass(slots=True)
class Limits:
    """All counters of the venue. `on_ban` is told the address that was just banned."""

    clock: Callable[[], int]
    weight_limit: int = 6000
    raw_limit: int = 300_000
    connection_limit: int = 300
    on_ban: Callable[[str], None] | None = None
    orders_10s: Window = field(default_factory=lambda: Window("ORDERS", "SECOND", 10, 10_000, 100))
    orders_1d: Window = field(default_factory=lambda: Window("ORDERS", "DAY", 1, DAY_MS, 200_000))
    _addresses: dict[str, Address] = field(default_factory=dict)

    def address(self, ip: str) -> Address:
        """Give the counters of one address."""
        known = self._addresses.get(ip)
        if known is None:
            known = Address(
                weight=Window("REQUEST_WEIGHT", "MINUTE", 1, MINUTE_MS, self.weight_limit),
                raw=Window("RAW_REQUESTS", "MINUTE", 5, 5 * MINUTE_MS, self.raw_limit),
                connections=Window("CONNECTIONS", "MINUTE", 5, 5 * MINUTE_MS, self.connection_limit),
            )
            self._addresses[ip] = known
        known.weight.limit = self.weight_limit
        known.raw.limit = self.raw_limit
        known.connections.limit = self.connection_limit
        return known

    def admit(self, ip: str, weight: int) -> None:
        """Let a request in, or refuse it with 418 (banned) or 429 (over the limit).

        Books nothing but the raw request; the weight follows with `charge` once the outcome is known.
        """
        now_ms = self.clock()
        address = self.address(ip)
        if now_ms < address.banned_until_ms:
            raise self._banned(address, now_ms)
        address.raw.add(1, now_ms)
        if not address.weight.has_room(weight, now_ms):
            raise self._over(ip, address, address.weight, now_ms)
        if not address.raw.has_room(0, now_ms):
            raise self._over(ip, address, address.raw, now_ms)

    def charge(self, ip: str, weight: int) -> None:
        """Book the weight of an answered request."""
        if weight:
            self.address(ip).weight.add(weight, self.clock())

    def connect(self, ip: str) -> bool:
        """Book a connection attempt; False when the address has made too many or is banned."""
        now_ms = self.clock()
        address = self.address(ip)
        address.connections.add(1, now_ms)
        return now_ms >= address.banned_until_ms and address.connections.has_room(0, now_ms)

    def used_weight(self, ip: str) -> int:
        """Give the weight used in this minute, as the header shows it."""
        return self.address(ip).weight.used(self.clock())

    def check_orders(self, wanted: int) -> None:
        """Refuse orders beyond the unfilled-order limits (-1015, HTTP 429)."""
        now_ms = self.clock()
        for window, interval in ((self.orders_1d, "1 DAY"), (self.orders_10s, "10 SECONDS")):
            if not window.has_room(wanted, now_ms):
                after = window.retry_after_s(now_ms)
                raise VenueError(
                    429,
                    -1015,
                    ORDERS_TEXT.format(limit=window.limit, interval=interval),
                    data={"serverTime": now_ms, "retryAfter": now_ms + after * SECOND_MS},
                    headers={"Retry-After": str(after)},
                )

    def count_orders(self, delta: int) -> None:
        """Book a net change of the unfilled-order count."""
        if delta:
            now_ms = self.clock()
            self.orders_10s.add(delta, now_ms)
            self.orders_1d.add(delta, now_ms)

    def order_rows(self) -> list[dict[str, object]]:
        """Give the two order windows as rateLimits rows."""
        now_ms = self.clock()
        return [self.orders_10s.row(now_ms), self.orders_1d.row(now_ms)]

    def announced(self) -> list[dict[str, object]]:
        """Give exchangeInfo's rateLimits, as they are in force."""
        rows = (
            ("REQUEST_WEIGHT", "MINUTE", 1, self.weight_limit),
            *((each.kind, each.unit, each.number, each.limit) for each in (self.orders_10s, self.orders_1d)),
            ("RAW_REQUESTS", "MINUTE", 5, self.raw_limit),
        )
        names = ("rateLimitType", "interval", "intervalNum", "limit")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def ban(self, ip: str, for_ms: int) -> None:
        """Ban an address for a while (418 until then)."""
        self.address(ip).banned_until_ms = self.clock() + for_ms
        if self.on_ban is not None:
            self.on_ban(ip)

    def known_addresses(self) -> list[str]:
        """Give every address that has asked for anything."""
        return list(self._addresses)

    def pardon(self) -> None:
        """Lift every ban and forget every count of weight, violations and orders."""
        self._addresses.clear()
        self.orders_10s.count = self.orders_1d.count = 0

    def _over(self, ip: str, address: Address, window: Window, now_ms: int) -> VenueError:
        if now_ms - address.violated_ms > MINUTE_MS:
            address.violations = 0
        address.violations += 1
        address.violated_ms = now_ms
        if address.violations > VIOLATIONS_BEFORE_BAN:
            address.violations = 0
            self.ban(ip, address.next_ban_ms)
            address.next_ban_ms = min(2 * address.next_ban_ms, LONGEST_BAN_MS)
            return self._banned(address, now_ms)
        after = window.retry_after_s(now_ms)
        interval = f"{window.number} {window.unit}{'S' if window.number > 1 else ''}"
        return VenueError(
            429,
            -1003,
            WEIGHT_TEXT.format(limit=window.limit, interval=interval),
            data={"serverTime": now_ms, "retryAfter": now_ms + after * SECOND_MS},
            headers={"Retry-After": str(after)},
        )

    def _banned(self, address: Address, now_ms: int) -> VenueError:
        until = address.banned_until_ms
        return VenueError(
            418,
            -1003,
            BAN_TEXT.format(until=until),
            data={"serverTime": now_ms, "retryAfter": until},
            headers={"Retry-After": str(max(1, -(-(until - now_ms) // SECOND_MS)))},
        )
