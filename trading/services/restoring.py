"""Brings the configuration to what a snapshot says, through the services that own its parts.

Called by services.rollback inside its transaction. What is equal is left alone, so that no version is made
and no journal row written for nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from trading.domain.configuration import Configuration
from trading.domain.rollout import Stage
from trading.domain.workers import WorkerState
from trading.models import Worker
from trading.selectors.configuration import CRON_FIELDS, LIMIT_FIELDS, read_configuration
from trading.selectors.workers import list_workers, parse_config
from trading.services import blacklist, journal, limits, rollout, workers

Fields = Mapping[str, Any]


def restore_configuration(wanted: Configuration, *, by: str, now: datetime, reason: str) -> None:
    """Change whatever differs. Raises InvalidConfiguration where a worker's does not fit any more."""
    current = read_configuration()
    _restore_stages(current["stages"], wanted["stages"], by=by, now=now, reason=reason)
    _restore_limits(current["limits"], wanted["limits"], by=by, now=now, reason=reason)
    _restore_blacklist(current["blacklist"], wanted["blacklist"], by=by, now=now, reason=reason)
    _restore_schedules(current["schedules"], wanted["schedules"], by=by, now=now, reason=reason)
    _restore_workers(current["workers"], wanted["workers"], by=by, now=now, reason=reason)


def _restore_stages(
    current: Mapping[str, Fields], wanted: Mapping[str, Fields], *, by: str, now: datetime, reason: str
) -> None:
    if current == wanted:
        return
    stages = [
        Stage(
            number=int(number),
            **{
                **fields,
                "max_trade_notional": _amount(fields["max_trade_notional"]),
            },
        )
        for number, fields in sorted(wanted.items(), key=lambda item: int(item[0]))
    ]
    rollout.define_stages(stages, actor=by, now=now, reason=reason)


def _restore_limits(
    current: Mapping[str, Fields], wanted: Mapping[str, Fields], *, by: str, now: datetime, reason: str
) -> None:
    for asset in sorted({*current, *wanted}):
        fields = wanted.get(asset, dict.fromkeys(LIMIT_FIELDS))
        if current.get(asset) != fields:
            changes = {name: _amount(fields[name]) for name in LIMIT_FIELDS}
            limits.set_limits(asset, changes, actor=by, now=now, reason=reason)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _restore_blacklist(
    current: Mapping[str, Fields], wanted: Mapping[str, Fields], *, by: str, now: datetime, reason: str
) -> None:
    for symbol in sorted({*current} - {*wanted}):
        blacklist.lift_symbol(symbol, actor=by, now=now, reason=reason)
    for symbol, fields in sorted(wanted.items()):
        if current.get(symbol) == fields:
            continue
        until = fields["expires_at"]
        blacklist.bar_symbol(
            symbol,
            reason=fields["reason"],
            note=fields["note"],
            actor=by,
            now=now,
            evidence={"restored": reason},
            expires_at=datetime.fromisoformat(until) if until else None,
        )


def _restore_schedules(
    current: Mapping[str, Fields], wanted: Mapping[str, Fields], *, by: str, now: datetime, reason: str
) -> None:
    # One that the snapshot does not know stays as it is: it may have come with the program, and without the
    # watchdog's schedule nobody would look after open trades.
    changed = {name: fields for name, fields in wanted.items() if current.get(name) != fields}
    if not changed:
        return
    for name, fields in changed.items():
        PeriodicTask.objects.update_or_create(name=name, defaults=_to_task(fields))
    PeriodicTasks.update_changed()
    journal.write("schedule.restored", "schedules", actor=by, now=now, reason=reason)


def _to_task(fields: Fields) -> dict[str, Any]:
    every, cron = fields["every"], fields["cron"]
    plain = {name: value for name, value in fields.items() if name not in ("every", "cron")}
    return {
        **plain,
        "interval": _interval(*every.split()) if every else None,
        "crontab": _crontab(cron.split()) if cron else None,
    }


def _interval(every: str, period: str) -> IntervalSchedule:
    # Several equal rows may exist; the first serves.
    found = IntervalSchedule.objects.filter(every=int(every), period=period).first()
    return found or IntervalSchedule.objects.create(every=int(every), period=period)


def _crontab(words: list[str]) -> CrontabSchedule:
    fields: dict[str, Any] = dict(zip(CRON_FIELDS, words, strict=True))
    fields["timezone"] = ZoneInfo(fields["timezone"])
    return CrontabSchedule.objects.filter(**fields).first() or CrontabSchedule.objects.create(**fields)


def _restore_workers(
    current: Mapping[str, Fields], wanted: Mapping[str, Fields], *, by: str, now: datetime, reason: str
) -> None:
    rows = {worker.name: worker for worker in list_workers()}
    for name in sorted({*current} - {*wanted}):
        workers.retire_worker(rows[name].pk, actor=by, now=now, reason=reason)
    for name, fields in sorted(wanted.items()):
        if current.get(name) == fields:
            continue
        config = parse_config({key: value for key, value in fields.items() if key != "is_on"})
        worker = rows.get(name)
        if worker is None:
            worker = workers.create_worker(name, config, actor=by, now=now)
        elif _settings(current[name]) != _settings(fields):
            workers.change_config(worker.pk, config, actor=by, now=now, reason=reason)
        _restore_state(worker, is_on=fields["is_on"], by=by, now=now, reason=reason)


def _settings(fields: Fields) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "is_on"}


def _restore_state(worker: Worker, *, is_on: bool, by: str, now: datetime, reason: str) -> None:
    if is_on and worker.state != WorkerState.ACTIVE.value:
        workers.start_worker(worker.pk, actor=by, now=now, reason=reason)
    elif not is_on and worker.state == WorkerState.ACTIVE.value:
        workers.stop_worker(worker.pk, actor=by, now=now, reason=reason)
