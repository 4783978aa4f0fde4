"""Keeps what is trained, and says which model a worker asks: a proven one that has not drifted.

Called by `manage.py train` and by the review of a worker. A worker asks a model because its version holds it:
so it is in the journal, in every comparison of versions and in every back-test, and the way back is the way
back to a version.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta

from intelligence.backtest import Market, Plan
from intelligence.model_training import TRAIN_DAYS, Trained, train
from intelligence.models import ModelVersion, TuningMode
from intelligence.standing import list_newest
from intelligence.walk_forward import DAY_S, NEEDED_DAYS, window
from trading.domain.signal_model import model_to_json, parse_model
from trading.domain.workers import WorkerConfig
from trading.services.workers import change_config

ACTOR = "learning"


def count_trainings(strategy: str, interval: str) -> int:
    """Give how many models of a strategy were judged so far; each further one needs more evidence."""
    return ModelVersion.objects.filter(strategy=strategy, interval=interval).count()


def keep_trained(trained: Trained, plan: Plan, interval: str, *, now: datetime) -> ModelVersion:
    """Keep a model as a version; one of equal examples is there already, and stays as it was judged."""
    model, judgement = trained.model, trained.judgement
    version, _ = ModelVersion.objects.get_or_create(
        strategy=plan.spec.name,
        interval=interval,
        digest=model.digest,
        defaults={
            "is_proven": judgement.is_proven,
            "judgement": asdict(judgement),
            "model": model_to_json(model),
            "importances": model.importances(),
            "parameters": dict(plan.parameters),
            "reference": dict(trained.reference),
            "signals": model.signals,
            "trained_at": now,
        },
    )
    return version


def review_model(
    worker_id: int, config: WorkerConfig, mode: str, plan: Plan, market: Market, *, now: datetime
) -> str:
    """Train where it is time, have the worker ask what stands, and say in a line what came of it.

    Args:
        mode: Only an automatic worker is changed.
        plan: The worker's, without a model.
        market: Its candles; none later than now is looked at.
    """
    trained = _train_where_due(config, plan, market, now=now)
    standing = next((each for each in list_newest() if each.signals == config.signals), None)
    wanted = None if standing is None or standing.drifted_at is not None else parse_model(standing.model)
    if wanted == config.model:
        return f"{wanted} is asked" if wanted is not None else f"no model is asked{trained}"
    told = _tell(standing)
    if mode != TuningMode.AUTOMATIC:
        return f"advised: {told}"
    change_config(worker_id, replace(config, model=wanted), actor=ACTOR, now=now, reason=told)
    return told


def _train_where_due(config: WorkerConfig, plan: Plan, market: Market, *, now: datetime) -> str:
    """Train, unless a model of these signals is young; say why there is none that could be asked."""
    last = ModelVersion.objects.filter(signals=config.signals).order_by("-trained_at").first()
    if last is None or now - last.trained_at >= timedelta(days=TRAIN_DAYS):
        number = count_trainings(config.strategy, config.interval) + 1
        now_s = int(now.timestamp())
        past = window(market, now_s - NEEDED_DAYS * DAY_S, now_s)
        trained = train(plan, past, number=number) if past is not None else 0
        if isinstance(trained, int):
            return f", {trained} signals are too few to learn from"
        last = keep_trained(trained, plan, config.interval, now=now)
    return f", {last} is not proven" if not last.is_proven else ""


def _tell(standing: ModelVersion | None) -> str:
    if standing is None:
        return "no model stands for these signals: none is to be asked"
    if standing.drifted_at is not None:
        return f"model {standing} has drifted: none is to be asked"
    seen = standing.judgement
    return (
        f"model {standing} is to be asked: {seen['taken']} of {seen['judged']} unseen signals made "
        f"{seen['taken_bps']:+.1f} bps each, all {seen['all_bps']:+.1f}"
    )
