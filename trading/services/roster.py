"""What every turn needs of workers and symbols, kept between turns.

Held by the desk of a process. At every turn two short reads tell whether workers, versions or blacklist
changed; only then squads are put together anew. Symbol rules are read again every few seconds.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trading.domain.instrument import Instrument
from trading.domain.signal_model import SignalModel
from trading.domain.signals import StrategySpec
from trading.domain.universe import ListedSymbol, Universe, resolve
from trading.domain.workers import WorkerConfig
from trading.models import Worker
from trading.selectors.instruments import list_barred, list_listed
from trading.selectors.workers import ActingKey, get_config, list_acting, list_acting_keys

# The watchdog reads symbols anew; a turn does so only where the watchdog is late.
LISTED_FOR = timedelta(seconds=5)
LISTED_AT_MOST = timedelta(seconds=30)
NAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Post:
    """One acting worker with its configuration."""

    worker: Worker
    config: WorkerConfig


@dataclass(frozen=True, slots=True)
class Squad:
    """Workers that share interval, strategy, parameters, model and symbols, the oldest first.

    What the strategy says is said to all of them at once. `name` is the same in every process and changes
    with the members, so that what is counted for a squad counts for each of its workers.
    """

    name: str
    spec: StrategySpec
    parameters: Mapping[str, float]
    symbols: frozenset[str]
    posts: tuple[Post, ...]
    worker_ids: tuple[int, ...]
    parameters_key: tuple[str, tuple[tuple[str, float], ...], SignalModel | None]
    warmup: int


@dataclass(slots=True)
class Roster:
    """Keeps configurations, instruments and squads; see the module."""

    _listed: list[ListedSymbol] = field(default_factory=list)
    _instruments: dict[str, Instrument] = field(default_factory=dict)
    _listed_at: datetime | None = None
    _listing: int = 0
    _posts: tuple[list[ActingKey], list[Post]] = ([], [])
    # What the squads were made of, and the squads by interval: replaced together, for several threads read.
    _squads: tuple[object, Mapping[str, Sequence[Squad]]] = (None, {})

    def squads(self, interval: str, *, now: datetime) -> Sequence[Squad]:
        """Give the squads that act on this interval."""
        self.refresh(now, older_than=LISTED_AT_MOST)
        barred = frozenset(list_barred(now=now))
        acting = list_acting_keys()
        made_of = (self._listing, barred, acting)
        known = self._squads
        if known[0] != made_of:
            known = self._squads = (made_of, self._muster(acting, barred, now))
        return known[1].get(interval, ())

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Symbol rules as of the last turn."""
        return self._instruments

    @property
    def active_ids(self) -> list[int]:
        """Ids of the workers that may open trades, the oldest first, as of the last turn."""
        return [worker_id for worker_id, _ in self._posts[0]]

    def followed(self, interval: str) -> frozenset[str]:
        """Give the symbols that workers of this interval trade, as of the last turn; candles are kept."""
        universes = {squad.symbols for squad in self._squads[1].get(interval, ())}  # few, of many squads
        return frozenset().union(*universes)

    def refresh(self, now: datetime, *, older_than: timedelta = LISTED_FOR) -> None:
        """Read symbols, rules and volumes again, unless they are younger."""
        if self._listed_at is not None and now - self._listed_at < older_than:
            return
        listed = list_listed()
        if listed != self._listed:
            self._listed = listed
            self._instruments = {each.instrument.symbol: each.instrument for each in listed}
            self._listing += 1
        self._listed_at = now

    def _muster(
        self, acting: list[ActingKey], barred: frozenset[str], now: datetime
    ) -> Mapping[str, Sequence[Squad]]:
        if self._posts[0] != acting:
            posts = [
                Post(worker, get_config(worker.version))
                for worker in list_acting()
                if worker.version is not None
            ]
            self._posts = (acting, posts)
        symbols: dict[Universe, frozenset[str]] = {}
        members: dict[tuple[object, ...], list[Post]] = defaultdict(list)
        for post in self._posts[1]:
            universe = post.config.universe
            if universe not in symbols:
                symbols[universe] = frozenset(resolve(universe, self._listed, barred=barred, now=now))
            parameters = tuple(sorted(post.config.parameters.items()))
            asked = (post.config.strategy, parameters, post.config.model)
            key = (post.config.interval, asked, symbols[universe])
            members[key].append(post)
        squads: dict[str, list[Squad]] = defaultdict(list)
        for posts in members.values():
            config = posts[0].config
            squads[config.interval].append(_squad(posts, symbols[config.universe]))
        return squads


def _squad(posts: Sequence[Post], symbols: frozenset[str]) -> Squad:
    config = posts[0].config
    spec = config.spec
    worker_ids = tuple(post.worker.id for post in posts)
    parameters_key = (spec.name, tuple(sorted(config.parameters.items())), config.model)
    told = repr((config.interval, parameters_key, sorted(symbols), worker_ids))
    return Squad(
        name=hashlib.blake2b(told.encode(), digest_size=NAME_BYTES).hexdigest(),
        spec=spec,
        parameters=config.parameters,
        symbols=symbols,
        posts=tuple(posts),
        worker_ids=worker_ids,
        parameters_key=parameters_key,
        warmup=spec.warmup(config.parameters),
    )
