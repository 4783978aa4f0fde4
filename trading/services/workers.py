"""Writes about workers: create, change, start, stop, drain, flatten, delete.

Called by the admin, the commands and the dashboard's views. Each act is one transaction with its
journal row; states change by compare-and-set along domain.workers.WORKER_TRANSITIONS.
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from trading import events
from trading.domain.workers import (
    WORKER_TRANSITIONS,
    InvalidConfiguration,
    WorkerConfig,
    WorkerState,
    check_config,
    check_name,
)
from trading.models import InstrumentRow, Trade, Worker, WorkerVersion
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.selectors.workers import config_to_json, get_config
from trading.services import journal
from trading.services.context import Desk
from trading.services.flatten import flatten


class WorkerNotFound(LookupError):
    """No such worker, or it was deleted."""


class NotAllowedNow(RuntimeError):
    """The act does not fit the worker's state; the text says why and what to do first."""


def create_worker(name: str, config: WorkerConfig, *, actor: str, now: datetime) -> Worker:
    """Make a stopped worker with its first version.

    Raises:
        InvalidConfiguration: A field is wrong, the name is taken, or a symbol is not known.
    """
    checked = check_here(config)
    with transaction.atomic():
        try:
            with transaction.atomic():
                worker = Worker.objects.create(name=check_name(name), created_at=now, state_changed_at=now)
        except IntegrityError:
            raise InvalidConfiguration("name", f"{name!r} is taken; choose another") from None
        _add_version(worker, checked, number=1, actor=actor, now=now)
        journal.write(
            "worker.created",
            f"worker:{worker.pk}",
            actor=actor,
            now=now,
            after={"name": worker.name, **config_to_json(checked)},
        )
        events.worker_changed(worker)
    return worker


def change_config(
    worker_id: int, config: WorkerConfig, *, actor: str, now: datetime, reason: str = ""
) -> WorkerVersion:
    """Give the worker a new version; open trades keep the one that they were opened with.

    The same configuration again makes no new version.

    Raises:
        WorkerNotFound, InvalidConfiguration
    """
    checked = check_here(config)
    with transaction.atomic():
        worker = _lock(worker_id)
        current = worker.version
        before = config_to_json(get_config(current)) if current else {}
        if current is not None and before == config_to_json(checked):
            return current
        number = (current.number if current else 0) + 1
        version = _add_version(worker, checked, number=number, actor=actor, now=now)
        journal.write(
            "worker.changed",
            f"worker:{worker.pk}",
            actor=actor,
            now=now,
            before=before,
            after=config_to_json(checked),
            reason=reason,
        )
        events.worker_changed(worker)
    return version


def start_worker(worker_id: int, *, actor: str, now: datetime, reason: str = "") -> Worker:
    """Let the worker open trades. Raises WorkerNotFound, NotAllowedNow."""
    return _set_state(worker_id, WorkerState.ACTIVE, actor=actor, now=now, reason=reason)


def stop_worker(worker_id: int, *, actor: str, now: datetime, reason: str = "") -> Worker:
    """Stop entries; open trades keep their exits. Raises WorkerNotFound, NotAllowedNow."""
    return _set_state(worker_id, WorkerState.STOPPED, actor=actor, now=now, reason=reason)


def drain_worker(worker_id: int, *, actor: str, now: datetime, reason: str = "") -> Worker:
    """Stop entries, and the worker with its last trade. Raises WorkerNotFound, NotAllowedNow."""
    return _set_state(worker_id, WorkerState.DRAINING, actor=actor, now=now, reason=reason)


def delete_worker(worker_id: int, *, actor: str, now: datetime, reason: str = "") -> Worker:
    """Take a stopped worker without open trades out of sight; its ledger stays.

    Raises:
        WorkerNotFound
        NotAllowedNow: It is not stopped, or still holds open trades.
    """
    with transaction.atomic():
        worker = _lock(worker_id)
        if worker.state != WorkerState.STOPPED.value:
            raise NotAllowedNow(f"worker {worker.name!r} is {worker.state}; stop it first")
        number = Trade.objects.filter(worker=worker, state__in=OPEN_STATE_NAMES).count()
        if number:
            raise NotAllowedNow(f"worker {worker.name!r} has {number} open trades; drain or flatten it first")
        _take_away(worker, actor=actor, now=now, reason=reason)
    return worker


