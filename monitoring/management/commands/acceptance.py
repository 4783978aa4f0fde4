"""`manage.py acceptance [--json]`: every criterion, what was measured, and its verdict. Reads only."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from monitoring import acceptance, live
from monitoring.verdicts import Verdict


class Command(BaseCommand):
    """Print the criteria; exit 1 where one is not met."""

    help = "Shows every acceptance criterion with what was measured and its verdict."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Print, and end with the exit status that says whether nothing failed."""
        found = acceptance.build(now=live.utc_now())
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            for row in found["criteria"]:
                missing = f" (missing: {row['missing']})" if row["missing"] else ""
                line = f"{row['id']:<3} {row['verdict']:<16} {row['criterion']}: {row['measured']}"
                self.stdout.write(f"{line}, target {row['target']}, {row['window']}{missing}")
        if found["counts"][Verdict.NOT_MET]:
            sys.exit(1)
