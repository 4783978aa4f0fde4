"""Checks, records and claims the entries of one turn in one transaction, under the account's lock.

Called by services.cycle. The control row is locked first, so that two processes check the limits of
the account one after the other and never spend the same money twice, and so that no halt comes between the
check and the claim; unique constraints stand behind.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from trading import events
from trading.domain.entries import EntryPlan, EntryTerms, plan_entry
from trading.domain.market import ClosedCandle, Quote
from trading.domain.risk import (
    AccountLimits,
    AtRisk,
    Denial,
    DenialCode,
    EntryFacts,
    EntryLimits,
    TradingState,
    check_entry,
)
from trading.domain.risk_score import RiskScore, size_percent
from trading.domain.rollout import StageLimits, may_add
from trading.domain.trades import TradeState
from trading.domain.values import ZERO, trade_key
from trading.models import Balance, Trade, TradingControl
from trading.selectors.limits import DayLoss, get_limits, open_trades_at_risk, watched_losses
from trading.selectors.prepared import Prepared
from trading.selectors.rollout import stage_limits
from trading.selectors.symbol_risk import RiskBook
from trading.selectors.trades import last_closed_at
from trading.services.account_lock import lock_account
from trading.services.context import Desk
from trading.services.fee_purse import FeePurse, look_into_purse
from trading.services.inserts import insert_all
from trading.services.limits import note_daily_loss
from trading.services.roster import Post, Squad
from trading.services.signals import SignalAnswer
from trading.services.submit import Intent, Recorded, record_claimed

SYMBOL_BUSY = Denial(DenialCode.SYMBOL_BUSY)
# The account's lock, and what it may do.
_STATE: Prepared[str] = Prepared(
    lambda: TradingControl.objects.select_for_update().filter(pk=1).values_list("state"), str
)
_FREE: Prepared[tuple[str, Decimal]] = Prepared(
    lambda: Balance.objects.values_list("asset", "free"), lambda asset, free: (asset, free)
)


@dataclass(frozen=True, slots=True)
class Wish:
    """An entry that a worker's strategy wants."""

    squad: Squad
    post: Post
    candle: ClosedCandle
    signal: SignalAnswer

    @property
    def key(self) -> str:
        """The decision's unique name."""
        return trade_key(self.post.worker.id, self.candle.symbol, self.candle.open_at)


@dataclass(slots=True)
class Outcome:
    """What became of each wish: a trade that was recorded with its orders, or a denial."""

    entries: list[tuple[Wish, Trade, Recorded]] = field(default_factory=list)
    denials: list[tuple[Wish, Denial]] = field(default_factory=list)


@dataclass(slots=True)
class _Books:
    """What is known of the account while the turn's wishes are checked one after the other."""

    state: TradingState
    busy: set[str]
    taken: set[tuple[int, str, datetime]]
    open_trades: dict[int, int]
    bound: dict[int, Decimal]
    free: dict[str, Decimal]
    closed_at: dict[tuple[int, str], datetime]
    user_stream_is_up: bool
    limits: dict[str, AccountLimits]
    exposure: dict[str, Decimal]
    symbol_exposure: dict[str, Decimal]
    losses: dict[str, DayLoss]
    purse: FeePurse
    stages: Mapping[int, StageLimits]
    risks: RiskBook

    def at_risk(self, symbol: str, quote_asset: str) -> AtRisk:
        """Give what an entry on the symbol is checked against."""
        day = self.losses.get(quote_asset)
        return AtRisk(
            exposure=self.exposure[quote_asset],
            symbol_exposure=self.symbol_exposure[symbol],
            daily_loss=day.loss if day is not None else ZERO,
        )


@dataclass(frozen=True, slots=True)
class _Sized:
    """A plan that passed every limit; `percent` of the configured size is what its risk left."""

    plan: EntryPlan
    risk: RiskScore
    percent: int


def record_entries(
    wishes: Sequence[Wish],
    *,
    quotes: Mapping[str, Quote],
    risks: RiskBook,
    desk: Desk,
    arrived_at: datetime | None,
    is_second_look: bool = False,
) -> Outcome:
    """Record and claim what passes every limit, in the order of the wishes; one commit for all of them.

    What is claimed here is the caller's to send: nobody else ever claims an entry.

    Args:
        quotes: Of the wishes' symbols, and of open trades where the loss of open trades shall count.
        risks: With the candles of both.
        is_second_look: Look for decisions that were taken before, after a constraint said that there are.

    Raises:
        IntegrityError: A constraint refused what the checks had passed; nothing was recorded.
    """
    outcome = Outcome()
    stream_is_up = desk.user_stream_is_up()
    purse = look_into_purse([wish.candle.symbol for wish in wishes], desk=desk)
    with transaction.atomic():
        state = _lock_account(desk=desk)
        now = desk.clock()  # by which ages are judged: the lock may have been waited for
        books = _read_books(
            wishes,
            quotes,
            purse,
            risks,
            desk=desk,
            now=now,
            state=state,
            user_stream_is_up=stream_is_up,
            is_second_look=is_second_look,
        )
        planned = _plan_all(wishes, quotes, books, outcome, desk=desk, now=now)
        for _, trade, _ in planned:
            trade.signal_arrived_at = arrived_at
        insert_all([trade for _, trade, _ in planned])
        recorded = record_claimed([(trade, intent) for _, trade, intent in planned], now=desk.clock())
        for _, trade, _ in planned:
            events.trade_changed(trade)
        note_daily_loss(books.limits, books.losses, now=now)
    outcome.entries = [(wish, trade, each) for (wish, trade, _), each in zip(planned, recorded, strict=True)]
    return outcome


