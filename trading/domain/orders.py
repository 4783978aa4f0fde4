"""Orders: sides, types, statuses, the table of permitted changes, and intents not yet sent.

The table is the only judge of a status change. Fills are the truth about quantities; a status is
a conclusion. A report that is older than what we know is stale, which is normal (the reply and the
stream race each other) and different from an impossible one, which raises.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.domain.values import ZERO, OrderRole


class Side(StrEnum):
    """Buy or sell, as the venue spells it."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The order types that we send."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"


class TimeInForce(StrEnum):
    """How long a limit order waits."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    """Life of an order, see TRANSITIONS."""

    INITIALIZED = "INITIALIZED"  # recorded here, not sent
    SUBMITTED = "SUBMITTED"  # sending began; what the venue did is unknown until it says so
    PENDING = "PENDING"  # accepted by the venue, waits for the first order of its list
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"  # refused by ourselves between record and send


S = OrderStatus
CLOSED = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED})
OPEN = frozenset({S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED})
UNRESOLVED = frozenset({S.INITIALIZED, S.SUBMITTED}) | OPEN
ON_BOOK = frozenset({S.ACCEPTED, S.PARTIALLY_FILLED})

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.INITIALIZED: frozenset({S.SUBMITTED, S.DENIED, S.EXPIRED}),
    S.SUBMITTED: frozenset(
        {S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.CANCELED, S.EXPIRED}
    ),
    S.PENDING: frozenset({S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.CANCELED, S.EXPIRED}),
    S.ACCEPTED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED}),
    S.PARTIALLY_FILLED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED}),
    # A fill can arrive after the cancel or the expiry that it raced with.
    S.CANCELED: frozenset({S.FILLED}),
    S.EXPIRED: frozenset({S.FILLED, S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELED, S.REJECTED}),
    S.REJECTED: frozenset(),
    S.DENIED: frozenset(),
    S.FILLED: frozenset(),
}

# How far along its life a status is; a report that is not further is stale.
_AGE = {
    S.INITIALIZED: 0,
    S.SUBMITTED: 1,
    S.PENDING: 2,
    S.ACCEPTED: 3,
    S.PARTIALLY_FILLED: 4,
    S.CANCELED: 5,
    S.EXPIRED: 5,
    S.REJECTED: 5,
    S.DENIED: 5,
    S.FILLED: 6,
}


class ImpossibleTransition(ValueError):
    """The venue reports a status that cannot follow the one we know."""


def next_status(current: OrderStatus, reported: OrderStatus, *, not_found: bool = False) -> OrderStatus:
    """Give the status after a report, unchanged where the report is stale or repeats.

    Args:
        not_found: The current EXPIRED is our own conclusion that the order never reached the venue;
            a report proves it wrong and wins.

    Raises:
        ImpossibleTransition: The pair is neither a step of the table nor stale.
    """
    if reported == current:
        return current
    if current is S.EXPIRED and not not_found and reported is not S.FILLED:
        return current
    if reported in TRANSITIONS[current]:
        return reported
    if _AGE[reported] <= _AGE[current]:
        return current
    raise ImpossibleTransition(f"{current} cannot become {reported}")


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """A fully sized order. Quantity in the base asset, prices in the quote asset."""

    client_order_id: str
    symbol: str
    role: OrderRole
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta_bps: int | None = None
    time_in_force: TimeInForce | None = None

    @property
    def notional(self) -> Decimal:
        """Quantity times limit price; zero for orders without one."""
        return self.qty * self.price if self.price is not None else ZERO


class ListKind(StrEnum):
    """The order lists that we send."""

    OPOCO = "OPOCO"
    OTOCO = "OTOCO"
    OCO = "OCO"


@dataclass(frozen=True, slots=True)
class ListIntent:
    """Orders that the venue ties together.

    For OPOCO and OTOCO `working` is the entry; for OCO it is absent. `above` is the take-profit leg
    and `below` the stop leg.
    """

    client_list_id: str
    kind: ListKind
    symbol: str
    above: OrderIntent
    below: OrderIntent
    working: OrderIntent | None = None

    @property
    def orders(self) -> tuple[OrderIntent, ...]:
        """All orders of the list, the working one first."""
        legs = (self.above, self.below)
        return (self.working, *legs) if self.working is not None else legs
