"""`python -m bench.crowd COUNT`: hire many willing workers on a running stack, in one process.

Started by measurements with the stack's own environment; the command `worker create` would take half a second
for each worker.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from bench.latency import SYMBOLS, WILLING
from trading.domain.universe import Universe
from trading.domain.workers import WorkerConfig
from trading.services import workers

# Workers are set in five ways, so that five strategies are asked about every candle and not one.
SETTINGS = 5


def main() -> int:
    """Hire."""
    now = datetime.now(UTC)
    willing = {name: float(number) for name, number in (each.split("=") for each in WILLING)}
    for number in range(int(sys.argv[1])):
        config = WorkerConfig(
            strategy="DIP_REVERSION",
            parameters={**willing, "z_length": 20 + number % SETTINGS},
            interval="1s",
            universe=Universe(symbols=tuple(SYMBOLS.split(","))),
            trade_notional=Decimal(100),
            budget=Decimal(100_000),
            max_open_trades=100,
            take_profit_bps=6,
            stop_loss_bps=6,
            trailing_bps=0,
            max_hold_s=10,
            cooldown_s=0,
            max_spread_bps=100,
            max_slippage_bps=10,
        )
        worker = workers.create_worker(f"bench {number}", config, actor="bench", now=now)
        workers.start_worker(worker.pk, actor="bench", now=now)
    return 0


if __name__ == "__main__":
    sys.exit(main())
