"""Alerts, deliveries and samples as rows: made once, whoever is first, and claimed by compare-and-set.

Called by the store's thread, and by the watch when it takes over. Every function may raise django.db.Error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Greatest

from monitoring.alert_kinds import KINDS
from monitoring.alert_rules import Finding, Watched
from monitoring.models import Alert, Delivery, HealthSample
from monitoring.outbox import Message

log = logging.getLogger(__name__)

TEXT_LENGTH = 500
EVERY_CHANNEL = "*"
# A claim that nobody touched for so long was left by a node that died.
ABANDONED_AFTER = timedelta(minutes=15)


class Rows:
    """One node's hand on the rows. It knows whose alerts it goes on with instead of its own."""

    def __init__(self, node: str, *, clock: Callable[[], datetime]) -> None:
        self._node = node
        self._clock = clock
        self._adopted: dict[str, str] = {}

    def write_alert(self, watched: Watched) -> None:
        """Make or renew the row of an alert; follow another node's where that one was first."""
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

    def claim(self, message: Message, channel: str) -> bool:
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

    def note(
        self,
        message: Message,
        channel: str,
        *,
        attempts: int,
        sent_at: datetime | None = None,
        given_up_at: datetime | None = None,
    ) -> None:
        """Write how far a message has come on a channel."""
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

    def note_told(self, alert_uid: str, *, at: datetime) -> None:
        """Note that a channel has taken an alert; the first counts, the others find it set."""
        uid = self._adopted.get(alert_uid, alert_uid)
        Alert.objects.filter(uid=uid, notified_at__isnull=True).update(notified_at=at)


def write_sample(sample: HealthSample) -> None:
    """Keep a sample, unless another node has kept one of the same span."""
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


def newest_open(limit: int) -> list[Alert]:
    """Give the newest alerts that are not over, critical ones first."""
    return list(Alert.objects.filter(resolved_at__isnull=True).order_by("level", "-opened_at")[:limit])


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


def leave_message(message: Message) -> None:
    """Leave a message for every channel; the watch sends it within seconds. A known key is nothing new."""
    Delivery.objects.get_or_create(
        key=message.key,
        channel=EVERY_CHANNEL,
        defaults={
            "level": message.level,
            "title": message.title,
            "body": message.body,
            "made_at": message.made_at,
        },
    )


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
