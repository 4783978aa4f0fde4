"""What the governor counts: five budgets over the venue's windows, and what answers taught about them.

Used by exchange.throttle, which holds the connection and the script. Pure: windows from a moment, lists for
the script. A window is counted as `told` + `open`: what the venue's newest header says, and what was reserved
since and is in no header yet. So a call that cost less than reserved gives the rest back with its answer, one
whose answer never came stays counted, and what other programs use is counted once a header tells of it.

Source of the windows (aligned to the clock, not sliding): binance-spot-api-docs, rest-api.md, "LIMITS".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# A request may be counted in the window before or after the one that our clock shows: on its way it takes
# time, and clocks differ. This close to a boundary it is counted in both.
GUARD_MS = 500
KEEP_S = 150


class Budget(NamedTuple):
    """One limit. `part` of it is ours to use; `header` is the answer's header that tells what is used."""

    name: str
    length_ms: int
    default: int
    part: float
    header: str | None


# Other programs may share the address, and our own sockets cost weight: a little is left to them, and a sale
# must not wait for the next minute because they spent more.
# Defaults until exchangeInfo is read: the figures of 2026-09.
REQUESTS = Budget("requests_1m", 60_000, 600, 1.0, None)
WEIGHT = Budget("weight_1m", 60_000, 6_000, 0.97, "X-MBX-USED-WEIGHT-1M")
RAW = Budget("raw_5m", 300_000, 61_000, 0.9, None)
ORDERS_10S = Budget("orders_10s", 10_000, 100, 1.0, "X-MBX-ORDER-COUNT-10S")
ORDERS_1D = Budget("orders_1d", 86_400_000, 160_000, 1.0, "X-MBX-ORDER-COUNT-1D")
BUDGETS = (REQUESTS, WEIGHT, RAW, ORDERS_10S, ORDERS_1D)
ORDER_BUDGETS = (ORDERS_10S, ORDERS_1D)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call took, and when by the venue's clock; its answer is settled against it."""

    at_ms: int
    weight: int
    orders: int

    def cost(self, budget: Budget) -> int:
        """Give what was taken of a budget."""
        if budget is WEIGHT:
            return self.weight
        return self.orders if budget in ORDER_BUDGETS else 1

    def slots(self) -> Iterator[tuple[Budget, str, int]]:
        """Give budget, window and cost of everything that was taken."""
        for budget in BUDGETS:
            cost = self.cost(budget)
            for window in windows(budget, self.at_ms, self.at_ms) if cost else ():
                yield budget, slot(budget, window), cost


def windows(budget: Budget, from_ms: int, to_ms: int) -> range:
    """Give the windows in which the venue may count what happens between two moments of its clock."""
    length_ms = budget.length_ms
    return range((from_ms - GUARD_MS) // length_ms, (to_ms + GUARD_MS) // length_ms + 1)


def slot(budget: Budget, window: int) -> str:
    """Name one window of a budget."""
    return f"{budget.name}:{window}"


def keep_s(budget: Budget) -> int:
    """Give how long a window is kept: past its end, for figures of the last minute."""
    return budget.length_ms // 1000 + KEEP_S


@dataclass(slots=True)
class _Seen:
    """What was learned about one window."""

    keep_s: int
    covered: int = 0
    told: int = -1
    at_ms: int = 0


@dataclass(slots=True)
class Learned:
    """What answers told since it was last handed on; `prices` counts price questions that went to REST."""

    answers: int = 0
    errors: int = 0
    latency_us: int = 0
    prices: int = 0
    _slots: dict[str, _Seen] = field(default_factory=dict)

    def take_header(self, budget: Budget, used: int, *, reserved: Reservation, now_ms: int) -> None:
        """Believe a header where it is certain which window it speaks of; it covers what the call took."""
        possible = windows(budget, reserved.at_ms, now_ms)
        if len(possible) != 1:
            return
        seen = self._seen(budget, slot(budget, possible[0]))
        seen.covered += reserved.cost(budget)
        # Weight only grows within a window, so the highest header is the newest; fills give orders back.
        if budget is WEIGHT:
            seen.told = max(seen.told, used)
        else:
            seen.told, seen.at_ms = used, now_ms

    def give_back(self, budget: Budget, reserved: Reservation) -> None:
        """Free what a call took: the venue certainly did not count it."""
        for each, name, cost in reserved.slots():
            if each is budget:
                self._seen(budget, name).covered += cost

    def rows(self) -> list[list[str | int]]:
        """Give [window, covered, told (-1: nothing), moment (0: the highest counts), seconds to keep]."""
        return [
            [name, each.covered, each.told, each.at_ms, each.keep_s] for name, each in self._slots.items()
        ]

    def _seen(self, budget: Budget, name: str) -> _Seen:
        return self._slots.setdefault(name, _Seen(keep_s(budget)))


def take_all(reserved: Reservation, limits: Mapping[str, int]) -> list[list[str | int | float]]:
    """Give [budget, window, cost, limit until the venue tells its own, our part, seconds to keep]."""
    return [
        [budget.name, name, cost, limits.get(budget.name, budget.default), budget.part, keep_s(budget)]
        for budget, name, cost in reserved.slots()
    ]
