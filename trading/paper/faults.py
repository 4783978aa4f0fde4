"""What a fault is: its settings, whom it strikes, how often, and the hooks it acts through.

A fault is one small class (in one of faults_*.py, by theme) that overrides a hook; fault_box.py arms them and
asks them at each hook. Every fault is counted and draws its chances from its own
seeded generator, so that a run can be repeated.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Protocol

from trading.paper.auth import Keyring
from trading.paper.bends import Bends
from trading.paper.calls import Call, Reply
from trading.paper.catalogue import Catalogue
from trading.paper.clock import VenueClock
from trading.paper.engine import Engine
from trading.paper.limits import Limits
from trading.paper.market_data import MarketData
from trading.paper.overlays import Overlays, Rules
from trading.paper.sockets import Rhythm, SocketRegister
from trading.paper.store import Store
from trading.paper.streams import StreamHub
from trading.paper.user_feed import UserFeed

HOOKS = (
    "on_arrival",
    "before_engine",
    "after_engine",
    "on_reply",
    "on_control",
    "on_frame",
    "on_market",
    "after_market",
    "on_arm",
    "on_clear",
)


class FaultError(Exception):
    """A fault that cannot be armed; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter of a fault: its default and what it may be."""

    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    kind: type = float

    def allowed(self) -> str:
        """Say in words what the setting may be."""
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.kind is list:
            return "a list of texts"
        if self.kind is str:
            return "a text"
        if self.kind is bool:
            return "true or false"
        if self.kind is Decimal:
            return 'a decimal as text, such as "12.5"'
        word = "a whole number" if self.kind is int else "a number"
        return f"{word} from {self.low:g} to {self.high:g}" if self.low is not None else word

    def read(self, value: Any) -> Any:
        """Give the value if it is allowed; ValueError if not."""
        if self.choices:
            is_allowed = value in self.choices
        elif self.kind is list:
            is_allowed = isinstance(value, list) and all(isinstance(part, str) for part in value)
        elif self.kind in (str, bool):
            is_allowed = isinstance(value, self.kind)
        elif self.kind is Decimal:
            is_allowed = isinstance(value, str) and _is_decimal(value)
        else:
            is_allowed = self._is_number(value)
        if not is_allowed:
            raise ValueError
        return value

    def _is_number(self, value: Any) -> bool:
        kinds = int if self.kind is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _is_decimal(value: str) -> bool:
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


COMMON_SETTINGS: Mapping[str, Setting] = {
    "chance": Setting(1.0, 0, 1),
    "skip": Setting(0, 0, 1_000_000, kind=int),
    "duration_s": Setting(None, 0, 86_400),
    "methods": Setting(None, kind=list),
    "symbol": Setting(None, kind=str),
    "door": Setting("any", choices=("any", "rest", "ws")),
}


class Stage(Protocol):
    """The parts of the venue that a fault may lay hands on."""

    clock: VenueClock
    catalogue: Catalogue
    engine: Engine
    limits: Limits
    keyring: Keyring
    rhythm: Rhythm
    stream_sockets: SocketRegister
    user_sockets: SocketRegister
    user_feed: UserFeed
    streams: StreamHub
    market_data: MarketData
    store: Store
    bends: Bends
    rules: Rules
    fee_layers: Overlays[str | None]

    def say_goodbye(self) -> None:
        """Tell every connection that the venue is about to close it."""

    def tell(self, frame: Frame) -> None:
        """Send a stream message to whoever listens."""

    def settle(self) -> None:
        """Store and tell what the engine has done."""

    def print_trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool) -> None:
        """Let others trade, whatever the market says and however it is bent."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request or a connection that has just come in, unread: `door` is rest, streams or ws-api."""

    door: str
    verb: str
    ip: str


@dataclass(slots=True)
class Frame:
    """A stream message on its way: `kind` is market or user, `delay_s` holds it back.

    `subscription_shift` is added to the id of the subscription that a user event comes under.
    """

    kind: str
    name: str
    payload: Any
    delay_s: float = 0.0
    subscription_shift: int = 0


