"""What operations have to show for themselves: backups, validations, stages, drains, halts, rollbacks.

Called by monitoring for the acceptance page. Reads only rows that were written when it happened.
"""

from datetime import datetime
from typing import Any

from trading.domain.operations import Operations
from trading.domain.rollout import INSTALLATION
from trading.domain.workers import WorkerState
from trading.models import Incident, JournalEntry, Rollout, Trade, Worker
from trading.selectors.configuration import list_stages
from trading.selectors.rollout import list_standings

GUARD = "guard"
# Of so many trades the newest are looked at.
NEWEST = 20_000


def read_operations() -> Operations:
    """Give all of it."""
    backup, backup_at = _newest("backup.made")
    doctor, doctor_at = _newest("doctor.looked")
    validation, validation_at = _newest("doctor.validated")
    stage, within, beyond = _stage()
    halts = Incident.objects.filter(opened_by=GUARD)
    rollbacks = [
        action
        for incident in Incident.objects.filter(cause__startswith="rolled back").order_by("opened_at")
        for action in incident.actions
        if "took_s" in action
    ]
    return Operations(
        backup=backup,
        backup_at=backup_at,
        doctor=doctor,
        doctor_at=doctor_at,
        validation=validation,
        validation_at=validation_at,
        stage=stage,
        trades_in_stage=within,
        trades_beyond_stage=beyond,
        drains=JournalEntry.objects.filter(action="worker.drained").count(),
        draining=Worker.objects.filter(state=WorkerState.DRAINING.value, is_deleted=False).count(),
        halts=halts.count(),
        halts_carried_out=sum(bool(incident.actions) for incident in halts),
        rollbacks=len(rollbacks),
        rollback_s=max((action["took_s"] for action in rollbacks), default=None),
        rollback_remaining=sum(len(action["remaining"]) for action in rollbacks),
    )


def _newest(action: str) -> tuple[dict[str, Any] | None, datetime | None]:
    row = JournalEntry.objects.filter(action=action).order_by("-pk").first()
    return (row.after, row.at) if row is not None else (None, None)


def _stage() -> tuple[str, int, int]:
    """Give the installation's stage, and how many trades since cost no more, and more, than it allows."""
    stage = list_standings()[0].stage
    row = Rollout.objects.filter(subject=INSTALLATION).first()
    trades = Trade.objects.all() if row is None else Trade.objects.filter(decided_at__gte=row.entered_at)
    most = stage.max_trade_notional
    costs = trades.order_by("-pk").values_list("reserved_notional", flat=True)
    all_costs = list(costs[:NEWEST])
    beyond = 0 if most is None else sum(cost > most for cost in all_costs)
    last = list_stages()[-1].number
    return f"{stage.number} {stage.name} of {last}", len(all_costs) - beyond, beyond
