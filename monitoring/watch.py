"""The watch: a round a second over everything that health is made of; it records, and tells the operator.

It runs as threads of the web process (docs/decisions/0012), which does not trade and so outlives what it has
to report: a dead trader, a silent Redis, a database that takes no writes. Of several nodes one judges, by a
lease in Redis; without Redis each judges for itself, and rows keep a message from being sent twice.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import redis
import requests
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from monitoring import links, live, probes, rows, rules, store
from monitoring.alert_kinds import KINDS
from monitoring.alert_rules import Change, Finding, Step, Tracker
from monitoring.machine import Machine
from monitoring.outbox import Message, Outbox
from monitoring.sampling import Round, Sampler
from monitoring.snapshot import put_together

log = logging.getLogger(__name__)

ROUND_S = 1.0
# How long a round waits for its looks: most answer within milliseconds.
LOOK_WAIT_S = 0.3
REDIS_LIMIT_S = 1.5
DATABASE_LIMIT_S = 2.0
MACHINE_LIMIT_S = 15.0
# A stack is up within this time; whatever is missing then is a fault.
START_LIMIT_S = 30.0
REPORTS_EVERY_S = 2.0
PING_EVERY_S = 60.0
PING_LIMIT_S = 10.0
HEALTHY = 70


class Part(Protocol):
    """Something with a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


class Listener(Part, Protocol):
    """Hears every round that counts, of the node that judges."""

    def hear(self, health: rules.Health, *, now: datetime) -> None:
        """Take one round without waiting for anybody."""


