"""One turn: a batch of closed candles in, protected entries out.

Called by the batch task; knows nothing of Celery. Delivered twice or to two processes at once, it
opens one trade: decisions have a key that is unique in the database, and the account's control row is
locked while limits are checked and orders are recorded.

    look     candles and quotes from the market view
    decide   one signal per strategy, parameters and symbol, shared by all workers
    check    limits of account, symbol and worker, inside the recording transaction
    record   trade and orders INITIALIZED, one commit for the batch
    send     all at once from sender threads; book each answer as it comes
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import as_completed, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from django.db import IntegrityError

from trading.domain.decisions import Decision
from trading.domain.instrument import ProtectionMode
from trading.domain.market import INTERVAL_S, ClosedCandle
from trading.domain.risk import Denial, DenialCode
from trading.models import Trade
from trading.selectors.trades import busy_symbols
from trading.services.context import Desk
from trading.services.entries import Wish, record_entries
from trading.services.protection import protect_trade
from trading.services.roster import Post
from trading.services.signals import SignalBook
from trading.services.submit import Recorded, book, claim, send

log = logging.getLogger(__name__)

ANSWERS_TOGETHER_S = 0.1
SYMBOL_BUSY = Denial(DenialCode.SYMBOL_BUSY)


@dataclass(slots=True)
class Turn:
    """The outcome of a turn."""

    decisions: list[Decision] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


def run_batch(closed: Sequence[ClosedCandle], *, desk: Desk, arrived_at: datetime | None = None) -> Turn:
    """Take one turn over all candles that closed together.

    Args:
        arrived_at: When the first of their closing frames arrived; kept with the trades, so that the
            time from signal to order can be told.
    """
    turn = Turn()
    wishes: list[Wish] = []
    busy = busy_symbols()
    for interval in sorted({candle.interval for candle in closed}):
        candles = [candle for candle in closed if candle.interval == interval]
        wishes += _decide(interval, candles, turn, busy=busy, desk=desk)
    if not wishes:
        return turn
    # Open trades' too: what they would lose now counts against the account's daily loss.
    quotes = desk.market.quotes(sorted(busy.union(wish.candle.symbol for wish in wishes)))
    try:
        outcome = record_entries(wishes, quotes=quotes, desk=desk, arrived_at=arrived_at)
    except IntegrityError:
        # A trade came alive between our look and our insert, by a booking, which takes no account lock.
        log.warning("cycle.symbol_taken_meanwhile")
        outcome = record_entries(wishes, quotes=quotes, desk=desk, arrived_at=arrived_at)
    turn.trades = [trade for trade, _ in outcome.entries]
    _send(claim([recorded for _, recorded in outcome.entries], now=desk.clock()), desk=desk)
    _protect(turn.trades, desk=desk)
    turn.decisions += _outcomes(wishes, outcome.denials, turn.trades)
    return turn


def _decide(
    interval: str, candles: Sequence[ClosedCandle], turn: Turn, *, busy: set[str], desk: Desk
) -> Iterable[Wish]:
    now = desk.clock()
    posts = desk.roster.posts(interval, now=now)
    pairs = [(candle, post) for candle in candles for post in posts if candle.symbol in post.symbols]
    symbols = sorted({candle.symbol for candle, _ in pairs if candle.symbol not in busy})
    signals = SignalBook(desk.market, interval, symbols=symbols, length=_history(posts))
    wishes = []
    for candle, post in pairs:
        late = _lateness(candle, now=now, limit_s=desk.limits.max_candle_age_s)
        # Seen again under the lock; here it saves the signals of symbols that cannot be entered anyway.
        answer = late or (SYMBOL_BUSY if candle.symbol in busy else signals.decide(post, candle))
        if isinstance(answer, Denial):
            turn.decisions.append(_decision(post, candle, code=answer.code, detail=str(answer)))
        elif not answer.is_entry:
            turn.decisions.append(_decision(post, candle, code=answer.reason, values=answer.values))
        else:
            wishes.append(Wish(post, candle, answer))
    return wishes


def _history(posts: Sequence[Post]) -> int:
    """Candles that the longest warm-up of the posts needs, the one that is decided on included."""
    return max((post.spec.warmup(post.config.parameters) for post in posts), default=1)


def _lateness(candle: ClosedCandle, *, now: datetime, limit_s: float) -> Denial | None:
    closed_at = candle.open_at + timedelta(seconds=INTERVAL_S[candle.interval])
    age_s = (now - closed_at).total_seconds()
    if age_s > limit_s:
        return Denial(DenialCode.CANDLE_STALE, f"{age_s:.3f} s", f"{limit_s} s")
    return None


def _send(claimed: Sequence[Recorded], *, desk: Desk) -> None:
    """Send all at once, then book; the one thread that holds the database connection does the booking.

    Booking waits a moment for all answers: it would take the processor from requests that have not left,
    and one transaction for all is cheaper. Who is late is booked alone.
    """
    futures = {desk.senders.submit(send, each, venue=desk.venue): each for each in claimed}
    together, late = wait(futures, timeout=ANSWERS_TOGETHER_S)
    for done in chain([together], ([future] for future in as_completed(late))):
        answers = [(futures[future], future.result()) for future in done]
        try:
            book(answers, now=desk.clock(), market=desk.market)
        except Exception:  # rim of the loop: the other answers must still be booked; reconcile asks again
            log.exception("order.booking_failed", extra={"trades": [each.trade_id for each, _ in answers]})


def _protect(trades: Sequence[Trade], *, desk: Desk) -> None:
    """Put exits on what was bought without them: where the symbol allows no combined list."""
    alone = (ProtectionMode.OCO.value, ProtectionMode.SUPERVISED.value)
    for trade in trades:
        if trade.protection in alone:
            protect_trade(trade.id, desk=desk)


def _decision(
    post: Post, candle: ClosedCandle, *, code: str, detail: str = "", values: dict[str, float] | None = None
) -> Decision:
    return Decision(post.worker.id, candle.symbol, candle.open_at, str(code), detail, values=values or {})


def _outcomes(
    wishes: Sequence[Wish], denials: dict[str, Denial], trades: Sequence[Trade]
) -> Iterable[Decision]:
    opened = {trade.key: trade for trade in trades}
    for wish in wishes:
        denial, trade = denials.get(wish.key), opened.get(wish.key)
        code = str(denial.code) if denial is not None else wish.signal.reason
        yield Decision(
            wish.post.worker.id,
            wish.candle.symbol,
            wish.candle.open_at,
            code,
            detail=str(denial) if denial is not None else "entry",
            trade_id=trade.id if trade is not None else None,
            values=wish.signal.values,
        )
