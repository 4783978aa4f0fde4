"""What a worker decided about a symbol at a candle, and why: the answer to "why did it (not) trade?"."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `code` is the strategy's reason or a denial code; `values` its conditions."""

    worker_id: int
    symbol: str
    candle_open_at: datetime
    code: str
    detail: str = ""
    trade_id: int | None = None
    values: dict[str, float] = field(default_factory=dict)