def retire_worker(worker_id: int, *, actor: str, now: datetime, reason: str = "") -> Worker:
    """Stop a worker and take it out of sight at once; open trades run out by their own exits.

    Raises:
        WorkerNotFound
    """
    with transaction.atomic():
        worker = _lock(worker_id)
        if worker.state != WorkerState.STOPPED.value:
            _write_state(worker, WorkerState.STOPPED, now=now)
        _take_away(worker, actor=actor, now=now, reason=reason)
    return worker


def _take_away(worker: Worker, *, actor: str, now: datetime, reason: str) -> None:
    before = worker.name
    worker.is_deleted = True
    worker.name = f"{worker.name[:40]} (deleted {worker.pk})"
    worker.save(update_fields=["is_deleted", "name"])
    journal.write(
        "worker.deleted", f"worker:{worker.pk}", actor=actor, now=now, before={"name": before}, reason=reason
    )
    events.worker_changed(worker)


def flatten_worker(worker_id: int, *, actor: str, desk: Desk, reason: str = "") -> int:
    """Stop the worker and sell everything it holds at market. Gives how many trades are left open.

    Raises:
        WorkerNotFound
    """
    now = desk.clock()
    with transaction.atomic():
        worker = _lock(worker_id)
        if worker.state != WorkerState.STOPPED.value:
            _write_state(worker, WorkerState.STOPPED, now=now)
        journal.write("worker.flattened", f"worker:{worker.pk}", actor=actor, now=now, reason=reason)
    trades = Trade.objects.filter(worker_id=worker_id, state__in=OPEN_STATE_NAMES)
    flatten(set(trades.values_list("pk", flat=True)), desk=desk)
    return trades.count()


def check_here(config: WorkerConfig) -> WorkerConfig:
    """Give the configuration checked, its symbols against this venue's. Raises InvalidConfiguration."""
    checked = check_config(config)
    known = set(
        InstrumentRow.objects.filter(symbol__in=checked.universe.symbols).values_list("symbol", flat=True)
    )
    unknown = [symbol for symbol in checked.universe.symbols if symbol not in known]
    if unknown and InstrumentRow.objects.exists():
        raise InvalidConfiguration("universe", f"symbols: {unknown[0]} is not traded on this venue")
    return checked


def _lock(worker_id: int) -> Worker:
    worker = Worker.objects.select_for_update().filter(pk=worker_id, is_deleted=False).first()
    if worker is None:
        raise WorkerNotFound(f"worker {worker_id} does not exist")
    return worker


def _add_version(
    worker: Worker, config: WorkerConfig, *, number: int, actor: str, now: datetime
) -> WorkerVersion:
    version = WorkerVersion.objects.create(
        worker=worker, number=number, created_at=now, created_by=actor, **config_to_json(config)
    )
    version.refresh_from_db()
    worker.version = version
    worker.save(update_fields=["version"])
    return version


def _set_state(worker_id: int, state: WorkerState, *, actor: str, now: datetime, reason: str) -> Worker:
    with transaction.atomic():
        worker = _lock(worker_id)
        before = WorkerState(worker.state)
        if before is state:
            return worker
        if state not in WORKER_TRANSITIONS[before]:
            allowed = ", ".join(sorted(WORKER_TRANSITIONS[before]))
            raise NotAllowedNow(f"worker {worker.name!r} is {before}; from there it may become {allowed}")
        _write_state(worker, state, now=now)
        journal.write(
            f"worker.{state.value.lower()}",
            f"worker:{worker.pk}",
            actor=actor,
            now=now,
            before={"state": before.value},
            after={"state": state.value},
            reason=reason,
        )
    return worker


def _write_state(worker: Worker, state: WorkerState, *, now: datetime) -> None:
    worker.state, worker.state_changed_at = state.value, now
    worker.save(update_fields=["state", "state_changed_at"])
    events.worker_changed(worker)
