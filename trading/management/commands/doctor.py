"""`manage.py doctor [--after-deploy] [--json]`: is this installation fit to trade? It changes nothing.

Each line is ok, warn or FAIL with what mends it. `--after-deploy` runs the five validation steps against the
running stack instead; it makes a stopped worker and deletes it again. The journal keeps the verdict.
Exit 1: something failed.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from trading import bootstrap, events
from trading.management.doctor import deployment, ground, machine, venue
from trading.management.doctor.findings import Check, Verdict, examine, summary
from trading.services import records

ACTOR = "command"

BEFORE: tuple[tuple[str, Check], ...] = (
    ("settings", machine.check_settings),
    ("environment", machine.check_variables),
    ("versions", machine.check_versions),
    ("disk", machine.check_disk),
    ("secrets", machine.check_secret_files),
    ("static", machine.check_static_files),
    ("redis", ground.check_redis),
    ("database", ground.check_database),
    ("venue", venue.check_venue),
    ("streams", venue.check_streams),
)


class Command(BaseCommand):
    """Look before trading starts, and after a deployment."""

    help = "Says for each part of the installation whether it is fit to trade, and what mends it."
    # It runs them itself, and shows what they say beside everything else.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--after-deploy", action="store_true", help="The five validation steps against the running stack"
        )
        site = f"http://{_shown_host()}:{settings.PORT}"
        parser.add_argument("--url", default=site, help=f"Address of the running site ({site})")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Look everywhere, tell everything."""
        checks = deployment.steps(options["url"].rstrip("/")) if options["after_deploy"] else BEFORE
        findings = []
        for finding in examine(checks):
            findings.append(finding)
            if not options["json"]:
                self.stdout.write(str(finding))
        told = summary(findings)
        if options["json"]:
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in told["counts"].items()))
        action = records.VALIDATION if options["after_deploy"] else records.DOCTOR
        kept = {
            "counts": told["counts"],
            "failed": [each.area for each in findings if each.verdict is Verdict.FAIL],
        }
        records.note(action, kept, actor=ACTOR, now=bootstrap.utc_now())
        events.flush()
        if told["counts"][Verdict.FAIL]:
            sys.exit(1)


def _shown_host() -> str:
    return "127.0.0.1" if settings.HOST in ("0.0.0.0", "::") else settings.HOST  # noqa: S104 -- compared
