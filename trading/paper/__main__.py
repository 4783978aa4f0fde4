"""Starts the paper venue without Django: `python -m trading.paper --port 8100`."""

from __future__ import annotations

import os
import sys

from trading.paper.config import ConfigError, parse_arguments
from trading.paper.server import run


def main() -> int:
    """Run the venue until it is told to stop; give the exit status."""
    try:
        return run(parse_arguments(sys.argv[1:], os.environ))
    except ConfigError as error:
        sys.stderr.write(f"paper: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
