"""One review of one worker: propose, watch the shadow, replace, return; each step with evidence.

Called by `manage.py tune`, in a process of its own. What a step changes goes through trading's own door for
configurations, as an operator's change would, so it makes a version and a journal row. On the same candles
`intelligence.walk_forward` takes the same steps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from intelligence.backtest import CostModel, Market, Plan
from intelligence.model_versions import review_model
from intelligence.models import Challenge, ChallengeState, Tuning, TuningMode
from intelligence.plans import plan_of_worker
from intelligence.walk_forward import (
    RETURN_ALPHA,
    REVIEW_DAYS,
    SHADOW_DAYS,
    Proof,
    neighbours,
    propose,
    prove,
)
from trading.domain.workers import WorkerConfig
from trading.selectors.workers import get_config, list_workers
from trading.services import journal
from trading.services.workers import change_config

ACTOR = "tuning"


class NoSuchWorker(LookupError):
    """There is no worker of that id or name."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A worker that is reviewed."""

    worker_id: int
    name: str
    config: WorkerConfig


def find_subject(text: str) -> Subject:
    """Give a worker by id or name. Raises NoSuchWorker."""
    for each in list_workers():
        if text in (str(each.pk), each.name) and each.version is not None:
            return Subject(each.pk, each.name, get_config(each.version))
    known = ", ".join(f"{each.pk} {each.name}" for each in list_workers()) or "none"
    raise NoSuchWorker(f"no worker {text}; there are {known}")


def tuned_subjects() -> list[Subject]:
    """Give the workers whose mode is not off."""
    wanted = set(Tuning.objects.exclude(mode=TuningMode.OFF).values_list("worker_id", flat=True))
    return [find_subject(str(each.pk)) for each in list_workers() if each.pk in wanted]


def set_mode(worker_id: int, mode: TuningMode, *, actor: str, now: datetime) -> Tuning:
    """Say how far a worker may be tuned, with its journal row."""
    with transaction.atomic():
        tuning, _ = Tuning.objects.select_for_update().get_or_create(worker_id=worker_id)
        before, tuning.mode = tuning.mode, mode
        tuning.save(update_fields=["mode"])
        if before != mode:
            journal.write(
                "worker.tuning",
                f"worker:{worker_id}",
                actor=actor,
                now=now,
                before={"mode": str(before)},
                after={"mode": str(mode)},
            )
    return tuning


def review(subject: Subject, market: Market, *, costs: CostModel, now: datetime) -> str:
    """Take the steps that the candles up to now speak for, and say in a line what they were.

    One about its parameters, and one about the model that it asks.

    Args:
        market: The worker's candles, of NEEDED_DAYS where there are so many.
    """
    tuning, _ = Tuning.objects.get_or_create(worker_id=subject.worker_id)
    plan = replace(plan_of_worker(subject.config, costs=costs), model=None)
    live = live_challenge(subject.worker_id)
    if live is not None and _is_overtaken(live, subject.config):
        _end(live, ChallengeState.OVERTAKEN, now=now)
        live = None
    if live is None:
        note = _propose(tuning, plan, market, now=now)
    elif live.state == ChallengeState.SHADOW:
        note = _watch_shadow(live, tuning, subject, plan, market, now=now)
    else:
        note = _watch_promoted(live, subject, plan, market, now=now)
    config = find_subject(str(subject.worker_id)).config  # the step may have changed it
    plan = replace(plan_of_worker(config, costs=costs), model=None)
    note += "; " + review_model(subject.worker_id, config, tuning.mode, plan, market, now=now)
    tuning.note, tuning.reviewed_at = note[:200], now
    tuning.save()
    return note


def live_challenge(worker_id: int) -> Challenge | None:
    """Give the challenge that a worker's reviews are about now, if there is one."""
    states = [ChallengeState.SHADOW, ChallengeState.PROMOTED]
    return Challenge.objects.filter(worker_id=worker_id, state__in=states).first()


def _is_overtaken(challenge: Challenge, config: WorkerConfig) -> bool:
    """Tell whether the operator changed what the challenge was about."""
    expected = challenge.before if challenge.state == ChallengeState.SHADOW else challenge.after
    return dict(config.parameters) != expected


