"""`manage.py resume --reason TEXT [--json]`: let the account trade again after a kill or a halt.

Open incidents stay open: whoever resumes in spite of one has not yet said what was found.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from trading import events
from trading.domain.risk import TradingState
from trading.models import Incident
from trading.services.control import set_trading_state

ACTOR = "command"


class Command(BaseCommand):
    """Undo `kill`, as far as entries go; what was sold stays sold."""

    help = "Lets the account trade again after a kill or a halt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--reason", required=True, help="Goes into the journal")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Set the account active and name what is still to be answered."""
        control = set_trading_state(
            TradingState.ACTIVE, actor=ACTOR, now=datetime.now(UTC), reason=options["reason"]
        )
        events.flush()
        still_open = list(Incident.objects.filter(closed_at__isnull=True).order_by("pk"))
        if options["json"]:
            incidents = [incident.pk for incident in still_open]
            self.stdout.write(json.dumps({"trading_state": control.state, "open_incidents": incidents}))
            return
        self.stdout.write(f"trading          {control.state}")
        for incident in still_open:
            self.stdout.write(f"open incident    {incident.pk}: {incident.cause}")
