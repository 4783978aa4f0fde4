#!/usr/bin/env python
"""The command line of Fast-Cycle: every process and every act of the operator starts here."""

from __future__ import annotations

import os
import sys

from lean import become_lean, is_long_lived

if __name__ == "__main__" and is_long_lived(sys.argv):
    become_lean(*sys.argv)  # before anything large is imported for nothing

from django.core.management import execute_from_command_line
from django.db import OperationalError

from fastcycle.env import BadSetting


def main() -> int:
    """Run one management command; what cannot be used ends it with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastcycle.settings")
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.stderr.write(f"fast-cycle: {error}\n")
        return 2
    except OperationalError as error:
        sys.stderr.write(f"fast-cycle: the database cannot be used: {str(error).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
