"""A desk that takes whole turns on a real database and a real Redis, with as many workers as a bench wants.

Only the venue is missing: it refuses every order at once, so that a turn with entries records, claims and
books them, and leaves every symbol free for the next turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import numpy as np
import redis
from django.conf import settings

from bench.private_servers import CHOICE
from tests.support.builders import a_config, an_instrument
from tests.support.trading import ALWAYS, allow_everything
from trading.domain import strategy
from trading.domain.market import INTERVAL_S, Candle, ClosedCandle
from trading.domain.orders import ListIntent, OrderIntent
from trading.domain.ports import VenueRefused
from trading.domain.strategy import StrategySpec
from trading.domain.universe import Universe
from trading.domain.values import to_ms
from trading.domain.workers import WorkerState
from trading.market.cache import QUOTES_KEY, MarketCache, candles_key, pack
from trading.market.decisions import keep_decisions
from trading.models import Balance, InstrumentRow, Worker, WorkerVersion
from trading.selectors.workers import config_to_json
from trading.services import cycle, limits, upkeep
from trading.services.context import Desk, Limits
from trading.services.cycle import Turn
from trading.services.instruments import _row
from trading.services.roster import Roster

INTERVAL = "1m"
STEP = timedelta(seconds=INTERVAL_S[INTERVAL])
ROWS = 500
# Ten ways of setting a strategy: the more workers there are, the more of them share theirs.
SETTINGS = 10
NEVER = {"z_entry": 6.0}  # no candle of a quiet walk is six deviations off
PATIENT = Limits(max_quote_age_s=1e9, max_candle_age_s=1e9)
COOLDOWN_S = 30  # less than a candle: asked for at every entry, and over


class RefusingVenue:
    """Refuses every order at once; nothing else is asked of it in a turn."""

    def submit_order(self, intent: OrderIntent, *, claimed_at: datetime | None = None) -> Any:
        """Refuse."""
        raise VenueRefused("refused by the bench", code=-2010)

    def submit_list(self, intent: ListIntent, *, claimed_at: datetime | None = None) -> Any:
        """Refuse."""
        raise VenueRefused("refused by the bench", code=-2010)


class TurnDesk:
    """Symbols with histories, and turns over them."""

    def __init__(self, symbols: int) -> None:
        cast("dict[str, StrategySpec]", strategy.STRATEGIES)[ALWAYS.name] = ALWAYS
        self.symbols = [f"S{number:03d}USDT" for number in range(symbols)]
        self.redis = redis.Redis.from_url(settings.REDIS_URL)
        self.now = datetime.now(UTC).replace(second=0, microsecond=0)
        self._opened = self.now - STEP
        self._random = np.random.default_rng(7)
        self._list_symbols()
        self.desk = Desk(
            venue=cast(Any, RefusingVenue()),
            market=MarketCache(self.redis),
            clock=lambda: self.now,
            senders=ThreadPoolExecutor(4, thread_name_prefix="sender"),
            limits=PATIENT,
            user_stream_is_up=lambda: True,
            roster=Roster(),
        )
        allow_everything()
        self.hire(0)

    def _list_symbols(self) -> None:
        rules = [
            replace(an_instrument(symbol=symbol), base_asset=symbol.removesuffix("USDT"))
            for symbol in self.symbols
        ]
        rows = [_row(each, Decimal(1), first_seen_at=self.now, now=self.now) for each in rules]
        InstrumentRow.objects.bulk_create(rows, ignore_conflicts=True)
        money = {"free": Decimal(10**9), "locked": Decimal(0), "ledger": Decimal(10**9)}
        Balance.objects.update_or_create(asset="USDT", defaults={**money, "updated_at": self.now})
        for symbol in self.symbols:
            first_ms = to_ms(self._opened) - (ROWS - 1) * INTERVAL_S[INTERVAL] * 1000
            history = [self._candle(symbol, first_ms + n * INTERVAL_S[INTERVAL] * 1000) for n in range(ROWS)]
            self.redis.set(candles_key(symbol, INTERVAL), pack(history))
            quote = f"100.00|9|100.01|9||{to_ms(self.now)}"
            self.redis.hset(QUOTES_KEY, symbol, quote)

    def _candle(self, symbol: str, open_ms: int) -> Candle:
        price = 100.0 + float(self._random.uniform(-0.05, 0.05))
        return Candle(symbol, INTERVAL, open_ms, price, price + 0.1, price - 0.1, price, 10.0)

    def hire(self, workers: int, *, entering: Sequence[str] = ()) -> list[int]:
        """Let so many workers act on all symbols, and one more enter these at every candle; give their ids.

        Whoever acted before is stopped.
        """
        Worker.objects.update(state=WorkerState.STOPPED.value)
        common: dict[str, Any] = {"interval": INTERVAL, "cooldown_s": COOLDOWN_S, "max_open_trades": 1000}
        quiet = [
            a_config(
                universe=Universe(symbols=tuple(self.symbols)),
                parameters=strategy.get_strategy("DIP_REVERSION").defaults()
                | NEVER
                | {"rsi_entry": 20.0 + n},
                **common,
            )
            for n in range(SETTINGS)
        ]
        configs = [quiet[number % SETTINGS] for number in range(workers)]
        if entering:
            budget = {"budget": Decimal(10**9), "strategy": ALWAYS.name}
            configs.append(a_config(universe=Universe(symbols=tuple(entering)), **common, **budget))
        first = Worker.objects.count()
        made = Worker.objects.bulk_create(
            Worker(
                name=f"bench {first + number}",
                state=WorkerState.ACTIVE.value,
                created_at=self.now,
                state_changed_at=self.now,
            )
            for number in range(len(configs))
        )
        versions = WorkerVersion.objects.bulk_create(
            WorkerVersion(
                worker=worker, number=1, created_at=self.now, created_by="bench", **config_to_json(config)
            )
            for worker, config in zip(made, configs, strict=True)
        )
        for worker, version in zip(made, versions, strict=True):
            worker.version = version
        Worker.objects.bulk_update(made, ["version"])
        return [worker.pk for worker in made]

    def act(self, worker_ids: Sequence[int]) -> None:
        """Let these workers act and nobody else."""
        Worker.objects.update(state=WorkerState.STOPPED.value)
        Worker.objects.filter(pk__in=worker_ids).update(state=WorkerState.ACTIVE.value)

    def limit_losses(self) -> None:
        """Have the day's loss watched too."""
        limits.set_limits("USDT", {"max_daily_loss": Decimal(10**9)}, actor="bench", now=self.now)

    def close_candles(self) -> list[ClosedCandle]:
        """Let the next candle of every symbol close, and give the batch."""
        self._opened += STEP
        self.now += STEP
        with self.redis.pipeline(transaction=False) as pipe:
            for symbol in self.symbols:
                pipe.append(candles_key(symbol, INTERVAL), pack([self._candle(symbol, to_ms(self._opened))]))
            pipe.execute()
        self.desk.roster.refresh(self.now)  # the watchdog's work, every few seconds
        return [ClosedCandle(symbol, INTERVAL, self._opened) for symbol in self.symbols]

    def turn(self, batch: Sequence[ClosedCandle]) -> Turn:
        """Do what the task of a batch does."""
        turn = cycle.run_batch(batch, desk=self.desk, arrived_at=self.now)
        keep_decisions(self.redis, turn.decisions, arrived_ms=to_ms(self.now))
        cycle.note_turn(turn, desk=self.desk)
        return turn

    def time_turn(self, *, entries: int = 0) -> float:
        """Let the next candles close, and give the ms of the turn over them, with so many entries."""
        batch = self.close_candles()
        began = time.perf_counter()
        turn = self.turn(batch)
        took_ms = (time.perf_counter() - began) * 1000
        if len(turn.trades) != entries:
            raise SystemExit(f"{len(turn.trades)} entries instead of {entries}")
        return took_ms

    def time_round(self) -> float:
        """Give the ms of one round of the watchdog, with nothing open."""
        began = time.perf_counter()
        upkeep.run(desk=self.desk)
        return (time.perf_counter() - began) * 1000

    def time_turns(self, count: int, *, entries: int = 0) -> float:
        """Give the fastest of so many turns in ms: what disturbs one from outside only ever adds to it."""
        self.turn(self.close_candles())
        return min(self.time_turn(entries=entries) for _ in range(count))


def run_apart(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module` on a private SQLite file and give the JSON that it prints.

    In a process of its own: its settings must not reach the stacks that other measurements start.
    """
    environment = {name: value for name, value in os.environ.items() if name != "FASTCYCLE_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**environment, CHOICE: "sqlite"},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} failed")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
