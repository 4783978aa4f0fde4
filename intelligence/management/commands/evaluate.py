"""`manage.py evaluate --data DIR`: the whole learning loop walked forward, beside chance, holding, nothing.

It begins with the default configuration, tunes its parameters, trains its model and bars symbols as it would
have done live. With --json one JSON object goes to standard output: the figures of `backtest`, the changes
that the walk made, its models and bars, the baselines, and the verdict. Exit 1: the verdict is no, or a
candle file is wrong. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from intelligence import baselines, plots, report
from intelligence.backtest import CostModel, Market, Plan
from intelligence.bar_walk import Bar
from intelligence.command_input import NOT_FINE, WRONG_USAGE, add_data_options, read_market
from intelligence.evaluation import BLACKLISTED, Walk, walk
from intelligence.model_walk import ModelStep
from intelligence.plans import plan_of_strategy
from intelligence.walk_forward import Step
from trading.domain.strategy import DEFAULT_STRATEGY, STRATEGIES

SEED = 2021  # of the random entries: the same answer at every call
LEAST_TRADES, LEAST_WIN_RATE, LEAST_PERCENTILE = 100, 0.45, 95.0


class Command(BaseCommand):
    """Judge the default configuration on candle files."""

    help = "Walks a strategy's default configuration forward over candle files and judges it against chance."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_data_options(parser)
        parser.add_argument(
            "--strategy", default=DEFAULT_STRATEGY, metavar="NAME", help=", ".join(STRATEGIES)
        )

        parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="Draw equity, drawdown and trades")

    def handle(self, **options: Any) -> None:
        """Read, walk, compare, tell."""
        market = read_market(
            options["data"],
            interval=options["interval"],
            symbols=options["symbols"],
            since=options["since"],
            until=options["until"],
        )
        costs = CostModel(options["fee_bps"], options["spread_bps"], options["slippage_bps"])
        try:
            plan = plan_of_strategy(options["strategy"], interval_s=market.interval_s, costs=costs)
        except ValueError as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        begun = time.perf_counter()
        walked = walk(plan, market)
        taken_s = time.perf_counter() - begun
        try:
            if options["plot"]:
                plots.draw(plan, market, walked.outcome, options["plot"])
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        answer = _answer(plan, market, walked, taken_s=taken_s)
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(
                report.to_text(plan, market, walked.outcome, taken_s=1.0) + "\n" + _to_text(answer)
            )
        if not answer["verdict"]["is_met"]:
            sys.exit(NOT_FINE)


def _answer(plan: Plan, market: Market, walked: Walk, *, taken_s: float) -> dict[str, Any]:
    outcome = walked.outcome
    chance = baselines.random_entries(plan, market, outcome, seed=SEED)
    holding = baselines.hold(market, plan.costs)
    figures = report.to_json(plan, market, outcome, taken_s=taken_s)
    percentile = baselines.percentile_of(baselines.expectancy_bps(outcome.trips), chance.expectancy_bps)
    interval = report.performance(outcome.trips, balance=plan.wallet.balance, days=report.days_of(market))
    return {
        **figures,
        "strategy": plan.spec.name,
        "denied": dict(outcome.denied),
        "interval": market.histories[0].interval,
        "win_rate_low": interval.win_rate_low,
        "win_rate_high": interval.win_rate_high,
        "reviews": walked.reviews,
        "changes": [{**asdict(each), "at": each.at.isoformat()} for each in walked.changes],
        "proposals": sum(each.step is Step.PROPOSED for each in walked.steps),
        "models": [_model_row(each) for each in walked.models],
        "bars": [_bar_row(each) for each in walked.bars],
        "baselines": {
            "random_entries": {
                "draws": baselines.DRAWS,
                "percentile": percentile,
                "expectancy_bps": _quantiles(chance.expectancy_bps),
                "profit_factor": _quantiles(chance.profit_factor),
            },
            "buy_and_hold": asdict(holding),
            "no_trading": {"net_return": 0.0, "max_drawdown": 0.0},
        },
        "verdict": _verdict(figures, percentile),
    }


def _model_row(step: ModelStep) -> dict[str, Any]:
    judgement = step.judgement
    return {
        "at": step.at.isoformat(),
        "note": step.note,
        "is_asked": step.is_asked,
        "is_proven": None if judgement is None else judgement.is_proven,
        "judgement": None if judgement is None else asdict(judgement),
    }


def _bar_row(bar: Bar) -> dict[str, Any]:
    return {**asdict(bar.finding), "since": bar.since.isoformat(), "until": bar.until.isoformat()}


def _quantiles(draws: Any) -> dict[str, float | None]:
    known = draws[~np.isnan(draws)]
    return {f"p{share}": float(np.percentile(known, share)) if len(known) else None for share in (5, 50, 95)}


def _verdict(figures: dict[str, Any], percentile: float | None) -> dict[str, Any]:
    """Say what is met; what is not known is not met."""
    parts = {
        f"trades >= {LEAST_TRADES}": figures["trades"] >= LEAST_TRADES,
        f"win_rate > {LEAST_WIN_RATE}": (figures["win_rate"] or 0.0) > LEAST_WIN_RATE,
        "profit_factor > 1": (figures["profit_factor"] or 0.0) > 1.0,
        f"random percentile >= {LEAST_PERCENTILE:g}": (percentile or 0.0) >= LEAST_PERCENTILE,
    }
    return {"is_met": all(parts.values()), **parts}


def _tell_bars(bars: list[dict[str, Any]], signals: int) -> str:
    counts = Counter(each["reason"] for each in bars)
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"bars: {told or 'none'}, which kept {signals} signals out"


def _to_text(answer: dict[str, Any]) -> str:
    others = answer["baselines"]
    chance, holding = others["random_entries"], others["buy_and_hold"]
    trained = [each for each in answer["models"] if each["judgement"]]
    lines = [
        "",
        f"walked forward on {answer['interval']} candles: {answer['reviews']} reviews, "
        f"{answer['proposals']} proposals, {len(answer['changes'])} changes",
        *(
            f"  {each['at'][:10]} {each['parameter']} {each['before']:g} -> {each['after']:g} "
            f"({each['step'].lower()}, proposed with {each['confidence']:.1%} after {each['tried']} tries)"
            for each in answer["changes"]
        ),
        f"models: {len(trained)} trained, {sum(each['is_proven'] for each in trained)} proven; "
        + _tell_bars(answer["bars"], answer["denied"].get(BLACKLISTED, 0)),
        f"random entries, same exits, {chance['draws']:,} draws: bps a trade p5 / p50 / p95 = "
        + " / ".join(report.number(value, "+.1f") for value in chance["expectancy_bps"].values())
        + f"; better than {report.number(chance['percentile'], '.1f')} % of them",
        f"buy and hold: {holding['net_return']:+.1%}, drawdown {holding['max_drawdown']:.1%}; no trading: 0",
        *(
            f"  {'met    ' if is_met else 'NOT MET'} {what}"
            for what, is_met in answer["verdict"].items()
            if what != "is_met"
        ),
    ]
    return "\n".join(lines)
