"""What workers decided about a symbol at a candle, and why: the answer to "why did it (not) trade?"."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision that some workers of a squad have in common: a thousand workers need not say it each.

    `code` is the strategy's reason or a denial code; `values` its conditions. `trade_id` is of the trade that
    it opened, which only one worker's decision has.
    """

    squad: str
    worker_ids: tuple[int, ...]
    symbol: str
    candle_open_at: datetime
    code: str
    detail: str = ""
    trade_id: int | None = None
    values: dict[str, float] = field(default_factory=dict)
