"""What a service needs from outside, in one argument: the venue, the market view and the clock.

Built by trading.bootstrap once per process; built from fakes in tests. Services never look for it
themselves.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.domain.ports import MarketView, Venue
from trading.services.roster import Roster


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the whole account, from the settings. Ages in seconds.

    `unknown_horizon_s` is the time after which a request that we sent can no longer enter the
    venue's matching engine: receive window, plus the venue's own time-out of 10 s, plus a second. After
    `arrival_s` (receive window plus a second, by the venue's word) it cannot either; what that is good for
    must not cost more than a refusal if it did.
    """

    max_quote_age_s: float = 2.0
    max_candle_age_s: float = 5.0
    unknown_horizon_s: float = 13.0
    arrival_s: float = 2.5
    fee_ratio: Decimal = Decimal("0.001")


@dataclass(slots=True)
class Watch:
    """When this process last looked after what needs it only now and then."""

    open_orders_at: datetime | None = None
    turned: set[int] = field(default_factory=set)  # workers whose turns are not noted yet
    turns_noted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """One trading desk: where it trades, what it sees, what time it is, who sends in parallel."""

    venue: Venue
    market: MarketView
    clock: Callable[[], datetime]
    senders: Executor
    limits: Limits
    user_stream_is_up: Callable[[], bool]
    roster: Roster
    watch: Watch = field(default_factory=Watch)