class Watch:
    """One node's watch. `node` is a name that no other process has."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = live.utc_now,
        node: str = "",
        listener: Listener | None = None,
    ) -> None:
        self._clock = clock
        self._listener = listener
        self._host = probes.host_name()
        self._node = node or f"{self._host}:{os.getpid()}"
        self._client = probes.connect(settings.REDIS_URL)
        self._store = store.Store(self._node, clock=clock)
        self._outbox = Outbox(_open_channels(self._store))
        self._redis = probes.Look(
            "redis",
            lambda: probes.look_at_redis(self._client, node=self._node, host=self._host, now=clock()),
            limit_s=REDIS_LIMIT_S,
        )
        self._database = probes.Look(
            "database", lambda: probes.look_at_database(now=clock()), limit_s=DATABASE_LIMIT_S
        )
        self._machine = Machine(host=self._host, clock=clock)
        self._machine_look = probes.Look("machine", self._machine.read, limit_s=MACHINE_LIMIT_S)
        self._queue = probes.QueueClock()
        self._tracker = Tracker(KINDS)
        self._sampler = Sampler()
        self._is_judging = False
        self._started_s = time.monotonic()
        self._is_settled = False
        self._pinged_s = 0.0
        self._reported_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that has a thread of its own beside the rounds."""
        own: tuple[Part, ...] = (self._redis, self._database, self._machine_look, self._store, self._outbox)
        return own if self._listener is None else (*own, self._listener)

    @property
    def is_settled(self) -> bool:
        """Say whether findings count by now: the stack has come up, or had the time to."""
        return self._is_settled

    def start(self) -> None:
        """Watch from threads of its own until `stop`."""
        for part in self.parts:
            part.start()
        self._thread.start()

    def stop(self) -> None:
        """End; another node takes over when the lease has run out."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(ROUND_S)
        for part in self.parts:
            part.stop()

    def _run(self) -> None:
        while not self._is_over.is_set():
            began_s = time.monotonic()
            try:
                self.look()
            except Exception:  # the rim of a thread: whatever it was, the next round must be made
                log.exception("watch.round_failed")
            self._is_over.wait(max(ROUND_S - (time.monotonic() - began_s), 0.05))
        connection.close()

    def look(self) -> None:
        """Make one round."""
        looks: tuple[probes.Look[Any], ...] = (self._redis, self._database, self._machine_look)
        for each in looks:
            each.ask()
        shared = self._redis.take(wait_s=LOOK_WAIT_S)
        stored = self._database.take(wait_s=LOOK_WAIT_S)
        now = self._clock()
        if shared is not None and not shared.is_judge:
            self._is_judging = False
            return
        if not self._is_judging:
            self._begin(now)
        house = self._house(shared)
        inputs = put_together(shared.reading if shared else None, stored, house)
        if shared is not None:
            running = probes.running_processes(shared.reading, host=self._host)
            # `up` is quick: one that died may be followed by another before anybody looked.
            died = self._machine.follow(shared.reading)
            inputs = replace(inputs, processes=frozenset(running) - died)
        health = rules.judge(inputs)
        if self._may_tell(shared, inputs):
            self._follow(health, now=now)
            if self._listener is not None:
                self._listener.hear(health, now=now)
        self._sample(health, inputs, shared, now=now)
        self._publish(house, is_reading=shared is not None)
        self._ping(health.score)
        self._send_reports(now, is_stored=stored is not None)

    def _begin(self, now: datetime) -> None:
        """Go on where the node before stopped: its open alerts, its unsent messages."""
        try:
            self._tracker.begin(rows.open_alerts())
            for message, channel in rows.take_over_deliveries(self._node, now=now):
                self._outbox.put_again(message, channel)
        except DatabaseError as error:
            log.warning("watch.begins_without_rows", extra={"error": str(error)})
        self._is_judging = True

    def _may_tell(self, shared: probes.Shared | None, inputs: rules.HealthInputs) -> bool:
        """Say whether findings count: not while this machine starts up or is stopped on purpose."""
        if shared is not None and shared.is_stopping:
            return False
        is_late = time.monotonic() - self._started_s > START_LIMIT_S
        if not self._is_settled and (is_late or _is_whole(inputs)):
            self._is_settled = True
        return self._is_settled

    def _house(self, shared: probes.Shared | None) -> rules.HouseInputs:
        found = self._machine_look.take(wait_s=0.0)
        house = found if found is not None else rules.HouseInputs()
        house = replace(house, database_writes=self._store.takes_writes)
        if shared is None:
            return house
        lag_s = self._queue.lag_s(shared.oldest_task, now_s=time.monotonic())
        return replace(
            house,
            queue_lag_s=lag_s,
            queue_length=shared.queue_length,
            clock_skew_ms=shared.reading.api.clock_offset_ms,
        )

    def _follow(self, health: rules.Health, *, now: datetime) -> None:
        findings = [Finding(loss.code, loss.subject, loss.points, loss.text) for loss in health.losses]
        for change in self._tracker.step(findings, now=now):
            self._store.put_alert(replace(change.watched))
            if change.step in (Step.TOLD, Step.TOLD_OVER):
                self._outbox.put(write_message(change, score=health.score, now=now))

    def _sample(
        self, health: rules.Health, inputs: rules.HealthInputs, shared: probes.Shared | None, *, now: datetime
    ) -> None:
        losses = {loss.code: loss.points for loss in reversed(health.losses)}
        is_up = (
            bool(inputs.feed_is_connected)
            and bool(inputs.user_stream_is_connected)
            and {"feed", "executions", "trader"} <= inputs.processes
        )
        found = Round(now, health.score, is_up, losses, figures_of(inputs, shared))
        sample = self._sampler.add(found)
        if sample is not None:
            self._store.put_sample(sample)

    def _publish(self, house: rules.HouseInputs, *, is_reading: bool) -> None:
        if not is_reading:
            return
        try:
            live.publish_house(self._client, house)
        except redis.RedisError as error:
            log.warning("watch.not_published", extra={"error": str(error)})

    def _send_reports(self, now: datetime, *, is_stored: bool) -> None:
        now_s = time.monotonic()
        if not is_stored or now_s - self._reported_s < REPORTS_EVERY_S:
            return
        self._reported_s = now_s
        try:
            for message in rows.take_reports(self._node, now=now):
                self._outbox.put(message)
        except DatabaseError as error:
            log.warning("watch.reports_not_read", extra={"error": str(error)})

    def _ping(self, score: int) -> None:
        """Call the dead-man's address while all is well; its silence is the alarm."""
        now_s = time.monotonic()
        is_due = now_s - self._pinged_s >= PING_EVERY_S or not self._pinged_s
        if not settings.PING_URL or score < HEALTHY or not is_due:
            return
        self._pinged_s = now_s
        threading.Thread(target=_call, args=(settings.PING_URL,), name="ping", daemon=True).start()