def _plan_all(
    wishes: Sequence[Wish],
    quotes: Mapping[str, Quote],
    books: _Books,
    outcome: Outcome,
    *,
    desk: Desk,
    now: datetime,
) -> list[tuple[Wish, Trade, Intent]]:
    """Check the wishes one after the other; give what may be entered, and note what may not."""
    planned: list[tuple[Wish, Trade, Intent]] = []
    entered: set[str] = set()
    for wish in wishes:
        if wish.candle.symbol in entered:
            # By a wish before it: a thousand workers may want what one gets.
            outcome.denials.append((wish, SYMBOL_BUSY))
            continue
        sized = _check(wish, quotes.get(wish.candle.symbol), books, desk=desk, now=now)
        if isinstance(sized, Denial):
            outcome.denials.append((wish, sized))
            continue
        plan = sized.plan
        trade = _trade(wish, sized, quotes[wish.candle.symbol], desk=desk, now=now)
        intent = plan.order_list or plan.order
        assert intent is not None
        planned.append((wish, trade, intent))
        entered.add(trade.symbol)
        _bind(wish, plan, trade, books)
    return planned


def _lock_account(*, desk: Desk) -> TradingState:
    """Lock the account's control row and give its state; the first turn of all makes it."""
    for state in _STATE.rows():
        return TradingState(state)
    return TradingState(lock_account(now=desk.clock()).state)


def _read_books(
    wishes: Sequence[Wish],
    quotes: Mapping[str, Quote],
    purse: FeePurse,
    risks: RiskBook,
    *,
    desk: Desk,
    now: datetime,
    state: TradingState,
    user_stream_is_up: bool,
    is_second_look: bool,
) -> _Books:
    open_trades = open_trades_at_risk()
    numbers: dict[int, int] = defaultdict(int)
    bound: dict[int, Decimal] = defaultdict(lambda: ZERO)
    under_way: dict[str, Decimal] = defaultdict(lambda: ZERO)
    exposure: dict[str, Decimal] = defaultdict(lambda: ZERO)
    symbol_exposure: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for trade in open_trades:
        binds = trade.at_risk
        numbers[trade.worker_id] += 1
        bound[trade.worker_id] += binds
        exposure[trade.quote_asset] += binds
        symbol_exposure[trade.symbol] += binds
        if trade.state == TradeState.OPENING.value:
            # The venue may not have locked it yet, or its word has not arrived.
            under_way[trade.quote_asset] += trade.reserved_notional
    limits = get_limits({desk.roster.instruments[wish.candle.symbol].quote_asset for wish in wishes})
    return _Books(
        state=state,
        busy={trade.symbol for trade in open_trades},
        # Else the constraint tells, of which it is nearly always the first time that they are taken.
        taken=_taken(wishes) if is_second_look else set(),
        open_trades=numbers,
        bound=bound,
        free={asset: free - under_way[asset] for asset, free in _FREE.rows()},
        closed_at=_closed_at(wishes, now=now),
        user_stream_is_up=user_stream_is_up,
        limits=limits,
        exposure=exposure,
        symbol_exposure=symbol_exposure,
        losses=watched_losses(limits, open_trades, quotes, now=now),
        purse=purse,
        risks=risks,
        stages=stage_limits({wish.post.worker.version for wish in wishes if wish.post.worker.version}),
    )


def _taken(wishes: Sequence[Wish]) -> set[tuple[int, str, datetime]]:
    """Give those of the decisions that opened a trade at an earlier delivery."""
    candles = {wish.candle for wish in wishes}
    taken = Trade.objects.filter(
        worker_id__in={wish.post.worker.id for wish in wishes},
        symbol__in={candle.symbol for candle in candles},
        candle_open_at__in={candle.open_at for candle in candles},
    )
    return set(taken.values_list("worker_id", "symbol", "candle_open_at"))


def _closed_at(wishes: Sequence[Wish], *, now: datetime) -> dict[tuple[int, str], datetime]:
    cooling = [wish for wish in wishes if wish.post.config.cooldown_s]
    if not cooling:
        return {}
    longest_s = max(wish.post.config.cooldown_s for wish in cooling)
    return last_closed_at(
        {wish.post.worker.id for wish in cooling},
        {wish.candle.symbol for wish in cooling},
        since=now - timedelta(seconds=longest_s),
    )


