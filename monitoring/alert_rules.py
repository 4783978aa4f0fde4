"""When a lost point becomes an alert, whom it is grouped under, and when the operator hears of it. Pure.

One alert per code and subject is open at a time. It opens after the finding held for a moment, and ends after
it was away for a minute; a finding that comes back within ten minutes opens the same alert again. The
operator hears of it at most every ten minutes: flapping is one message. An alert that another open one
explains stays silent, and speaks up when the explanation is gone and it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from monitoring.alert_kinds import AlertKind

CLEAR_AFTER = timedelta(seconds=60)
# A finding that comes and goes faster than this still counts as one that holds.
GAP = timedelta(seconds=5)
QUIET = timedelta(minutes=10)
# A cause that is found so soon after what it explains was told adds no message.
ONE_TROUBLE = timedelta(seconds=10)


class Step(StrEnum):
    """What happened to an alert."""

    OPENED = "OPENED"
    REFRESHED = "REFRESHED"
    REOPENED = "REOPENED"
    RESOLVED = "RESOLVED"
    TOLD = "TOLD"  # the operator is to hear of it now
    TOLD_OVER = "TOLD_OVER"  # and that it is over


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not fine in this round."""

    code: str
    subject: str
    points: int
    text: str

    @property
    def key(self) -> str:
        """Name what is watched: CODE, or CODE:subject."""
        return f"{self.code}:{self.subject}" if self.subject else self.code


@dataclass(slots=True)
class Watched:
    """One key over time: not open yet, open, or over. `cause` is the key of the alert that explains it."""

    finding: Finding
    first_at: datetime
    seen_at: datetime
    uid: str
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    told_at: datetime | None = None
    cause: str = ""
    times: int = 1

    @property
    def is_open(self) -> bool:
        """Say whether the alert is open."""
        return self.opened_at is not None and self.resolved_at is None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one alert, with the alert as it is after the round."""

    step: Step
    watched: Watched


@dataclass(slots=True)
class Tracker:
    """Follows every key. `begin` gives it the alerts that were open before this process."""

    kinds: Mapping[str, AlertKind]
    watched: dict[str, Watched] = field(default_factory=dict)

    def begin(self, open_alerts: Iterable[Watched]) -> None:
        """Go on with alerts that are open already."""
        self.watched = {each.finding.key: each for each in open_alerts}

    def step(self, findings: Iterable[Finding], *, now: datetime) -> list[Change]:
        """Take one round of findings and give what changed, causes before what they explain."""
        present = {finding.key: finding for finding in findings}
        steps: list[Change] = []
        for finding in present.values():
            self._see(finding, now=now, steps=steps)
        for key in [key for key in self.watched if key not in present]:
            self._miss(key, now=now, steps=steps)
        for key in present:
            self._open(self.watched[key], now=now, steps=steps)
        for each in self.watched.values():
            if each.is_open:
                each.cause = self._cause_of(each) or (each.cause if self._lasts(each.cause) else "")
        for each in self.watched.values():
            self._tell(each, is_present=each.finding.key in present, now=now, steps=steps)
        return steps

    def _see(self, finding: Finding, *, now: datetime, steps: list[Change]) -> None:
        known = self.watched.get(finding.key)
        if known is None:
            uid = hashlib.sha256(f"{finding.key} {now.isoformat()}".encode()).hexdigest()[:32]
            self.watched[finding.key] = Watched(finding, first_at=now, seen_at=now, uid=uid)
            return
        known.finding, known.seen_at = finding, now
        if known.resolved_at is not None:
            known.resolved_at = None
            known.times += 1
            if known.told_at is not None and now - known.told_at >= QUIET:
                known.told_at = None  # long enough ago that it is news again
            steps.append(Change(Step.REOPENED, known))
        elif known.is_open:
            steps.append(Change(Step.REFRESHED, known))

    def _miss(self, key: str, *, now: datetime, steps: list[Change]) -> None:
        known = self.watched[key]
        away = now - known.seen_at
        if known.is_open:
            if away >= CLEAR_AFTER:
                known.resolved_at = now
                steps.append(Change(Step.RESOLVED, known))
                if known.told_at is not None:
                    steps.append(Change(Step.TOLD_OVER, known))
        elif away >= (QUIET if known.opened_at is not None else GAP):
            del self.watched[key]

    def _open(self, each: Watched, *, now: datetime, steps: list[Change]) -> None:
        hold = timedelta(seconds=self.kinds[each.finding.code].hold_s)
        if each.opened_at is None and now - each.first_at >= hold:
            each.opened_at = now
            steps.append(Change(Step.OPENED, each))

    def _tell(self, each: Watched, *, is_present: bool, now: datetime, steps: list[Change]) -> None:
        if not each.is_open:
            return
        if each.cause or not is_present:
            return
        if each.told_at is None:
            each.told_at = now
            if not self._is_known_by_another_name(each, now=now):
                steps.append(Change(Step.TOLD, each))

    def _is_known_by_another_name(self, each: Watched, *, now: datetime) -> bool:
        """Say whether the operator has just heard of what this explains: one trouble is one message."""
        return any(
            other.cause == each.finding.key
            and other.told_at is not None
            and now - other.told_at <= ONE_TROUBLE
            for other in self.watched.values()
        )

    def _lasts(self, cause: str) -> bool:
        known = self.watched.get(cause)
        return known is not None and known.resolved_at is None

    def _cause_of(self, each: Watched) -> str:
        """Give the key of what explains it: another code or subject that is open, or about to be."""
        for name in self.kinds[each.finding.code].causes:
            for key, other in self.watched.items():
                is_named = name in (key, other.finding.code)
                if is_named and other is not each and other.resolved_at is None:
                    return key
        return ""
