"""Reads the whole configuration as one value, and the snapshots of it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django_celery_beat.models import PeriodicTask

from trading.domain.configuration import Configuration
from trading.domain.rollout import DEFAULT_STAGES, Stage
from trading.domain.values import to_text
from trading.domain.workers import WorkerState
from trading.models import AccountLimit, BlacklistEntry, ConfigSnapshot, RolloutStage
from trading.selectors.prepared import Prepared
from trading.selectors.workers import config_to_json, get_config, list_workers

AMOUNT_FIELDS = ("trade_notional", "budget")
CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
LIMIT_FIELDS = ("max_exposure", "max_symbol_exposure", "max_daily_loss")


def read_configuration() -> Configuration:
    """Give everything that an operator, a script or the learning may configure; nothing that merely happened.

    Whether trading is halted and which stage a rollout has reached are states, not configuration.
    """
    return {
        "blacklist": _blacklist(),
        "limits": _limits(),
        "schedules": _schedules(),
        "stages": {str(stage.number): stage_to_json(stage) for stage in list_stages()},
        "workers": _workers(),
    }


def list_stages() -> list[Stage]:
    """Give the stages of a rollout, lowest first: the operator's, or the ones that come with the program."""
    return _STAGES.rows() or list(DEFAULT_STAGES)


# Asked before every entry.
_STAGES: Prepared[Stage] = Prepared(
    lambda: RolloutStage.objects.order_by("number").values_list(
        "number", "name", "max_workers", "max_trade_notional", "min_hours", "min_health"
    ),
    Stage,
)


def stage_to_json(stage: Stage) -> dict[str, Any]:
    """Give a stage as JSON values."""
    most = stage.max_trade_notional
    return {
        "name": stage.name,
        "max_workers": stage.max_workers,
        "max_trade_notional": None if most is None else to_text(most),
        "min_hours": stage.min_hours,
        "min_health": stage.min_health,
    }


def _workers() -> dict[str, dict[str, Any]]:
    return {
        worker.name: {
            "is_on": worker.state == WorkerState.ACTIVE.value,
            **_worker_fields(config_to_json(get_config(worker.version))),
        }
        for worker in list_workers()
        if worker.version is not None
    }


def _worker_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Write amounts without the zeros that a database adds, so that equal ones are equal."""
    return {
        name: to_text(Decimal(value)) if name in AMOUNT_FIELDS else value for name, value in config.items()
    }


def _limits() -> dict[str, dict[str, Any]]:
    found = {}
    for row in AccountLimit.objects.order_by("quote_asset"):
        values = {name: getattr(row, name) for name in LIMIT_FIELDS}
        if any(value is not None for value in values.values()):
            found[row.quote_asset] = {
                name: None if value is None else to_text(value) for name, value in values.items()
            }
    return found


def _blacklist() -> dict[str, dict[str, Any]]:
    rows = BlacklistEntry.objects.filter(lifted_at__isnull=True).order_by("symbol")
    return {
        row.symbol: {"reason": row.reason, "note": row.note, "expires_at": _moment(row.expires_at)}
        for row in rows
    }


def _schedules() -> dict[str, dict[str, Any]]:
    rows = PeriodicTask.objects.select_related("interval", "crontab").order_by("name")
    return {
        row.name: {
            "task": row.task,
            "every": f"{row.interval.every} {row.interval.period}" if row.interval else None,
            "cron": " ".join(str(getattr(row.crontab, name)) for name in CRON_FIELDS)
            if row.crontab
            else None,
            "enabled": row.enabled,
            "args": row.args,
            "kwargs": row.kwargs,
            "queue": row.queue,
            "expire_seconds": row.expire_seconds,
        }
        for row in rows
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def newest_stable() -> ConfigSnapshot | None:
    """Give the configuration that proved itself last; None where none has yet."""
    return ConfigSnapshot.objects.filter(stable_at__isnull=False).order_by("-stable_at", "-pk").first()
