"""What the venue says about our orders: fills and execution reports.

Built by exchange.decode from replies, stream messages and queries alike, booked by
services.executions. A fill carries its own venue id, by which it is booked once only.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.domain.orders import OrderStatus, Side


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fee` is in `fee_asset`, which may be base, quote or a third asset."""

    symbol: str
    venue_fill_id: int
    venue_order_id: int
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    filled_at: datetime

    @property
    def notional(self) -> Decimal:
        """Price times quantity, in the quote asset."""
        return self.price * self.qty


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What an order asks for, as a query tells it.

    `qty` is 0 while the venue has not sized it; `price` is its limit or else its stop, None at market.
    """

    side: Side
    qty: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """The venue's word about one order at one moment.

    `filled_qty` is the venue's cumulative figure: where it exceeds the fills that we hold, fills are
    missing and reconcile asks for them. `reason` is the venue's own text or code for a refusal.
    `terms` come with the answer to a query only.
    `request_left_at` is set on the reply to a request of ours: when its bytes were handed to the socket.
    """

    client_order_id: str
    symbol: str
    venue_order_id: int
    status: OrderStatus
    filled_qty: Decimal
    reported_at: datetime
    venue_list_id: int | None = None
    reason: str = ""
    fills: tuple[Fill, ...] = field(default=())
    request_left_at: datetime | None = None
    terms: OrderTerms | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """What became of a cancel and of the order that was to follow it, in one request.

    `cancelled` is how the cancelled orders ended, empty where the cancel was refused (they had ended
    before); `placed` is the new order, absent where it was refused or not attempted; `refusal` says why.
    """

    cancelled: tuple[ExecutionReport, ...]
    placed: ExecutionReport | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class AssetBalance:
    """Balance of one asset on the account."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Free plus locked."""
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class Transfer:
    """A deposit (positive) or a withdrawal (negative) of one asset. The venue gives it no id of its own."""

    asset: str
    amount: Decimal
    happened_at: datetime
    reported_at: datetime