def _is_whole(inputs: rules.HealthInputs) -> bool:
    """Say whether all that a stack needs has come up."""
    wanted = {*rules.VITAL_PROCESSES, *rules.OTHER_PROCESSES}
    is_heard = bool(inputs.feed_is_connected) and bool(inputs.user_stream_is_connected)
    return is_heard and wanted <= inputs.processes and inputs.reconcile is not None


def write_message(change: Change, *, score: int, now: datetime) -> Message:
    """Write what the operator reads: what is so, since when, what to do."""
    watched = change.watched
    finding = watched.finding
    kind = KINDS[finding.code]
    is_over = change.step is Step.TOLD_OVER
    level = "OVER" if is_over else kind.level.value
    since = (watched.opened_at or watched.first_at).strftime("%Y-%m-%d %H:%M:%S UTC")
    key = f"{watched.uid}:{watched.times}:{change.step.value}"
    head = f"It is over (health {score} of 100)." if is_over else f"{finding.text}."
    lines = [
        head,
        *([] if is_over else [f"What to do: {kind.todo}", f"Health: {score} of 100."]),
        f"Since {since}. Reference {watched.uid[:8]}.",
        *links.lines(kind.page),
    ]
    return Message(key, level, f"[{level}] {finding.key}", "\n".join(lines), now, watched.uid)


def figures_of(inputs: rules.HealthInputs, shared: probes.Shared | None) -> dict[str, float | None]:
    """Give every figure of a round that samples keep, by name."""
    house = inputs.house or rules.HouseInputs()
    api = shared.reading.api if shared else None
    return {
        "price_age_s": inputs.price_age_s,
        "user_stream_age_s": inputs.user_stream_age_s,
        "feed_up": inputs.feed_is_connected,
        "user_stream_up": inputs.user_stream_is_connected,
        "unprotected": float(len(inputs.unprotected_symbols)),
        "reconcile_age_s": inputs.reconcile.age_s if inputs.reconcile else None,
        "weight_ratio": inputs.weight_ratio,
        "error_ratio": inputs.error_ratio,
        "requests_1m": api.requests_1m if api else None,
        "latency_ms": api.latency_ms if api else None,
        "cache_hit_ratio": house.cache_hit_ratio,
        "blocked_s": inputs.blocked_s,
        "queue_lag_s": house.queue_lag_s,
        "queue_length": house.queue_length,
        "clock_skew_ms": house.clock_skew_ms,
        "memory_mb": house.memory_mb,
        "memory_growth_mb_h": house.memory_growth_mb_h,
        "disk_free_mb": house.disk_free_mb,
        "drawdown": house.drawdown,
        "exceptions": house.exceptions,
        "restarts": house.restarts,
        "symbols": len(shared.reading.quotes) if shared else None,
    }


def _open_channels(claims: store.Store) -> Any:
    urls = settings.NOTIFY_URLS.split()
    # Apprise is large; an installation without channels does not carry it.
    return importlib.import_module("monitoring.couriers").open_channels(urls, claims=claims) if urls else []


def _call(url: str) -> None:
    try:
        requests.get(url, timeout=PING_LIMIT_S).raise_for_status()
    except requests.RequestException as error:
        log.warning("ping.failed", extra={"error": type(error).__name__})
