"""What the fills and orders of a trade imply for its row: state, figures, protection, dust.

Called by services.books inside the transaction that booked something, with the trade locked; touches no
database itself. The trade row is a cache of these conclusions; the same facts give the same row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from trading.domain.instrument import Instrument
from trading.domain.orders import CLOSED, ON_BOOK, OrderStatus, Side
from trading.domain.trades import OPEN_STATES, ExitReason, TradeFigures, TradeState, figures, worse_bps
from trading.domain.values import ZERO, OrderRole
from trading.models import FillRow, Order, Trade
from trading.selectors.trades import fold_trade

_REASON_OF_ROLE = {
    OrderRole.TAKE_PROFIT.value: ExitReason.TAKE_PROFIT,
    OrderRole.STOP.value: ExitReason.STOP_LOSS,
}


def conclude(
    trade: Trade,
    orders: Sequence[Order],
    fills: Sequence[FillRow],
    *,
    instrument: Instrument,
    at: datetime,
    now: datetime,
    price: Decimal | None = None,
    symbol_is_held: bool = False,
) -> None:
    """Bring the trade row in line with its orders and fills (the oldest first); nothing is saved.

    Args:
        at: The venue's moment of what was booked; seconds without protection are counted in it.
        price: What a sale would bring now; without it leftovers are judged by what they cost.
        symbol_is_held: Another trade holds the symbol; this one, should it live again, is sold at once.
    """
    position = fold_trade(trade, fills)
    result = figures(position, fee_value=_foreign_fee_value(trade, fills))
    _write_figures(trade, result)
    if position.bought_qty == ZERO:
        _abort_if_over(trade, orders, now=now)
    else:
        _open_if_new(trade, fills, symbol_is_held=symbol_is_held)
        worth, left = price or held_price(trade), sellable_qty(trade)
        # What is in doubt stays open: the watchdog asks for the rules, and then sells or gives up the rest.
        is_dust = not (
            instrument.is_sellable(left, worth) or instrument.is_rest_in_doubt(left, worth, now=now)
        )
        if is_dust and _all_closed(orders) and TradeState(trade.state) is not TradeState.CLOSED:
            was_taken = instrument.is_sellable(position.qty, worth) and not _has_sold_out(orders, fills)
            _close(trade, orders, fills, taken_at=now if was_taken else None)
    if TradeState(trade.state) is TradeState.CLOSED:
        trade.realised_pnl, trade.dust_qty = result.pnl, sellable_qty(trade)
    _write_slippage(trade, orders, fills)
    _write_protection(trade, orders, at=at, now=now, instrument=instrument)


def held_price(trade: Trade) -> Decimal:
    """Give the price at which leftovers are judged: what was paid, or the decision's."""
    price: Decimal = trade.avg_entry_price or trade.decision_price
    return price


def sellable_qty(trade: Trade) -> Decimal:
    """Give what is held and still there to be sold: others may have taken a part of it (missing_qty)."""
    left: Decimal = trade.qty - trade.missing_qty
    return max(left, ZERO)


def covered_qty(orders: Sequence[Order]) -> Decimal:
    """Give what the stops of a trade that are on the book would sell."""
    stops = [order for order in orders if order.role == OrderRole.STOP.value]
    on_book = [order for order in stops if OrderStatus(order.status) in ON_BOOK]
    return sum((order.qty - order.filled_qty for order in on_book), ZERO)


def _foreign_fee_value(trade: Trade, fills: Sequence[FillRow]) -> Decimal | None:
    own = (trade.base_asset, trade.quote_asset)
    total = ZERO
    for fill in fills:
        if fill.fee_asset in own:
            continue
        if fill.fee_value is None:
            return None
        total += fill.fee_value
    return total


def _write_figures(trade: Trade, result: TradeFigures) -> None:
    trade.qty = result.qty
    trade.avg_entry_price = result.avg_entry_price
    trade.avg_exit_price = result.avg_exit_price
    trade.entry_notional = result.entry_notional
    trade.exit_notional = result.exit_notional
    trade.fees = result.fees