class Fault:
    """What every fault has: who it strikes, how often, and hooks that do nothing.

    A subclass states `number`, `name`, `what` and its `settings`, and overrides one or more hooks. A hook of
    a call gives a Reply to answer with, or None to let the call go on; a hook of a frame gives the frames
    that shall go out instead.
    """

    number: ClassVar[int] = 0
    name: ClassVar[str] = ""
    what: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Setting]] = {}
    methods: ClassVar[tuple[str, ...]] = ()
    default_count: ClassVar[int | None] = 1
    is_once: ClassVar[bool] = False

    def __init__(self, venue: Stage, params: Mapping[str, Any], *, count: int | None, seed: str) -> None:
        self.venue = venue
        self.params = dict(params)
        self.count = count
        self.fired = 0
        self.skipped = 0
        self.serial = 0
        self.rng = random.Random(seed)
        self.undoings: dict[int, Callable[[], None]] = {}
        self.ends_s = time.monotonic() + params["duration_s"] if params["duration_s"] else None

    @classmethod
    def hooks(cls) -> list[str]:
        """Name the hooks this class overrides."""
        return [hook for hook in HOOKS if getattr(cls, hook) is not getattr(Fault, hook)]

    @property
    def is_spent(self) -> bool:
        """Tell whether it has struck as often, or waited as long, as it was told to."""
        if self.ends_s is not None and time.monotonic() >= self.ends_s:
            return True
        return self.count is not None and self.fired >= self.count

    @property
    def is_over(self) -> bool:
        """Tell whether it may be put away: it is spent, and nothing it did waits to be undone in its time."""
        if self.ends_s is not None and time.monotonic() >= self.ends_s:
            return True
        return self.is_spent and not self.undoings

    def undo_later(self, undo: Callable[[], None], *, after_s: float | None) -> None:
        """Undo something after a while, or when this is disarmed; None for only then."""
        serial = max(self.undoings, default=0) + 1
        self.undoings[serial] = undo
        if after_s is not None:
            asyncio.get_running_loop().call_later(after_s, self.undo, serial)

    def undo(self, serial: int) -> None:
        """Undo one thing, unless it has been undone already."""
        undoing = self.undoings.pop(serial, None)
        if undoing is not None:
            undoing()

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Tell whether the call is one this fault strikes; `reply` is None before the engine."""
        methods = self.params["methods"] or self.methods
        if methods and call.route.method not in methods:
            return False
        if self.params["door"] not in ("any", call.door):
            return False
        return self.params["symbol"] in (None, call.params.get("symbol"))

    def selects_frame(self, frame: Frame) -> bool:
        """Tell whether the frame is one this fault strikes."""
        if self.params["symbol"] is None:
            return True
        payload = frame.payload
        return isinstance(payload, dict) and payload.get("s") == self.params["symbol"]

    def selects_arrival(self, arrival: Arrival) -> bool:
        """Tell whether what has just come in is struck."""
        return True

    def selects_market(self, symbol: str) -> bool:
        """Tell whether the market of the symbol is struck."""
        return self.params["symbol"] in (None, symbol)

    def take(self) -> bool:
        """Use up one strike, unless it is spent, still skipping or the dice say no."""
        if self.is_spent:
            return False
        if self.skipped < self.params["skip"]:
            self.skipped += 1
            return False
        if self.params["chance"] < 1 and self.rng.random() >= self.params["chance"]:
            return False
        self.fired += 1
        return True

    def describe(self) -> dict[str, Any]:
        """Give the state of this armed fault for people and oracles."""
        return {
            "id": self.serial,
            "fault": self.number,
            "name": self.name,
            "count": self.count,
            "left": None if self.count is None else max(0, self.count - self.fired),
            "fired": self.fired,
            "params": self.params,
        }

    def take_arrival(self) -> bool:
        """Use up one strike on what has just come in."""
        return self.take()

    async def on_arrival(self, arrival: Arrival) -> Reply | None:
        """Act on a request or a connection before anything of it is read."""

    async def before_engine(self, call: Call) -> Reply | None:
        """Act on a call that passed every check but has not reached the matching engine."""

    async def after_engine(self, call: Call, reply: Reply) -> Reply | None:
        """Act on a call the engine has carried out, before its reply leaves."""

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Change any reply, refusals included."""
        return reply

    def on_control(self, ip: str) -> bool:
        """Act on a control message of a market stream connection; True cuts it."""
        return False

    def on_market(self, symbol: str) -> bool:
        """Act on what the market is about to say; True leaves it unsaid."""
        return False

    def after_market(self, symbol: str) -> None:
        """Act when market or orders of a symbol have just changed, or on arming; `take` is its own to ask."""

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Change, drop, delay or multiply a stream message."""
        return [frame]

    def on_arm(self) -> None:
        """Act at the moment of arming."""

    def on_clear(self) -> None:
        """Undo what still waits for it, the last first; a fault that undoes otherwise says how."""
        while self.undoings:  # one undoing may leave another behind
            self.undo(max(self.undoings))
