"""`manage.py train --data DIR --strategy NAME|--worker ID …`: which signals pay?

A logistic model of a signal's chance to pay after costs, judged on signals that it had not seen. It is kept
as a version with the hash of its examples; an equal one is not kept twice. A worker asks it at its entries
once it is proven, see `manage.py tune`. With --json one JSON object goes to standard output. Exit 1: not
proven, or a candle file is wrong. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from intelligence.command_input import NOT_FINE, WRONG_USAGE, add_data_options, add_plan_options, read_plan
from intelligence.meta_model import LEAST_EXAMPLES
from intelligence.model_training import train
from intelligence.model_versions import count_trainings, keep_trained
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
        interval = market.histories[0].interval
        number = count_trainings(plan.spec.name, interval) + 1
        trained = train(plan, market, number=number)
        if isinstance(trained, int):
            raise CommandError(
                f"{trained} signals are too few to learn from, or all ended alike; "
                f"{LEAST_EXAMPLES} are needed",
                returncode=NOT_FINE,
            )
        version = keep_trained(trained, plan, interval, now=history.now())
        try:
            if options["plot"]:
                draw_calibration(trained.chances, trained.paid, options["plot"])
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
        f"evidence {seen['better']:.1f} for better, {seen['gaining']:.1f} for any gain; "
        f"{seen['needed']:.0f} is enough",
        *(f"  {share:5.1%}  {name}" for name, share in version.importances),
    ]
    return "\n".join(lines)
