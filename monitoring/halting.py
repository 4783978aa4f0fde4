"""When bad health is a reason to halt: how bad, what of, and for how long. Pure.

Three things are followed round by round. A critical error is a fault that the product's own repair should
have ended within seconds. A fault is health below the line for a while. An outage is health below the line
only because something cannot be reached: nothing is entered meanwhile and all comes back by itself, so it
may last longer before a person is needed. One fine round, or a pause of the watch, begins a count anew: what
flaps, dips for seconds or starts up halts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring import rules
from monitoring.rules import Health, Loss

# A round that comes later than this after the last one does not continue it.
LONGEST_ROUND = timedelta(seconds=5)
# The watchdog protects or sells within seconds; what is still bare after this needs a person.
CRITICAL = frozenset({rules.UNPROTECTED.code})
# Entries are refused for each of these anyway, and each ends without a person.
OUTAGES = frozenset(
    {
        rules.REDIS_SILENT.code,
        rules.DATABASE_SILENT.code,
        rules.VENUE_DOWN.code,
        rules.VENUE_BLOCKED.code,
        rules.BREAKER_OPEN.code,
        rules.FEED_DOWN.code,
        rules.USER_STREAM_DOWN.code,
        rules.PRICE_AGE.code,
        rules.USER_STREAM_AGE.code,
        rules.PROCESS_MISSING.code,
        rules.WATCH_SILENT.code,
        rules.ERROR_RATIO.code,
    }
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How low is too low, and how many seconds of each kind are borne."""

    below: int = 70
    fault_s: float = 60.0
    outage_s: float = 600.0
    critical_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Halt, and why. The cause is the same text as long as the same thing is wrong."""

    cause: str
    held_s: float


@dataclass(slots=True)
class Judge:
    """Follows health, a round at a time."""

    patience: Patience = Patience()
    _since: dict[str, datetime] = field(default_factory=dict)
    _lost_since: dict[str, datetime] = field(default_factory=dict)
    _last_at: datetime | None = None

    def step(self, health: Health, *, now: datetime) -> Verdict | None:
        """Take one round; give a verdict for as long as there is a reason to halt."""
        if self._last_at is not None and not timedelta(0) <= now - self._last_at <= LONGEST_ROUND:
            self._since.clear()
            self._lost_since.clear()
        self._last_at = now
        found = {kind: (limit_s, losses) for kind, limit_s, losses in self._reasons(health)}
        self._since = {kind: self._since.get(kind, now) for kind in found}
        names = map(_name, health.losses)
        self._lost_since = {name: self._lost_since.get(name, now) for name in names}
        for kind, (limit_s, losses) in found.items():
            held_s = (now - self._since[kind]).total_seconds()
            if held_s >= limit_s:
                return Verdict(self._cause(kind, limit_s, losses), held_s)
        return None

    def _reasons(self, health: Health) -> Iterator[tuple[str, float, Sequence[Loss]]]:
        """Give what is a reason in this round, the gravest first: its kind, its limit, its losses."""
        critical = [loss for loss in health.losses if loss.code in CRITICAL]
        if critical:
            yield "critical error", self.patience.critical_s, critical
        faults = [loss for loss in health.losses if loss.code not in OUTAGES]
        if rules.score_of(faults) < self.patience.below:
            yield "health", self.patience.fault_s, faults
        if health.score < self.patience.below:
            yield "outage", self.patience.outage_s, health.losses

    def _cause(self, kind: str, limit_s: float, losses: Sequence[Loss]) -> str:
        """Name the worst loss that was there all the time: one that just came is no new cause."""
        since = self._since[kind]
        lasting = [name for name in map(_name, losses) if self._lost_since[name] <= since]
        name = lasting[0] if lasting else "changing causes"
        if kind == "critical error":
            return f"critical error for {limit_s:g} s: {name}"
        return f"health below {self.patience.below} for {limit_s:g} s: {name}"


def _name(loss: Loss) -> str:
    return f"{loss.code}:{loss.subject}" if loss.subject else loss.code
