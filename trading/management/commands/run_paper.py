"""`manage.py run_paper`: starts the paper venue. Forwards its options and decides nothing."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.paper.config import ConfigError, add_options, read_config
from trading.paper.server import run


class Command(BaseCommand):
    """The Django door to the stand-alone venue."""

    help = "Run the paper venue: a stand-alone server that speaks Binance spot."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the venue's own options."""
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop; leave with the venue's exit status."""
        try:
            status = run(read_config(options, os.environ))
        except ConfigError as error:
            raise CommandError(str(error), returncode=2) from error
        sys.exit(status)
