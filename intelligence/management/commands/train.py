"""`manage.py train --data DIR --strategy NAME|--worker ID …`: which signals pay?

A logistic model of a signal's chance to pay after costs, judged on signals that it had not seen. It is kept
as a version with the hash of its examples; an equal one is not kept twice. It advises: no entry depends on
it. With --json one JSON object goes to standard output. Exit 1: not proven, or a candle file is wrong.
Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from intelligence.command_input import NOT_FINE, WRONG_USAGE, add_data_options, add_plan_options, read_plan
from intelligence.drift import reference_of
from intelligence.meta_labels import collect
from intelligence.meta_model import LEAST_EXAMPLES, judge, largest_move_bps
from intelligence.models import ModelVersion
from intelligence.plots import draw_calibration
from trading import history

NICENESS = 15


class Command(BaseCommand):
    """Train and judge a model."""

    help = "Learns which signals of a strategy pay, judges it on unseen signals, and keeps it as a version."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_data_options(parser)
        add_plan_options(parser)

    def handle(self, **options: Any) -> None:
        """Read, train, judge, keep, tell."""
        os.nice(NICENESS)
        plan, market = read_plan(options)
        examples = collect(plan, market)
        judged = judge(
            examples,
            embargo_s=int(plan.terms.max_hold_s) + market.interval_s,
            bound_bps=largest_move_bps(plan),
        )
        if judged is None:
            raise CommandError(
                f"{len(examples)} signals are too few to learn from, or all ended alike; "
                f"{LEAST_EXAMPLES} are needed",
                returncode=NOT_FINE,
            )
        model, judgement = judged
        version, _ = ModelVersion.objects.get_or_create(
            strategy=plan.spec.name,
            interval=market.histories[0].interval,
            digest=model.digest,
            defaults={
                "is_proven": judgement.is_proven,
                "judgement": asdict(judgement),
                "model": asdict(model),
                "importances": model.importances(),
                "parameters": dict(plan.parameters),
                "reference": reference_of(examples.names, examples.features, examples.begin_s),
                "trained_at": history.now(),
            },
        )
        try:
            if options["plot"]:
                draw_calibration(model.probability(examples.features), examples.paid, options["plot"])
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if options["json"]:
            told = {"is_proven": version.is_proven, "judgement": version.judgement, "digest": version.digest}
            self.stdout.write(json.dumps({**told, "importances": version.importances}))
        else:
            self.stdout.write(_text(version))
        if not version.is_proven:
            sys.exit(NOT_FINE)


def _text(version: ModelVersion) -> str:
    seen = version.judgement
    lines = [
        f"{version}: {'proven' if version.is_proven else 'NOT PROVEN'} on {seen['judged']} unseen signals",
        f"all signals {seen['all_bps']:+.1f} bps a trade; the {seen['taken']} let through "
        f"{seen['taken_bps']:+.1f}",
        f"Brier score {seen['brier']:.4f}, of the mean chance {seen['base_brier']:.4f}",
        f"evidence {seen['better']:.1f} for better, {seen['gaining']:.1f} for any gain; 20 is enough",
        *(f"  {share:5.1%}  {name}" for name, share in version.importances),
    ]
    return "\n".join(lines)
