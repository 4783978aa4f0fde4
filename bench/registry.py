"""What `python -m bench` can measure: one line each, with the options that the measurement takes.

A measurement is a function that gives a dictionary of figures for bench/results.json. `UNATTENDED` are those
that `make bench` runs: no input from outside, a few minutes each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import (
    acceptance,
    backtest,
    exporting,
    governor,
    growth,
    kill_switch,
    kills,
    latency,
    lighthouse,
    memory,
    meta_model,
    newcomer,
    onlookers,
    parity,
    polling,
    promotion,
    protection,
    real_input,
    screening,
    stored,
    stream_cost,
    stream_load,
    stream_uptime,
    surface,
    tuned_latency,
    turns,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line may set; None means the measurement's own default."""

    data: Path | None = None
    minutes: float | None = None
    entries: int | None = None
    full: bool = False

    def given(self, *names: str) -> dict[str, Any]:
        """Give those of the named options that were set."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


MEASUREMENTS: Mapping[str, Callable[[Options], dict[str, Any]]] = {
    "latency": lambda options: latency.measure(**options.given("entries")),
    "turns": lambda _: turns.measure(),
    "growth": lambda _: growth.measure(),
    "stream_cost": lambda _: stream_cost.measure(),
    "stream_load": lambda options: stream_load.measure(seconds=(options.minutes or 5.0) * 60),
    "stream_uptime": lambda options: stream_uptime.measure(**options.given("minutes")),
    "governor": lambda _: governor.measure(),
    "polling": lambda _: polling.measure(),
    "memory": lambda options: memory.measure(**options.given("minutes")),
    "stored": lambda options: stored.measure(sizes=stored.SIZES if options.full else stored.SHORT_SIZES),
    "surface": lambda _: surface.measure(),
    "onlookers": lambda options: onlookers.measure(**options.given("minutes")),
    "lighthouse": lambda _: lighthouse.measure(),
    "exporting": lambda options: exporting.measure(
        rows=exporting.FULL_ROWS if options.full else exporting.SHORT_ROWS
    ),
    "newcomer": lambda _: newcomer.measure(),
    "kills": lambda _: kills.measure(),
    "kill_switch": lambda _: kill_switch.measure(),
    "protection": lambda _: protection.measure(),
    "backtest": lambda _: backtest.measure(),
    "screening": lambda _: screening.measure(),
    "meta_model": lambda _: meta_model.measure(),
    "tuned_latency": lambda options: tuned_latency.measure(**options.given("entries")),
    "promotion": lambda _: promotion.measure(),
    "acceptance": lambda options: acceptance.measure(**options.given("minutes")),
    "parity": lambda options: parity.measure(**options.given("data")),
    "candles": lambda options: real_input.measure(market="candles", **options.given("data", "minutes")),
    "ticks": lambda options: real_input.measure(market="ticks", **options.given("data", "minutes")),
}
NEED_DATA = frozenset({"parity", "candles", "ticks"})
TAKES_AN_HOUR = frozenset({"acceptance"})
UNATTENDED = tuple(name for name in MEASUREMENTS if name not in NEED_DATA | TAKES_AN_HOUR)
