"""The rows of the watch, written by a thread of its own: whatever the database does, the watch goes on.

What could not be written waits here, bounded, and is written when the database takes writes again. Alerts are
kept by their newest state; a node whose alert another node has opened already goes on with that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Greatest

from monitoring.alert_kinds import KINDS
from monitoring.alert_rules import Finding, Watched
from monitoring.models import Alert, Delivery, HealthSample, WatchMark
from monitoring.outbox import Message

log = logging.getLogger(__name__)

T = TypeVar("T")

ROUND_S = 1.0
STOP_LIMIT_S = 1.0
# A write that takes longer than this counts as refused: an order would wait as long.
WRITE_LIMIT_S = 1.5
MAX_SAMPLES = 2000
MAX_JOBS = 1000
TEXT_LENGTH = 500
EVERY_CHANNEL = "*"
# A claim that nobody touched for so long was left by a node that died.
ABANDONED_AFTER = timedelta(minutes=15)


@dataclass(slots=True)
class _Answer:
    """What a job gave, for one who waits a limited time."""

    is_done: threading.Event = field(default_factory=threading.Event)
    value: bool = True


class Store:
    """One node's writer. `node` is a name that no other process has."""

    def __init__(self, node: str, *, clock: Callable[[], datetime]) -> None:
        self._node = node
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_over = False
        self._alerts: dict[str, Watched] = {}
        self._samples: deque[HealthSample] = deque(maxlen=MAX_SAMPLES)
        self._jobs: deque[Callable[[], None]] = deque(maxlen=MAX_JOBS)
        self._adopted: dict[str, str] = {}
        self._began_s: float | None = None
        self._is_written: bool | None = None
        self._thread = threading.Thread(target=self._run, name="watch store", daemon=True)

    def start(self) -> None:
        """Write from a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the write that is under way."""
        self._is_over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    @property
    def takes_writes(self) -> bool | None:
        """Say whether the database takes writes; None before the first."""
        began_s = self._began_s
        if began_s is not None and time.monotonic() - began_s > WRITE_LIMIT_S:
            return False
        return self._is_written

    def put_alert(self, watched: Watched) -> None:
        """Keep the newest state of an alert."""
        with self._lock:
            self._alerts[watched.uid] = watched
        self._wake.set()

    def put_sample(self, sample: HealthSample) -> None:
        """Keep a sample."""
        with self._lock:
            self._samples.append(sample)

    def may_send(self, message: Message, channel: str, *, limit_s: float) -> bool:
        """Claim a message for this node; True as well where the database does not say within the limit."""
        if self.takes_writes is False:
            return True
        answer = _Answer()

        def claim() -> None:
            answer.value = self._claim(message, channel)
            answer.is_done.set()

        self._put_job(claim)
        return answer.value if answer.is_done.wait(limit_s) else True

    def sent(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that a channel has taken a message."""
        at = self._clock()

        def write() -> None:
            self._note(message, channel, attempts=attempts, sent_at=at)
            if message.alert_uid:
                uid = self._adopted.get(message.alert_uid, message.alert_uid)
                # The first channel counts; the others find it set.
                Alert.objects.filter(uid=uid, notified_at__isnull=True).update(notified_at=at)

        self._put_job(write)

    def tried(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note another try, so that no other node takes over."""
        self._put_job(lambda: self._note(message, channel, attempts=attempts))

    def given_up(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that a message will not be tried again."""
        at = self._clock()
        self._put_job(lambda: self._note(message, channel, attempts=attempts, given_up_at=at))

    def _put_job(self, job: Callable[[], None]) -> None:
        with self._lock:
            self._jobs.append(job)
        self._wake.set()

    def _run(self) -> None:
        while not self._is_over:
            self._wake.wait(ROUND_S)
            self._wake.clear()
            self._began_s = time.monotonic()
            try:
                self._write()
                self._is_written = True
            except DatabaseError as error:
                if self._is_written is not False:
                    log.error("watch.not_written", extra={"error": str(error)})
                self._is_written = False
                connection.close()
            except Exception:  # the rim of a thread: the next round must still be made
                log.exception("watch.store_failed")
                self._is_written = False
            self._began_s = None
        connection.close()

    def _write(self) -> None:
        connection.close_if_unusable_or_obsolete()
        host = self._node.rpartition(":")[0]
        WatchMark.objects.update_or_create(node=host, defaults={"at": self._clock()})
        self._each(self._take_alerts, self._write_alert, self._put_back_alert)
        self._each(lambda: _pop(self._samples), _write_sample, self._samples.appendleft)
        self._each(lambda: _pop(self._jobs), lambda job: job(), self._jobs.appendleft)

    def _each(
        self, take: Callable[[], T | None], write: Callable[[T], None], put_back: Callable[[T], None]
    ) -> None:
        """Write one after the other; what fails waits for the next round."""
        while (item := self._locked(take)) is not None:
            self._began_s = time.monotonic()
            try:
                write(item)
            except DatabaseError:
                with self._lock:
                    put_back(item)
                raise

    def _locked(self, take: Callable[[], T | None]) -> T | None:
        with self._lock:
            return take()

    def _take_alerts(self) -> Watched | None:
        # Causes first: what they explain points at their rows.
        uid = min(self._alerts, key=lambda each: self._alerts[each].first_at, default=None)
        return self._alerts.pop(uid) if uid is not None else None

    def _put_back_alert(self, watched: Watched) -> None:
        self._alerts.setdefault(watched.uid, watched)

    def _write_alert(self, watched: Watched) -> None:
        uid = self._adopted.get(watched.uid, watched.uid)
        finding = watched.finding
        changes = {
            "text": finding.text[:TEXT_LENGTH],
            "seen_at": watched.seen_at,
            "resolved_at": watched.resolved_at,
            "times": watched.times,
            "cause_id": self._cause_id(watched.cause),
            "points": Greatest("points", finding.points),
        }
        if Alert.objects.filter(uid=uid).update(**changes):
            return
        try:
            with transaction.atomic():
                Alert.objects.create(
                    **{**changes, "points": finding.points},
                    uid=uid,
                    code=finding.code,
                    subject=finding.subject,
                    level=KINDS[finding.code].level.value,
                    opened_at=watched.opened_at or watched.first_at,
                )
        except IntegrityError:
            rows = Alert.objects.filter(code=finding.code, subject=finding.subject, resolved_at__isnull=True)
            known = rows.values_list("uid", flat=True).first()
            if known is None:
                raise
            self._adopted[watched.uid] = known
            Alert.objects.filter(uid=known).update(**changes)

    def _cause_id(self, key: str) -> int | None:
        if not key:
            return None
        code, _, subject = key.partition(":")
        rows = Alert.objects.filter(code=code, subject=subject).order_by("-opened_at")
        return rows.values_list("pk", flat=True).first()

    def _claim(self, message: Message, channel: str) -> bool:
        """Make the row of a message, or take over one that was left behind; say whether it is ours now."""
        now = self._clock()
        key = self._key(message)
        try:
            with transaction.atomic():
                self._make(message, channel, claimed_at=now)
        except IntegrityError:
            left = Delivery.objects.filter(
                Q(claimed_by=self._node) | Q(claimed_at__lt=now - ABANDONED_AFTER),
                key=key,
                channel=channel,
                sent_at__isnull=True,
                given_up_at__isnull=True,
            )
            return bool(left.update(claimed_at=now, claimed_by=self._node))
        return True

    def _note(
        self,
        message: Message,
        channel: str,
        *,
        attempts: int,
        sent_at: datetime | None = None,
        given_up_at: datetime | None = None,
    ) -> None:
        changes = {
            "attempts": attempts, "sent_at": sent_at, "given_up_at": given_up_at, "claimed_at": self._clock(),
        }  # fmt: skip
        if not Delivery.objects.filter(key=self._key(message), channel=channel).update(**changes):
            # It was sent while the database was away.
            row = self._make(message, channel, claimed_at=self._clock())
            Delivery.objects.filter(pk=row.pk).update(**changes)

    def _make(self, message: Message, channel: str, *, claimed_at: datetime) -> Delivery:
        uid = self._adopted.get(message.alert_uid, message.alert_uid)
        return Delivery.objects.create(
            key=self._key(message),
            channel=channel,
            alert=Alert.objects.filter(uid=uid).first() if uid else None,
            level=message.level,
            title=message.title,
            body=message.body,
            made_at=message.made_at,
            claimed_at=claimed_at,
            claimed_by=self._node,
        )

    def _key(self, message: Message) -> str:
        known = self._adopted.get(message.alert_uid)
        return message.key.replace(message.alert_uid, known) if known else message.key


def _pop(items: deque[T]) -> T | None:
    return items.popleft() if items else None


def _write_sample(sample: HealthSample) -> None:
    try:
        with transaction.atomic():
            sample.save(force_insert=True)
    except IntegrityError:
        # Two nodes watched at once while Redis was away: one sample of a span is enough.
        log.info("watch.sample_doubled", extra={"at": sample.at.isoformat()})


def open_alerts() -> list[Watched]:
    """Give the alerts that are open, as the tracker goes on with them."""
    rows = Alert.objects.filter(resolved_at__isnull=True).select_related("cause")
    return [
        Watched(
            Finding(row.code, row.subject, row.points, row.text),
            first_at=row.opened_at,
            seen_at=row.seen_at,
            uid=row.uid,
            opened_at=row.opened_at,
            told_at=row.notified_at,
            cause=str(row.cause) if row.cause else "",
            times=row.times,
        )
        for row in rows
        if row.code in KINDS
    ]


def take_over_deliveries(node: str, *, now: datetime) -> list[tuple[Message, str]]:
    """Claim the messages that a node of this machine, or one that died long ago, left unsent."""
    host = node.rpartition(":")[0]
    rows = (
        Delivery.objects.filter(
            Q(claimed_by__startswith=f"{host}:")
            | Q(claimed_at__lt=now - ABANDONED_AFTER)
            | Q(claimed_at=None),
            sent_at__isnull=True,
            given_up_at__isnull=True,
        )
        .exclude(channel=EVERY_CHANNEL)
        .select_related("alert")
    )
    taken = []
    for row in rows:
        # Whoever loses finds the claim changed.
        is_ours = Delivery.objects.filter(pk=row.pk, claimed_at=row.claimed_at).update(
            claimed_at=now, claimed_by=node
        )
        if is_ours:
            uid = row.alert.uid if row.alert else ""
            taken.append((Message(row.key, row.level, row.title, row.body, row.made_at, uid), row.channel))
    return taken


def take_reports(node: str, *, now: datetime) -> list[Message]:
    """Claim the messages for every channel that tasks have left, oldest first; the watch sends them."""
    rows = Delivery.objects.filter(channel=EVERY_CHANNEL, sent_at__isnull=True).order_by("made_at")
    taken = []
    for row in rows:
        # Handed over to the channels, each of which has a row of its own from now on.
        is_ours = Delivery.objects.filter(pk=row.pk, sent_at__isnull=True).update(
            sent_at=now, claimed_by=node
        )
        if is_ours:
            taken.append(Message(row.key, row.level, row.title, row.body, row.made_at))
    return taken


def acknowledge(alert_id: int, *, actor: str, note: str, now: datetime) -> bool:
    """Note that somebody looks after an alert; False where somebody did before."""
    rows = Alert.objects.filter(pk=alert_id, acknowledged_at__isnull=True)
    return bool(rows.update(acknowledged_at=now, acknowledged_by=actor, note=note))