def _check(wish: Wish, quote: Quote | None, books: _Books, *, desk: Desk, now: datetime) -> _Sized | Denial:
    config, instrument = wish.post.config, desk.roster.instruments[wish.candle.symbol]
    worker_id = wish.post.worker.id
    closed_at = books.closed_at.get((worker_id, wish.candle.symbol))
    stage = books.stages[wish.post.worker.version_id or 0]
    risk = _risk(wish, quote, books, notional=stage.cut(config.trade_notional))
    percent = size_percent(risk.score, config.full_size_risk, config.max_risk) if risk is not None else 100
    trade_notional = stage.cut(config.trade_notional * percent / 100)
    facts = EntryFacts(
        state=books.state,
        instrument=instrument,
        quote=quote,
        now=now,
        user_stream_is_up=books.user_stream_is_up,
        symbol_is_busy=wish.candle.symbol in books.busy
        or (worker_id, wish.candle.symbol, wish.candle.open_at) in books.taken,
        cooldown_until=closed_at + timedelta(seconds=config.cooldown_s) if closed_at else None,
        open_trades=books.open_trades.get(worker_id, 0),
        bound_notional=books.bound.get(worker_id, ZERO),
        free_quote=books.free.get(instrument.quote_asset),
        at_risk=books.at_risk(wish.candle.symbol, instrument.quote_asset),
        risk=risk,
        other_workers=len(books.open_trades) - (worker_id in books.open_trades),
        may_add=stage.max_workers is None
        or may_add(worker_id, desk.roster.active_ids, places=stage.max_workers, now=now),
    )
    limits = EntryLimits(
        max_quote_age_s=desk.limits.max_quote_age_s,
        max_spread_bps=config.max_spread_bps,
        max_open_trades=config.max_open_trades,
        budget=config.budget,
        trade_notional=trade_notional,
        account=books.limits.get(instrument.quote_asset, AccountLimits()),
        max_risk=config.max_risk,
        max_workers=stage.max_workers,
    )
    denial = check_entry(facts, limits)
    if denial is not None or quote is None or risk is None:
        return denial or Denial(DenialCode.QUOTE_MISSING)
    fee_ratio = books.purse.fee_ratio(
        instrument, notional=trade_notional, exposure=books.exposure, free=books.free
    )
    plan = plan_entry(wish.key, quote, _terms(wish.post, trade_notional, fee_ratio), instrument)
    if not isinstance(plan, Denial):
        return _Sized(plan, risk, percent)
    cut = f" at {percent} % of the size, risk {risk}" if percent < 100 else ""
    return replace(plan, value=plan.value + cut)


def _risk(wish: Wish, quote: Quote | None, books: _Books, *, notional: Decimal) -> RiskScore | None:
    """Give the risk score beside what is open now; None without a quote that makes sense."""
    if quote is None or not quote.is_sane:
        return None
    return books.risks.score(wish.candle, quote, notional=float(notional), held=books.busy)


def _terms(post: Post, trade_notional: Decimal, fee_ratio: Decimal) -> EntryTerms:
    config = post.config
    return EntryTerms(
        trade_notional=trade_notional,
        max_slippage_bps=config.max_slippage_bps,
        take_profit_bps=config.take_profit_bps,
        stop_loss_bps=config.stop_loss_bps,
        trailing_bps=config.trailing_bps,
        fee_ratio=fee_ratio,
    )


def _trade(wish: Wish, sized: _Sized, quote: Quote, *, desk: Desk, now: datetime) -> Trade:
    plan, risk = sized.plan, sized.risk
    instrument = desk.roster.instruments[wish.candle.symbol]
    return Trade(
        key=wish.key,
        worker=wish.post.worker,
        version=wish.post.worker.version,
        symbol=instrument.symbol,
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        state=TradeState.OPENING.value,
        protection=plan.protection.value,
        candle_open_at=wish.candle.open_at,
        decided_at=now,
        decision_price=quote.ask,
        decision_reason=wish.signal.reason,
        decision_age_ms=max(round(quote.age_s(now) * 1000), 0),
        reserved_notional=plan.reserved_notional,
        risk_score=risk.score,
        risk_points={name: round(points, 1) for name, points in risk.points._asdict().items()},
        size_percent=sized.percent,
        take_profit_price=plan.exits.take_profit,
        stop_price=plan.exits.stop,
    )


def _bind(wish: Wish, plan: EntryPlan, trade: Trade, books: _Books) -> None:
    """Count the entry against everything that later wishes of the same turn are checked against."""
    worker_id = wish.post.worker.id
    books.busy.add(trade.symbol)
    books.open_trades[worker_id] += 1
    books.bound[worker_id] += plan.reserved_notional
    books.free[trade.quote_asset] -= plan.reserved_notional
    books.exposure[trade.quote_asset] += plan.reserved_notional
    books.symbol_exposure[trade.symbol] += plan.reserved_notional
