"""`manage.py in_background COMMAND …`: runs another command where processors are idle.

Tasks that compute for minutes start their commands with it: neither the trader nor the site, whose process
runs the task, is to notice. It ends with whoever started it; its exit status is that of the command.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from trading.management.supervisor.children import die_with_parent
from trading.management.supervisor.priority import go_last


class Command(BaseCommand):
    """Another command, behind everybody else."""

    help = "Run another command where processors are idle; it ends with the process that started it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to run."""
        parser.add_argument("command", help="name of the command")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it here."""
        die_with_parent(os.getppid())
        go_last()
        call_command(options["command"], *options["arguments"])