def _write_slippage(trade: Trade, orders: Sequence[Order], fills: Sequence[FillRow]) -> None:
    """Compare what was paid and received with what was decided on; the exit's once the trade is closed."""
    bought = trade.avg_entry_price
    trade.entry_slippage_bps = worse_bps(trade.decision_price, bought, Side.BUY) if bought else None
    sold = [fill for fill in fills if fill.side == Side.SELL.value]
    if TradeState(trade.state) is not TradeState.CLOSED or not sold:
        return
    by_id = {order.id: order for order in orders}
    decided = [_decided_price(by_id[fill.order_id], trade) for fill in sold]
    known = [price * fill.qty for price, fill in zip(decided, sold, strict=True) if price is not None]
    price = sum(known, ZERO) / sum((fill.qty for fill in sold), ZERO) if len(known) == len(sold) else None
    if all(by_id[fill.order_id].role != OrderRole.EXIT.value for fill in sold):
        trade.exit_decision_price = price  # the venue left by itself; a wish of ours came too late, if any
    trade.exit_slippage_bps = worse_bps(price, trade.avg_exit_price, Side.SELL) if price else None


def _decided_price(order: Order, trade: Trade) -> Decimal | None:
    """Give the price at which a sale was decided; None for a trailing stop, whose price the venue moves."""
    prices: dict[str, Decimal | None] = {
        OrderRole.TAKE_PROFIT.value: order.price,
        OrderRole.STOP.value: order.stop_price,
        OrderRole.EXIT.value: trade.exit_decision_price,
    }
    return prices[order.role]


def _abort_if_over(trade: Trade, orders: Sequence[Order], *, now: datetime) -> None:
    if TradeState(trade.state) in OPEN_STATES and _all_closed(orders):
        trade.state = TradeState.ABORTED.value
        trade.closed_at = now


def _open_if_new(trade: Trade, fills: Sequence[FillRow], *, symbol_is_held: bool) -> None:
    # An entry that we had given up may turn out to be filled: its trade lives again.
    if TradeState(trade.state) not in (TradeState.OPENING, TradeState.ABORTED):
        return
    trade.state = TradeState.OPEN.value
    trade.opened_at = fills[0].filled_at
    trade.closed_at = None
    trade.expires_at = fills[0].filled_at + timedelta(seconds=trade.version.max_hold_s)
    if symbol_is_held:
        trade.state, trade.exit_reason = TradeState.CLOSING.value, ExitReason.LATE.value


def _all_closed(orders: Sequence[Order]) -> bool:
    return all(OrderStatus(order.status) in CLOSED and not order.fills_missing for order in orders)


def _close(
    trade: Trade, orders: Sequence[Order], fills: Sequence[FillRow], *, taken_at: datetime | None
) -> None:
    """Close the trade; `taken_at` is set where it is flat only because others took what it held."""
    trade.state = TradeState.CLOSED.value
    trade.closed_at = taken_at or fills[-1].filled_at
    trade.exit_reason = (ExitReason.EXTERNAL if taken_at else _exit_reason(trade, orders, fills)).value


def _has_sold_out(orders: Sequence[Order], fills: Sequence[FillRow]) -> bool:
    """Tell whether the last fill ended a sale: what others took before left that sale to close the trade."""
    last = next(order for order in orders if order.id == fills[-1].order_id)
    return last.side == Side.SELL.value and OrderStatus(last.status) is OrderStatus.FILLED


def _exit_reason(trade: Trade, orders: Sequence[Order], fills: Sequence[FillRow]) -> ExitReason:
    by_id = {order.id: order for order in orders}
    last = by_id[fills[-1].order_id]
    if last.role == OrderRole.ENTRY.value:
        return ExitReason.DUST
    if last.role == OrderRole.STOP.value and last.trailing_delta_bps:
        return ExitReason.TRAILING
    if last.role in _REASON_OF_ROLE:
        return _REASON_OF_ROLE[last.role]
    return ExitReason(trade.exit_reason or ExitReason.MANUAL.value)


def _write_protection(
    trade: Trade, orders: Sequence[Order], *, at: datetime, now: datetime, instrument: Instrument
) -> None:
    left = sellable_qty(trade) if TradeState(trade.state) in OPEN_STATES else ZERO
    # What no order may carry needs none: say what a fee that fell left over beside the legs of a bracket.
    rest = left - covered_qty(orders)
    price = held_price(trade)
    is_bare = instrument.is_sellable(rest, price) or instrument.is_rest_in_doubt(rest, price, now=now)
    needed = instrument.fit_qty(left) > ZERO or is_bare
    trade.is_protected = needed and rest < left and not is_bare
    if needed and not trade.is_protected:
        trade.unprotected_since = trade.unprotected_since or at
    elif trade.unprotected_since is not None:
        trade.unprotected_s += max((at - trade.unprotected_since).total_seconds(), 0.0)
        trade.unprotected_since = None
