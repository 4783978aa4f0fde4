"""The order of candles of one symbol and interval: what is appended, what waits, what is missing.

Used by the feed. Pure: it decides, the feed writes. A candle is let through exactly once and in order;
where one is missing, later ones wait until the gap was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from trading.domain.market import INTERVAL_S, Candle

GRACE_MS = 2500  # the venue closes a candle up to two seconds late
FIRST_WAIT_MS = 1_000
MAX_WAIT_MS = 60_000
EXTRA = 2
MAX_WAITING = 60  # a standby keeps no more; a longer gap is asked for


class Verdict(Enum):
    """What happens to a candle that arrived."""

    APPEND = "APPEND"
    WAIT = "WAIT"
    DUPLICATE = "DUPLICATE"


@dataclass(slots=True)
class Track:
    """One candle history. `last_ms` is None until a history was fetched."""

    symbol: str
    interval: str
    last_ms: int | None = None
    rows: int = 0
    last: Candle | None = None
    is_fetching: bool = False
    is_doubted: bool = False  # the stream told something of the next candle that is not believed
    retry_at_ms: int = 0
    _asked_for_gap: bool = False
    _wait_ms: int = FIRST_WAIT_MS
    _waiting: dict[int, Candle] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Symbol and interval."""
        return self.symbol, self.interval

    @property
    def step_ms(self) -> int:
        """Length of a candle."""
        return INTERVAL_S[self.interval] * 1000

    def judge(self, candle: Candle) -> Verdict:
        """Take a candle that closed; those that must wait are kept."""
        if self.last_ms is not None:
            if candle.open_ms <= self.last_ms:
                return Verdict.DUPLICATE
            if candle.open_ms == self.last_ms + self.step_ms and not self._waiting:
                self._advance(candle)
                return Verdict.APPEND
        if not self._waiting:
            # A candle that is seen to be missing is worth a question at once.
            self.retry_at_ms = 0
        self._waiting[candle.open_ms] = candle
        while len(self._waiting) > MAX_WAITING:
            del self._waiting[min(self._waiting)]
        return Verdict.WAIT

    def doubt(self) -> None:
        """Have the next candle asked for: what the stream told of it is not believed."""
        self.is_doubted = True
        self.retry_at_ms = 0

    def begin(self, history: Sequence[Candle]) -> list[Candle]:
        """Start from a history that was written (not empty); give what waited and follows it."""
        return self.adopt(history[-1], rows=len(history))

    def adopt(self, last: Candle, *, rows: int) -> list[Candle]:
        """Go on from a history that is stored already; give what waited and follows it."""
        self.last, self.last_ms, self.rows, self.is_doubted = last, last.open_ms, rows, False
        self._wait_ms, self.retry_at_ms = FIRST_WAIT_MS, 0
        return self._let_follow(self._waiting)

    def restart(self) -> None:
        """Begin with a new history: what is stored is not to be trusted."""
        self.last = self.last_ms = None
        self.rows = 0
        self.retry_at_ms = 0

    def is_overdue(self, now_ms: int) -> bool:
        """Tell whether a history or a candle is missing that should be asked for now."""
        if self.is_fetching or now_ms < self.retry_at_ms:
            return False
        if self.last_ms is None or self._waiting or self.is_doubted:
            return True
        return now_ms >= self.last_ms + 2 * self.step_ms + GRACE_MS

    def missing(self, now_ms: int) -> int | None:
        """Give how many candles to ask for, now that a question begins; None for a whole history."""
        self._asked_for_gap = bool(self._waiting)
        if self.last_ms is None:
            return None
        return max((now_ms - self.last_ms) // self.step_ms, 0) + EXTRA

    def fill(self, fetched: Sequence[Candle], *, now_ms: int) -> list[Candle]:
        """Give what follows the last one, from what was fetched and what waited, oldest first.

        A gap that the venue itself has stays a gap, once it was asked for after it was seen. Where nothing
        new came, the next question waits longer.
        """
        candles = self._let_follow({each.open_ms: each for each in fetched} | self._waiting)
        if candles:
            self._wait_ms, self.retry_at_ms = FIRST_WAIT_MS, 0
        else:
            self.postpone(now_ms)
        return candles

    def postpone(self, now_ms: int) -> None:
        """Wait longer after a question that was not answered."""
        self.retry_at_ms = now_ms + self._wait_ms
        self._wait_ms = min(self._wait_ms * 2, MAX_WAIT_MS)

    def _let_follow(self, candles: Mapping[int, Candle]) -> list[Candle]:
        last_ms = -1 if self.last_ms is None else self.last_ms
        following = []
        for open_ms in sorted(moment for moment in candles if moment > last_ms):
            is_next = self.last_ms is not None and open_ms == self.last_ms + self.step_ms
            if not is_next and open_ms in self._waiting and not self._asked_for_gap:
                break
            self._advance(candles[open_ms])
            following.append(candles[open_ms])
        self._waiting = {
            open_ms: each for open_ms, each in self._waiting.items() if open_ms > (self.last_ms or 0)
        }
        return following

    def _advance(self, candle: Candle) -> None:
        self.last, self.last_ms, self.is_doubted = candle, candle.open_ms, False
        self.rows += 1