def _propose(tuning: Tuning, plan: Plan, market: Market, *, now: datetime) -> str:
    # Looking again at nearly the same days is another try, and teaches nothing.
    if tuning.looked_at is not None and now - tuning.looked_at < timedelta(days=REVIEW_DAYS):
        return (
            f"neighbours are compared again after {tuning.looked_at + timedelta(days=REVIEW_DAYS):%Y-%m-%d}"
        )
    tuning.looked_at = now
    tuning.tried += len(list(neighbours(plan.spec, plan.parameters)))
    change = propose(plan, market, int(now.timestamp()), tried_so_far=tuning.tried)
    if change is None:
        return "no neighbour is better beyond luck, or there are too few days or trades to say"
    tuning.challengers += 1
    Challenge.objects.create(
        worker_id=tuning.worker_id,
        state=ChallengeState.SHADOW,
        parameter=change.parameter,
        before=dict(plan.parameters),
        after={**plan.parameters, change.parameter: change.after},
        number=tuning.challengers,
        tried=change.tried,
        confidence=change.confidence,
        begun_at=now,
        judged_at=now,
    )
    return f"{change.parameter} {change.before:g} -> {change.after:g} goes into shadow"


def _proof(
    challenge: Challenge, plan: Plan, market: Market, *, now: datetime, reverse: bool = False
) -> Proof:
    pair = (challenge.before, challenge.after) if reverse else (challenge.after, challenge.before)
    begin_s, end_s = int(challenge.begun_at.timestamp()), int(now.timestamp())
    proof = prove(plan, market, *pair, begin_s, end_s)
    challenge.evidence = {**challenge.evidence, "return" if reverse else "shadow": asdict(proof)}
    challenge.judged_at = now
    challenge.save(update_fields=["evidence", "judged_at"])
    return proof


def _watch_shadow(
    challenge: Challenge, tuning: Tuning, subject: Subject, plan: Plan, market: Market, *, now: datetime
) -> str:
    proof = _proof(challenge, plan, market, now=now)
    told = (
        f"{challenge}: {proof.days} days, {proof.trades} trades, evidence {proof.better:.1f} for more than "
        f"the champion, {proof.gaining:.1f} for any gain"
    )
    if proof.is_enough(challenge.number):
        if tuning.mode != TuningMode.AUTOMATIC:
            _end(challenge, ChallengeState.ADVISED, now=now)
            return f"advised: {told}"
        _move(subject, challenge.after, reason=told, now=now)
        challenge.state, challenge.begun_at = ChallengeState.PROMOTED, now
        challenge.save(update_fields=["state", "begun_at"])
        return f"promoted: {told}"
    if now - challenge.begun_at >= timedelta(days=SHADOW_DAYS):
        _end(challenge, ChallengeState.DROPPED, now=now)
        return f"dropped: {told}"
    return f"in shadow: {told}"


def _watch_promoted(
    challenge: Challenge, subject: Subject, plan: Plan, market: Market, *, now: datetime
) -> str:
    proof = _proof(challenge, plan, market, now=now, reverse=True)
    told = f"{challenge}: {proof.days} days since, evidence {proof.better:.1f} that the former was better"
    if proof.better >= 1.0 / RETURN_ALPHA:
        _move(subject, challenge.before, reason=told, now=now)
        _end(challenge, ChallengeState.RETURNED, now=now)
        return f"returned: {told}"
    if now - challenge.begun_at >= timedelta(days=SHADOW_DAYS):
        _end(challenge, ChallengeState.CONFIRMED, now=now)
        return f"stays: {told}"
    return f"watched: {told}"


def _move(subject: Subject, parameters: dict[str, float], *, reason: str, now: datetime) -> None:
    config = replace(subject.config, parameters=parameters, model=None)  # it learned from other signals
    change_config(subject.worker_id, config, actor=ACTOR, now=now, reason=reason)


def _end(challenge: Challenge, state: ChallengeState, *, now: datetime) -> None:
    challenge.state, challenge.ended_at = state, now
    challenge.save(update_fields=["state", "ended_at"])
