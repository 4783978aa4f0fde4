"""Watches whether models still see what they learned from, and stops listening to those that do not.

Called by `manage.py watch_models`, in a process of its own. Looks at the signals of recent days on the
symbols that active workers trade: those that live decided on, for the same function gives them. Trading does
not wait for it and does not notice it. A model that drifted stands again by itself once its signals are again
what they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction

from intelligence.backtest import CostModel, Market
from intelligence.drift import Drift
from intelligence.model_training import RECENT_DAYS, look_for_drift, warm_rows
from intelligence.models import ModelVersion
from intelligence.plans import plan_of_strategy
from trading.domain.market import INTERVAL_S
from trading.selectors.workers import get_config, list_acting, resolve_universes
from trading.services import journal

ACTOR = "learning"
RECENT = timedelta(days=RECENT_DAYS)
NOTHING_SEEN = "unknown: no active worker trades it, no candles, or trained before there was this watch"
# Symbols, interval, first and last moment -> candles; None where there are none.
Read = Callable[[list[str], str, datetime, datetime], Market | None]


def watch_model(version: ModelVersion, read: Read, *, now: datetime) -> Drift | None:
    """Judge one model and keep what was found: the version's standing, and a journal row where it changed."""
    drift = _look(version, read, now=now)
    version.watched_at = now
    version.drift = {"note": str(drift), **asdict(drift)} if drift is not None else {"note": NOTHING_SEEN}
    was_drifted = version.drifted_at is not None
    if drift is not None and drift.is_known:
        version.drifted_at = (version.drifted_at or now) if drift.drifted else None
    with transaction.atomic():
        version.save(update_fields=["watched_at", "drift", "drifted_at"])
        if was_drifted != (version.drifted_at is not None):
            journal.write(
                "model.stands_again" if was_drifted else "model.drifted",
                f"model:{version.pk}",
                actor=ACTOR,
                now=now,
                after={"model": str(version)},
                reason=version.drift["note"][:300],
            )
    return drift


def _look(version: ModelVersion, read: Read, *, now: datetime) -> Drift | None:
    symbols = _symbols(version, now=now)
    if not symbols or not version.reference:
        return None
    plan = plan_of_strategy(
        version.strategy,
        interval_s=INTERVAL_S[version.interval],
        costs=CostModel(),
        changes=version.parameters,
    )
    since = max(now - RECENT, datetime.fromtimestamp(version.reference["until_s"] + 1, tz=now.tzinfo))
    step = timedelta(seconds=INTERVAL_S[version.interval])
    warm = since - step * warm_rows(plan)
    market = read(symbols, version.interval, warm, now)
    if market is None:
        return None
    return look_for_drift(plan, market, version.reference, since_s=since.timestamp())


def _symbols(version: ModelVersion, *, now: datetime) -> list[str]:
    """Give what active workers with these signals trade, those on the blacklist left out."""
    configs = {each.pk: get_config(each.version) for each in list_acting() if each.version is not None}
    wanted = {pk: config for pk, config in configs.items() if config.signals == version.signals}
    return sorted({symbol for each in resolve_universes(wanted, now=now).values() for symbol in each})
