"""Acts on what the watch finds: halts on grave causes, lets rollouts move on, marks what has proven itself.

Here monitoring, which only looks, and trading, which measures no health, meet: the watch calls `hear` a
round a second, and a thread of the guard's own calls trading's doors. Runs in the web process beside the
watch; whatever fails is tried again in the next round.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from monitoring import links, rows
from monitoring.alert_kinds import AlertLevel
from monitoring.evidence import healthy_since
from monitoring.halting import Judge, Patience, Verdict
from monitoring.outbox import Message
from monitoring.rules import Health
from monitoring.threads import OwnThread
from monitoring.watch import Watch
from trading import bootstrap
from trading.domain.rollout import Evidence, Stage
from trading.services import incidents, rollout, snapshots

log = logging.getLogger(__name__)

ACTOR = "guard"
LOOK_EVERY_S = 60.0
BEFORE = timedelta(minutes=10)
MAX_MOMENTS = 300
# What a configuration needs before it is one to go back to: a day of health above 80.
STABLE_HOURS = 24.0
STABLE_HEALTH = 81


class Guard(OwnThread):
    """One node's guard. Only the watch that judges lets it hear anything."""

    stop_limit_s = 2.0

    def __init__(self, patience: Patience, *, clock: Callable[[], datetime] = bootstrap.utc_now) -> None:
        super().__init__("guard")
        self._clock = clock
        self._judge = Judge(patience)
        self._moments: deque[tuple[datetime, Health]] = deque(maxlen=MAX_MOMENTS)
        self._verdict: tuple[Verdict, Health] | None = None
        self._heard_s = 0.0

    def hear(self, health: Health, *, now: datetime) -> None:
        """Take one round of the watch; nothing here waits for anybody."""
        if not self._moments or self._moments[-1][1] != health:
            self._moments.append((now, health))
        verdict = self._judge.step(health, now=now)
        self._heard_s = time.monotonic()
        if verdict is not None:
            self._verdict = (verdict, health)
            self._wake.set()

    def _run(self) -> None:
        looked_s = time.monotonic()
        while not self._is_over:
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()
            try:
                connection.close_if_unusable_or_obsolete()
                self.act()
                if time.monotonic() - looked_s >= LOOK_EVERY_S:
                    looked_s = time.monotonic()
                    if looked_s - self._heard_s < LOOK_EVERY_S:  # this node judges
                        self.look_after_growth()
            except Exception:  # the rim of a thread: the next round must still be made
                log.exception("guard.failed")
                connection.close()
        connection.close()

    def act(self) -> None:
        """Halt, if there is a reason to; known incidents change nothing."""
        if self._verdict is None:
            return
        verdict, health = self._verdict
        self._verdict = None
        evidence = self._evidence(verdict, health, now=self._clock())
        incident = incidents.open_incident_and_halt(
            verdict.cause, evidence, by=ACTOR, desk=bootstrap.get_desk()
        )
        lines = [
            f"{verdict.cause}. Health {health.score} of 100.",
            "No worker enters any more; working entries are cancelled, and what is held keeps its exits at "
            "the venue.",
            "What to do: read the incident in the admin, mend the cause, then resume (Trading state, or "
            "manage.py resume) or go back: manage.py rollback. Close the incident with what you found.",
            *links.lines(links.incident(incident.pk)),
        ]
        rows.leave_message(
            Message(
                f"incident:{incident.pk}",
                AlertLevel.CRITICAL.value,
                f"[HALTED] incident {incident.pk}",
                "\n".join(lines),
                incident.opened_at,
            )
        )

    def look_after_growth(self) -> None:
        """Let rollouts move on that have earned it, and mark the configuration that has proven itself."""
        now = self._clock()

        def measure(stage: Stage, since: datetime) -> Evidence:
            return healthy_since(since, least=stage.min_health, now=now)

        rollout.move_on(measure, by=ACTOR, now=now)
        candidate = snapshots.unproven()
        if candidate is None:
            return
        snapshot, since = candidate
        evidence = healthy_since(since, least=STABLE_HEALTH, now=now)
        if evidence.hours >= STABLE_HOURS and not evidence.critical_alerts:
            snapshots.mark_stable(snapshot, evidence.to_json(), now=now)

    def _evidence(self, verdict: Verdict, health: Health, *, now: datetime) -> dict[str, Any]:
        before = [(at, each) for at, each in tuple(self._moments) if at >= now - BEFORE]
        return {
            "health": health.score,
            "held_s": round(verdict.held_s, 1),
            "losses": [loss.text for loss in health.losses],
            "unknown": list(health.unknown),
            "before": [
                {
                    "at": at.isoformat(),
                    "health": each.score,
                    "losses": {loss.code: loss.points for loss in each.losses},
                }
                for at, each in before
            ],
        }


def guarded_watch() -> Watch:
    """Give the watch of this node with a guard that acts on what it finds."""
    patience = Patience(
        below=settings.HALT_BELOW_HEALTH,
        fault_s=settings.HALT_AFTER_S,
        outage_s=settings.HALT_AFTER_OUTAGE_S,
        critical_s=settings.HALT_AFTER_CRITICAL_S,
    )
    return Watch(listener=Guard(patience))
