"""All faults of one venue: the kinds there are, those armed, those spent.

control.py arms and clears; the dispatcher and the venue ask at each hook and pay nothing while none is armed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from trading.paper.calls import Call, Reply
from trading.paper.faults import COMMON_SETTINGS, HOOKS, Arrival, Fault, FaultError, Frame, Stage

KEPT_SPENT = 200


class FaultBox:
    """All faults: the kinds there are, those armed, those spent."""

    def __init__(self, venue: Stage, kinds: Iterable[type[Fault]], *, seed: int) -> None:
        self._venue = venue
        self._seed = seed
        self._kinds = sorted(kinds, key=lambda kind: kind.number)
        self._serial = 0
        self.armed: list[Fault] = []
        self.spent: list[Fault] = []
        self._forgotten: Counter[str] = (
            Counter()
        )  # strikes of faults spent so long ago that they were dropped
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
        fault.on_arm()  # what cannot act is not armed
        self.armed.append(fault)
        if kind.is_once:
            fault.fired, fault.count = fault.fired + 1, fault.fired + 1
        self._sort()
        if "after_market" in kind.hooks():  # it may find its prey at once
            for symbol in self._venue.catalogue:
                self.after_market(symbol)
        return fault

    def clear(self, serial: int | None = None) -> int:
        """Disarm all faults, or the one of that id; give how many."""
        chosen = [fault for fault in self.armed if serial is None or fault.serial == serial]
        self._retire(chosen)
        return len(chosen)

    def listing(self) -> dict[str, Any]:
        """Give what is armed, what was spent, how often each struck, and what can be armed."""
        self._sort()
        fired = Counter(self._forgotten)
        for fault in (*self.armed, *self.spent):
            fired[fault.name] += fault.fired
        return {
            "armed": [fault.describe() for fault in self.armed],
            "spent": [fault.describe() for fault in self.spent],
            "fired": fired,
            "known": [_describe_kind(kind) for kind in self._kinds],
        }

    def sweep(self) -> None:
        """Disarm what is spent, so that what it changed is undone in time."""
        if any(fault.is_over for fault in self.armed):
            self._sort()

    async def on_arrival(self, arrival: Arrival) -> Reply | None:
        """Let armed faults act on what has just come in; the first that answers ends it."""
        for fault in list(self._by_hook.get("on_arrival", ())):
            if fault.selects_arrival(arrival) and fault.take_arrival():
                reply = await fault.on_arrival(arrival)
                if reply is not None:
                    return reply
        return None

    def on_control(self, ip: str) -> bool:
        """Ask whether a control message shall be answered by a cut."""
        return any(fault.on_control(ip) for fault in self._by_hook.get("on_control", ()) if fault.take())

    def on_market(self, symbol: str) -> bool:
        """Ask whether the market of a symbol shall not be heard now."""
        striking = (fault for fault in self._by_hook.get("on_market", ()) if fault.selects_market(symbol))
        return any(fault.on_market(symbol) for fault in striking if fault.take())

    def after_market(self, symbol: str) -> None:
        """Let armed faults act on the books when the market or the orders of a symbol have changed."""
        for fault in list(self._by_hook.get("after_market", ())):
            if symbol in self._venue.catalogue and fault.selects_market(symbol):
                fault.after_market(symbol)

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

    def _taking(self, hook: str, call: Call, reply: Reply | None) -> Iterator[Fault]:
        """Give the faults that strike, each asked when the one before has acted; sweep tidies up later."""
        for fault in list(self._by_hook.get(hook, ())):
            if fault.selects(call, reply) and fault.take():
                yield fault

    def _kind(self, wanted: Any) -> type[Fault]:
        for kind in self._kinds:
            if wanted in (kind.number, str(kind.number), kind.name):
                return kind
        known = ", ".join(f"{kind.number} {kind.name}" for kind in self._kinds)
        raise FaultError(f"unknown fault {wanted!r}; allowed are {known}")

    def _sort(self) -> None:
        self._retire([fault for fault in self.armed if fault.is_over])
        self._by_hook = {hook: [fault for fault in self.armed if hook in fault.hooks()] for hook in HOOKS}

    def _retire(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self.armed.remove(fault)
            fault.on_clear()
            self.spent.append(fault)
        for fault in self.spent[:-KEPT_SPENT]:
            self._forgotten[fault.name] += fault.fired
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
