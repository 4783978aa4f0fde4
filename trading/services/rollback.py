"""Goes back to an earlier configuration: halt, run out or sell, restore, start again in the first stage.

Called by the rollback command and the admin. What happened is never rolled back: trades, orders, fills,
journal and the versions that trades were opened with stay. Every step is a service's, with its journal row;
all of the configuration changes in one transaction or none of it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from trading.domain.configuration import ABSENT, Difference
from trading.domain.risk import TradingState
from trading.domain.workers import InvalidConfiguration
from trading.models import ConfigSnapshot
from trading.selectors.configuration import newest_stable
from trading.selectors.leftovers import Left
from trading.services import control, incidents, journal, rollout, snapshots
from trading.services.context import Desk
from trading.services.control import KillLevel
from trading.services.restoring import restore_configuration

STEPS = 3


class NoSuchSnapshot(LookupError):
    """Nothing to go back to: no such snapshot, or none is stable yet."""


class CannotRollBack(RuntimeError):
    """The configuration does not fit any more; trading stays halted. The text says why."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was done. `differences` were there before; `remaining` must be empty; `left` is still open."""

    incident: int
    snapshot: int
    differences: list[str]
    remaining: list[str]
    left: Left
    took_s: float

    def to_json(self) -> dict[str, Any]:
        """Give it for scripts."""
        return asdict(self)


def find_target(snapshot_id: int | None) -> ConfigSnapshot:
    """Give the chosen snapshot, or the last stable one. Raises NoSuchSnapshot."""
    if snapshot_id is None:
        stable = newest_stable()
        if stable is None:
            raise NoSuchSnapshot("no configuration is marked stable yet; choose one with --to")
        return stable
    found = ConfigSnapshot.objects.filter(pk=snapshot_id).first()
    if found is None:
        raise NoSuchSnapshot(f"no configuration snapshot has the number {snapshot_id}")
    return found


def preview(target: ConfigSnapshot) -> list[Difference]:
    """Give what rolling back would change; schedules that the target does not know stay as they are."""
    return [
        each
        for each in snapshots.differences_from_now(target)
        if not (each.path.startswith("schedules.") and each.after == ABSENT)
    ]


def roll_back(
    target: ConfigSnapshot,
    *,
    by: str,
    desk: Desk,
    sell: bool = False,
    reason: str = "",
    tell: Callable[[str], object] = bool,
) -> RolledBack:
    """Halt, restore the target, start again in the first stage, and write the incident.

    Args:
        sell: Sell everything held at market. Otherwise open trades run out by their own exits, with the
            versions that they were opened with.
        tell: Called STEPS times with what is done next.

    Raises:
        CannotRollBack: The configuration cannot be restored; trading is halted, the incident is open.
    """
    began_s = time.monotonic()
    tell("halts all workers" + (" and sells what they hold" if sell else ""))
    differences = [str(each) for each in preview(target)]
    cause = f"rolled back to configuration {target.pk}" + (f": {reason}" if reason else "")
    incident = incidents.open_incident_and_halt(cause, {"differences": differences}, by=by, desk=desk)
    level = KillLevel.FLATTEN if sell else KillLevel.CANCEL
    # Also where the same cause was open already: this call halts, whoever resumed meanwhile.
    left = control.kill(level, actor=by, desk=desk, reason=cause)
    tell("restores the configuration")
    try:
        _restore(target, by=by, now=desk.clock(), reason=cause)
    except InvalidConfiguration as error:
        incidents.add_action(incident, f"not restored: {error}", by=by, now=desk.clock())
        raise CannotRollBack(f"{error}; trading is HALTED, incident {incident.pk} is open") from None
    tell("looks for what still differs")
    remaining = [str(each) for each in preview(target)]
    done = RolledBack(
        incident.pk, target.pk, differences, remaining, left, round(time.monotonic() - began_s, 3)
    )
    incidents.add_action(
        incident, f"configuration {target.pk} restored", by=by, now=desk.clock(), figures=done.to_json()
    )
    return done


def _restore(target: ConfigSnapshot, *, by: str, now: datetime, reason: str) -> None:
    with transaction.atomic():
        with snapshots.gathered():
            restore_configuration(target.content, by=by, now=now, reason=reason)
        journal.write(
            "configuration.rolled_back",
            f"configuration:{target.pk}",
            actor=by,
            now=now,
            after={"digest": target.digest},
            reason=reason,
        )
        rollout.start_again(by=by, now=now, reason=reason)
        control.set_trading_state(TradingState.ACTIVE, actor=by, now=now, reason=reason)
