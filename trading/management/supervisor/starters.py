"""The first look at the venue, and the two workers that a new installation begins with.

`manage.py up` runs it in a child of its own, when database, Redis and venue are there. The workers are made
once, where there never was one; they run only where the money is not real, and wait stopped elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from trading import bootstrap
from trading.domain.ports import VenueError
from trading.domain.risk_score import MAX_RISK
from trading.models import Worker
from trading.selectors.workers import parse_config
from trading.services import delistings, instruments, schedules, workers

ACTOR = "first start"
LIMITS: Mapping[str, Any] = {
    "interval": "1s",
    # What the first stage of a rollout allows.
    "trade_notional": "10",
    "budget": "60",
    "max_open_trades": 6,
    "take_profit_bps": 30,
    "stop_loss_bps": 40,
    # A time slice of the first stage: whoever comes next finds its one place free soon.
    "max_hold_s": 20,
    "cooldown_s": 5,
    "max_spread_bps": 10,
    "max_slippage_bps": 10,
    # Never cut: half of 10 is less than the venue takes.
    "full_size_risk": MAX_RISK,
    "max_risk": MAX_RISK,
}
# Set to trade often, so that a newcomer sees the whole life of a trade within a minute. They are a
# demonstration: exits this near cannot earn the fees of two trades.
STARTERS: Mapping[str, Mapping[str, Any]] = {
    "Starter dips": {
        "strategy": "DIP_REVERSION",
        "parameters": {
            "z_length": 40,
            "z_entry": 2.0,
            "rsi_entry": 35,
            "reward_bps": 8,
            "trend_fall_bps": 100,
        },
    },
    "Starter trends": {
        "strategy": "TREND_BREAKOUT",
        "parameters": {"channel_length": 30, "trend_rise_bps": 1, "atr_min_bps": 1, "volume_ratio": 0},
    },
}
UNIVERSE: Mapping[str, Any] = {"quote_asset": "USDT", "top": 12}


def begin_trading(say: Callable[[str], None]) -> int:
    """Learn symbols, fees and delistings, and make the starter workers if there never was a worker."""
    now = bootstrap.utc_now()
    try:
        instruments.refresh_instruments(venue=bootstrap.get_venue(), now=now)
    except VenueError as error:
        say(f"the venue cannot be asked for its symbols yet: {error}")
    if not Worker.objects.exists():
        _make_starters(say, now=now)
    # What a new version brought along; the first start keeps the first snapshot.
    schedules.note_edit(actor=ACTOR, now=now, reason="found at the start")
    try:
        instruments.refresh_fees(venue=bootstrap.get_venue(), now=now)
    except VenueError as error:
        say(f"the venue cannot be asked for its fees yet: {error}")
    try:
        # The timer asks an hour from now for the first time.
        delistings.review_delistings(venue=bootstrap.get_venue(), now=now)
    except VenueError as error:
        say(f"the venue cannot be asked for its delistings yet: {error}")
    return 0


def _make_starters(say: Callable[[str], None], *, now: datetime) -> None:
    for name, differences in STARTERS.items():
        config = parse_config({"universe": UNIVERSE, **LIMITS, **differences})
        worker = workers.create_worker(name, config, actor=ACTOR, now=now)
        if settings.VENUE.name == "paper":
            workers.start_worker(worker.pk, actor=ACTOR, now=now, reason="a venue without real money")
    say(f"made {len(STARTERS)} starter workers: {', '.join(STARTERS)}")
