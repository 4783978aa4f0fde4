"""What every turn needs of workers and symbols, kept between turns.

Held by the desk of a process. Versions never change, so their configuration is parsed once; universes
and symbol rules are read again every few seconds; workers and blacklist are read at every turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trading.domain.instrument import Instrument
from trading.domain.strategy import StrategySpec, get_strategy
from trading.domain.universe import ListedSymbol, resolve
from trading.domain.workers import WorkerConfig
from trading.models import Worker
from trading.selectors.instruments import list_barred, list_listed
from trading.selectors.workers import get_config, list_acting

# The watchdog reads symbols anew; a turn does so only where the watchdog is late.
LISTED_FOR = timedelta(seconds=5)
LISTED_AT_MOST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Post:
    """One acting worker with its configuration and the symbols that it may trade now."""

    worker: Worker
    config: WorkerConfig
    spec: StrategySpec
    symbols: frozenset[str]

    @property
    def parameters_key(self) -> tuple[str, tuple[tuple[str, float], ...]]:
        """Strategy and parameters: workers that share it share their signals."""
        return self.spec.name, tuple(sorted(self.config.parameters.items()))


@dataclass(slots=True)
class Roster:
    """Keeps configurations, instruments and universes; see the module."""

    _configs: dict[int, tuple[WorkerConfig, StrategySpec]] = field(default_factory=dict)
    _listed: list[ListedSymbol] = field(default_factory=list)
    _instruments: dict[str, Instrument] = field(default_factory=dict)
    _listed_at: datetime | None = None
    _universes: dict[int, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def posts(self, interval: str, *, now: datetime) -> list[Post]:
        """Give the workers that act on this interval, the oldest first."""
        self.refresh(now, older_than=LISTED_AT_MOST)
        barred = frozenset(list_barred(now=now))
        found = []
        workers = list_acting()
        for worker in workers:
            version = worker.version
            if version is None or version.interval != interval:
                continue
            if version.pk not in self._configs:
                config = get_config(version)
                self._configs[version.pk] = (config, get_strategy(config.strategy))
            config, spec = self._configs[version.pk]
            found.append(Post(worker, config, spec, self._symbols(version.pk, config, barred, now)))
        self._forget({worker.version_id for worker in workers if worker.version_id is not None})
        return found

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Symbol rules as of the last turn."""
        return self._instruments

    def _symbols(
        self, key: int, config: WorkerConfig, barred: frozenset[str], now: datetime
    ) -> frozenset[str]:
        known = self._universes.get(key)
        if known is None or known[0] != barred:
            symbols = resolve(config.universe, self._listed, barred=barred, now=now)
            known = self._universes[key] = (barred, frozenset(symbols))
        return known[1]

    def refresh(self, now: datetime, *, older_than: timedelta = LISTED_FOR) -> None:
        """Read symbols, rules and volumes again, unless they are younger."""
        if self._listed_at is not None and now - self._listed_at < older_than:
            return
        self._listed = list_listed()
        self._instruments = {each.instrument.symbol: each.instrument for each in self._listed}
        self._universes.clear()
        self._listed_at = now

    def _forget(self, current: set[int]) -> None:
        for key in set(self._configs) - current:
            del self._configs[key]
            self._universes.pop(key, None)
