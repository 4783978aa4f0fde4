"""The mischief the venue can be told to do: armed faults, their counts, and the hooks they act through.

A fault is one small class (faults_calls.py, faults_streams.py) that overrides one hook. The dispatcher and
the venue ask the FaultBox at each hook; control.py arms and clears. Every fault is counted and draws its
chances from its own seeded generator, so that a run can be repeated.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from trading.paper.auth import Keyring
from trading.paper.calls import Call, Reply
from trading.paper.catalogue import Catalogue
from trading.paper.engine import Engine
from trading.paper.limits import Limits
from trading.paper.sockets import Rhythm, SocketRegister
from trading.paper.user_feed import UserFeed

HOOKS = ("before_engine", "after_engine", "on_reply", "on_frame", "on_arm", "on_clear")
KEPT_SPENT = 200


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


COMMON_SETTINGS: Mapping[str, Setting] = {
    "chance": Setting(1.0, 0, 1),
    "skip": Setting(0, 0, 1_000_000, kind=int),
    "duration_s": Setting(None, 0, 86_400),
    "methods": Setting(None, kind=list),
    "symbol": Setting(None, kind=str),
    "door": Setting("any", choices=("any", "rest", "ws")),
}


def wall_clock() -> int:
    """Give the real time in milliseconds UTC."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """The clock by which requests are judged and orders stamped, `skew_ms` apart from the real one.

    Prices keep the real time, so that setting this clock back leaves no hole in the candles.
    """

    def __init__(self) -> None:
        self.skew_ms = 0
        self._drift_ms_per_s = 0.0
        self._set_ms = 0

    def __call__(self) -> int:
        now_ms = wall_clock()
        if self._drift_ms_per_s:
            now_ms += int((now_ms - self._set_ms) * self._drift_ms_per_s / 1000)
        return now_ms + self.skew_ms

    def set_apart(self, skew_ms: int, *, drift_ms_per_s: float = 0.0) -> None:
        """Set the clock apart from the real one, growing by the drift from now on."""
        self.skew_ms, self._drift_ms_per_s, self._set_ms = skew_ms, drift_ms_per_s, wall_clock()


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

    def say_goodbye(self) -> None:
        """Tell every connection that the venue is about to close it."""


@dataclass(slots=True)
class Frame:
    """A stream message on its way: `kind` is market or user, `delay_s` holds it back."""

    kind: str
    name: str
    payload: Any
    delay_s: float = 0.0


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

    async def before_engine(self, call: Call) -> Reply | None:
        """Act on a call that passed every check but has not reached the matching engine."""

    async def after_engine(self, call: Call, reply: Reply) -> Reply | None:
        """Act on a call the engine has carried out, before its reply leaves."""

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Change any reply, refusals included."""
        return reply

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Change, drop, delay or multiply a stream message."""
        return [frame]

    def on_arm(self) -> None:
        """Act at the moment of arming."""

    def on_clear(self) -> None:
        """Undo what `on_arm` did."""


class FaultBox:
    """All faults: the kinds there are, those armed, those spent."""

    def __init__(self, venue: Stage, kinds: Iterable[type[Fault]], *, seed: int) -> None:
        self._venue = venue
        self._seed = seed
        self._kinds = sorted(kinds, key=lambda kind: kind.number)
        self._serial = 0
        self.armed: list[Fault] = []
        self.spent: list[Fault] = []
        self._by_hook: dict[str, list[Fault]] = {}

    def has(self, hook: str) -> bool:
        """Tell whether any armed fault uses the hook."""
        return bool(self._by_hook.get(hook))

    def arm(self, request: Mapping[str, Any]) -> Fault:
        """Arm a fault as asked by `{"fault": number or name, "count": n, "params": {...}, "seed": n}`.

        Raises:
            FaultError: One line naming what is wrong and what is allowed.
        """
        unknown = sorted(set(request) - {"fault", "count", "params", "seed"})
        if unknown:
            raise FaultError(f"unknown field {unknown[0]!r}; allowed are fault, count, params, seed")
        kind = self._kind(request.get("fault"))
        params = _read_params(kind, request.get("params") or {})
        count = _read_count(request.get("count", kind.default_count))
        self._serial += 1
        seed = f"{request['seed']}" if "seed" in request else f"{self._seed}/{kind.name}/{self._serial}"
        fault = kind(self._venue, params, count=count, seed=seed)
        fault.serial = self._serial
        self.armed.append(fault)
        fault.on_arm()
        if kind.is_once:
            fault.fired, fault.count = fault.fired + 1, fault.fired + 1
        self._sort()
        return fault

    def clear(self, serial: int | None = None) -> int:
        """Disarm all faults, or the one of that id; give how many."""
        chosen = [fault for fault in self.armed if serial is None or fault.serial == serial]
        self._retire(chosen)
        return len(chosen)

    def listing(self) -> dict[str, Any]:
        """Give what is armed, what was spent, how often each struck, and what can be armed."""
        self._sort()
        fired: dict[str, int] = {}
        for fault in (*self.armed, *self.spent):
            fired[fault.name] = fired.get(fault.name, 0) + fault.fired
        return {
            "armed": [fault.describe() for fault in self.armed],
            "spent": [fault.describe() for fault in self.spent],
            "fired": fired,
            "known": [_describe_kind(kind) for kind in self._kinds],
        }

    async def before_engine(self, call: Call) -> Reply | None:
        """Let armed faults act before the engine; the first that answers ends it."""
        for fault in self._taking("before_engine", call, None):
            reply = await fault.before_engine(call)
            if reply is not None:
                return reply
        return None

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Let armed faults act between engine and reply."""
        for fault in self._taking("after_engine", call, reply):
            reply = await fault.after_engine(call, reply) or reply
        return reply

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Let armed faults change a reply."""
        for fault in self._taking("on_reply", call, reply):
            reply = fault.on_reply(call, reply)
        return reply

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Let armed faults act on a stream message; give what shall go out."""
        frames = [frame]
        for fault in list(self._by_hook.get("on_frame", ())):
            frames = [out for one in frames for out in _strike_frame(fault, one)]
        return frames

    def _taking(self, hook: str, call: Call, reply: Reply | None) -> list[Fault]:
        faults = self._by_hook.get(hook, ())
        chosen = [fault for fault in faults if fault.selects(call, reply) and fault.take()]
        if any(fault.is_spent for fault in faults):
            self._sort()
        return chosen

    def _kind(self, wanted: Any) -> type[Fault]:
        for kind in self._kinds:
            if wanted in (kind.number, str(kind.number), kind.name):
                return kind
        known = ", ".join(f"{kind.number} {kind.name}" for kind in self._kinds)
        raise FaultError(f"unknown fault {wanted!r}; allowed are {known}")

    def _sort(self) -> None:
        self._retire([fault for fault in self.armed if fault.is_spent])
        self._by_hook = {hook: [fault for fault in self.armed if hook in fault.hooks()] for hook in HOOKS}

    def _retire(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self.armed.remove(fault)
            fault.on_clear()
            self.spent.append(fault)
        del self.spent[:-KEPT_SPENT]
        self._by_hook = {hook: [fault for fault in self.armed if hook in fault.hooks()] for hook in HOOKS}


def _strike_frame(fault: Fault, frame: Frame) -> list[Frame]:
    return fault.on_frame(frame) if fault.selects_frame(frame) and fault.take() else [frame]


def _read_params(kind: type[Fault], given: Any) -> dict[str, Any]:
    settings = {**COMMON_SETTINGS, **kind.settings}
    if not isinstance(given, dict):
        raise FaultError("params must be an object")
    params = {name: setting.default for name, setting in settings.items()}
    for name, value in given.items():
        if name not in settings:
            raise FaultError(f"unknown parameter {name!r} of {kind.name}; allowed are {', '.join(settings)}")
        try:
            params[name] = settings[name].read(value)
        except ValueError:
            raise FaultError(
                f"parameter {name!r} of {kind.name} must be {settings[name].allowed()}, not {value!r}"
            ) from None
    return params


def _read_count(count: Any) -> int | None:
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1_000_000:
        raise FaultError(f"count must be a whole number from 1 to 1000000 or null for no end, not {count!r}")
    return count


def _describe_kind(kind: type[Fault]) -> dict[str, Any]:
    settings = {**COMMON_SETTINGS, **kind.settings}
    return {
        "fault": kind.number,
        "name": kind.name,
        "what": kind.what,
        "hooks": kind.hooks(),
        "count": kind.default_count,
        "params": {
            name: {"default": setting.default, "allowed": setting.allowed()}
            for name, setting in settings.items()
        },
    }
