"""What the account still holds, waits for, or could not sell: the truth after a kill, not the intention.

Called by the kill switch, its command and its pages. Reads only; every line names one thing and why it is
still there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trading.domain.instrument import Instrument
from trading.domain.orders import UNRESOLVED, OrderStatus
from trading.domain.risk import TradingState
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import ZERO, OrderRole, to_text
from trading.models import Order, Trade, TradingControl
from trading.selectors.instruments import get_instruments
from trading.selectors.trades import OPEN_STATE_NAMES

_UNRESOLVED = [status.value for status in UNRESOLVED]
_UNANSWERED = (OrderStatus.INITIALIZED.value, OrderStatus.SUBMITTED.value)
_REFUSED = (OrderStatus.REJECTED.value, OrderStatus.EXPIRED.value)


@dataclass(frozen=True, slots=True)
class LeftOver:
    """One thing that is left: an open trade, or dust of closed ones (then without a symbol)."""

    symbol: str
    asset: str
    qty: str
    is_protected: bool
    why: str

    @property
    def line(self) -> str:
        """Give it as one line."""
        if not self.symbol:
            return f"{self.asset}: {self.qty}, {self.why}"
        if self.qty == "0":
            return f"{self.symbol}: nothing held, {self.why}"
        covered = "protected" if self.is_protected else "NOT protected"
        return f"{self.symbol}: {self.qty} {self.asset} held, {covered}, {self.why}"


@dataclass(slots=True)
class Left:
    """What is left of the account's trading. `left` has a row for every open trade and every asset's dust."""

    trading_state: str
    open_trades: int = 0
    protected_trades: int = 0
    working_entries: int = 0
    unknown_orders: int = 0
    symbols: list[str] = field(default_factory=list)
    left: list[LeftOver] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """Give the figures as one sentence."""
        return (
            f"Trading is {self.trading_state}. Left now: {self.open_trades} open trades "
            f"({self.protected_trades} protected), {self.working_entries} working entries, "
            f"{self.unknown_orders} unknown orders."
        )

    @property
    def lines(self) -> list[str]:
        """Give everything that is left, a line each."""
        return [each.line for each in self.left]


def what_is_left() -> Left:
    """Read what is still open, working, unknown, or too small to be sold."""
    control = TradingControl.objects.filter(pk=1).first()
    trades = list(Trade.objects.filter(state__in=OPEN_STATE_NAMES).order_by("symbol"))
    instruments = get_instruments({trade.symbol for trade in trades})
    orders: dict[int, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(trade__in=trades).order_by("id"):
        orders[order.trade_id].append(order)
    return Left(
        trading_state=control.state if control else TradingState.ACTIVE.value,
        open_trades=len(trades),
        protected_trades=sum(trade.is_protected for trade in trades),
        working_entries=Order.objects.filter(role=OrderRole.ENTRY.value, status__in=_UNRESOLVED).count(),
        unknown_orders=Order.objects.filter(status=OrderStatus.SUBMITTED.value).count(),
        symbols=[trade.symbol for trade in trades],
        left=[*_held(trades, orders, instruments), *_dust()],
    )


def _held(
    trades: Iterable[Trade], orders: Mapping[int, Sequence[Order]], instruments: Mapping[str, Instrument]
) -> Iterable[LeftOver]:
    for trade in trades:
        yield LeftOver(
            symbol=trade.symbol,
            asset=trade.base_asset,
            qty=to_text(trade.qty),
            is_protected=trade.is_protected,
            why=_why(trade, orders.get(trade.pk, ()), instruments.get(trade.symbol)),
        )


def _dust() -> Iterable[LeftOver]:
    """Give what closed trades left behind. Exact amounts are summed in Python, see models.fields."""
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    closed = Trade.objects.filter(state=TradeState.CLOSED.value).exclude(dust_qty=ZERO)
    for asset, qty in closed.values_list("base_asset", "dust_qty"):
        totals[asset] += qty
    for asset, qty in sorted(totals.items()):
        yield LeftOver("", asset, to_text(qty), is_protected=False, why="dust of closed trades")


def _why(trade: Trade, orders: Sequence[Order], instrument: Instrument | None) -> str:
    """Say why a trade is still open, the nearest reason first."""
    entry = next((order for order in orders if order.role == OrderRole.ENTRY.value), None)
    if trade.state == TradeState.OPENING.value:
        return _why_entering(entry, is_to_be_sold=trade.exit_reason == ExitReason.FLATTEN.value)
    if instrument is not None and not instrument.is_trading:
        after = "; sold when it trades again" if trade.exit_reason else ""
        return f"the venue does not trade it now ({instrument.status}){after}"
    if not trade.exit_reason:
        return "leaves by its own exits"
    sales = [order for order in orders if order.role == OrderRole.EXIT.value]
    if sales and sales[-1].status in _UNANSWERED:
        return "nobody knows yet whether it was sold; the venue is asked"
    if sales and sales[-1].status in _UNRESOLVED:
        return "being sold"
    if sales and sales[-1].status in _REFUSED:
        return f"the sale was not taken ({sales[-1].reason or sales[-1].status}); tried again"
    if any(order.status in _UNRESOLVED for order in orders):
        return "its exits could not be taken back yet; tried again"
    return "to be sold; tried again"


def _why_entering(entry: Order | None, *, is_to_be_sold: bool) -> str:
    after = ", and what it bought is sold" if is_to_be_sold else ""
    if entry is None or entry.status in _UNANSWERED:
        return f"nobody knows yet whether its entry was executed; the venue is asked{after}"
    return f"its entry works at the venue{after}"
