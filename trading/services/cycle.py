"""One turn: a batch of closed candles in, protected entries out.

Called by the batch task; knows nothing of Celery. Delivered twice or to two processes at once, it
opens one trade: decisions have a key that is unique in the database, and the account's control row is
locked while limits are checked and orders are recorded.

    look     candles and quotes from the market view
    decide   one pass per strategy and parameters over all symbols, shared by all workers
    check    limits of account, symbol and worker, inside the recording transaction
    record   trade and orders, claimed by this turn, one commit for the batch
    send     all at once from sender threads; book each answer as it comes
"""

import logging
from collections import defaultdict
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
from trading.domain.risk_score import tell_risk
from trading.domain.workers import rank_workers
from trading.models import Trade, Worker
from trading.selectors.symbol_risk import RiskBook
from trading.selectors.trades import busy_symbols
from trading.services.context import Desk
from trading.services.entries import SYMBOL_BUSY, Outcome, Wish, record_entries
from trading.services.protection import protect_trade
from trading.services.roster import Squad
from trading.services.signals import Answer, SignalAnswer, SignalBook
from trading.services.submit import Recorded, book, send

log = logging.getLogger(__name__)

ANSWERS_TOGETHER_S = 0.1
NOTED_EVERY = timedelta(seconds=10)


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
    together: dict[tuple[datetime, str], list[ClosedCandle]] = defaultdict(list)
    for candle in closed:
        together[candle.open_at, candle.interval].append(candle)
    for (opened, interval), candles in together.items():
        wishes += _decide(interval, opened, candles, turn, busy=busy, desk=desk)
    if not wishes:
        return turn
    # Open trades' too: what they would lose now counts against the account's daily loss.
    quotes = desk.market.quotes(sorted(busy.union(wish.candle.symbol for wish in wishes)))
    wanted = {wish.candle for wish in wishes}
    risks = RiskBook.read(desk.market, wanted, held=busy, followed=desk.roster.followed)
    try:
        outcome = record_entries(wishes, quotes=quotes, risks=risks, desk=desk, arrived_at=arrived_at)
    except IntegrityError:
        # The batch was delivered before, or a trade came alive between our look and our insert, by a booking,
        # which takes no account lock.
        log.warning("cycle.symbol_taken_meanwhile")
        outcome = record_entries(
            wishes, quotes=quotes, risks=risks, desk=desk, arrived_at=arrived_at, is_second_look=True
        )
    turn.trades = [trade for _, trade, _ in outcome.entries]
    _send([recorded for _, _, recorded in outcome.entries], desk=desk)
    _protect(turn.trades, desk=desk)
    turn.decisions += _outcomes(outcome)
    return turn


def note_turn(turn: Turn, *, desk: Desk) -> None:
    """Note when the turn's workers had their last one, every few seconds for all of them together.

    A thousand rows a second, written for a column that people read, would stand in the way of orders.
    """
    watch, now = desk.watch, desk.clock()
    for decision in turn.decisions:
        watch.turned.update(decision.worker_ids)
    if watch.turns_noted_at is not None and now - watch.turns_noted_at < NOTED_EVERY:
        return
    turned, watch.turned, watch.turns_noted_at = watch.turned, set(), now
    Worker.objects.filter(pk__in=turned).update(last_turn_at=now)


def _decide(
    interval: str,
    opened: datetime,
    candles: Sequence[ClosedCandle],
    turn: Turn,
    *,
    busy: set[str],
    desk: Desk,
) -> Iterable[Wish]:
    """Let every squad decide on the candles that were opened at one moment."""
    now = desk.clock()
    squads = desk.roster.squads(interval, now=now)
    by_symbol = {candle.symbol: candle for candle in candles}
    late = _lateness(opened, interval, now=now, limit_s=desk.limits.max_candle_age_s)
    # Seen again under the lock; here it saves the signals of symbols that cannot be entered anyway.
    refused = {symbol: late or SYMBOL_BUSY for symbol in by_symbol if late is not None or symbol in busy}
    # Universes are few, workers many: each is laid over the batch once.
    wanted = {
        universe: [symbol for symbol in by_symbol if symbol in universe]
        for universe in {squad.symbols for squad in squads}
    }
    looked_at = {symbol for symbols in wanted.values() for symbol in symbols if symbol not in refused}
    # What the longest warm-up needs, the candle that is decided on included.
    length = max((squad.warmup for squad in squads), default=1)
    signals = SignalBook(desk.market, interval, opened, symbols=sorted(looked_at), length=length)
    wishes = []
    for squad in squads:
        symbols = wanted[squad.symbols]
        answers = signals.decide(squad, [symbol for symbol in symbols if symbol not in refused])
        for symbol in symbols:
            answer = refused.get(symbol) or answers[symbol]
            if isinstance(answer, SignalAnswer) and answer.is_entry:
                wishes += [Wish(squad, post, by_symbol[symbol], answer) for post in squad.posts]
            else:
                turn.decisions.append(_decision(squad, symbol, opened, answer))
    places = {symbol: place for place, symbol in enumerate(by_symbol)}
    ranks = rank_workers({wish.post.worker.id for wish in wishes}, opened, interval)
    wishes.sort(key=lambda wish: (places[wish.candle.symbol], ranks[wish.post.worker.id]))
    return wishes


def _lateness(opened: datetime, interval: str, *, now: datetime, limit_s: float) -> Denial | None:
    age_s = (now - opened).total_seconds() - INTERVAL_S[interval]
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


def _decision(squad: Squad, symbol: str, opened: datetime, answer: Answer) -> Decision:
    if isinstance(answer, Denial):
        return Decision(squad.name, squad.worker_ids, symbol, opened, str(answer.code), str(answer))
    return Decision(squad.name, squad.worker_ids, symbol, opened, answer.reason, values=answer.values)


def _outcomes(outcome: Outcome) -> Iterable[Decision]:
    """Give what became of the wishes: one decision for all of a squad that met the same denial."""
    for wish, trade, _ in outcome.entries:
        detail = tell_risk(trade.risk_score, trade.risk_points, trade.size_percent)
        yield _outcome(wish, (wish.post.worker.id,), wish.signal.reason, detail, trade.id)
    together: dict[tuple[str, ClosedCandle, Denial], list[Wish]] = defaultdict(list)
    for wish, denial in outcome.denials:
        together[wish.squad.name, wish.candle, denial].append(wish)
    for (_, _, denial), wishes in together.items():
        worker_ids = tuple(wish.post.worker.id for wish in wishes)
        yield _outcome(wishes[0], worker_ids, str(denial.code), str(denial))


def _outcome(
    wish: Wish, worker_ids: tuple[int, ...], code: str, detail: str, trade_id: int | None = None
) -> Decision:
    return Decision(
        wish.squad.name,
        worker_ids,
        wish.candle.symbol,
        wish.candle.open_at,
        code,
        detail,
        trade_id,
        wish.signal.values,
    )
