"""From a signal to sized orders: the entry and the exits that the venue will hold for it.

Called by services.cycle for entries and by services.protection for a position that has lost its exits.
Pure. The ladder is OPOCO, OTOCO, OCO, SUPERVISED, by what the symbol allows: the first two are one
request, so a position is never without its exits; the third protects right after the fill, and so does
the fourth by a plain stop, whose target is watched from here.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading.domain.instrument import Instrument, ProtectionMode
from trading.domain.market import Quote
from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderType, Side, TimeInForce
from trading.domain.risk import Denial, DenialCode
from trading.domain.values import ONE, OrderRole, add_bps, client_list_id, client_order_id

# Room between the stop and the limit of a stop-limit order, where the symbol allows no market stop.
STOP_LIMIT_GAP_BPS = Decimal(50)


@dataclass(frozen=True, slots=True)
class ExitPrices:
    """Where a position is left. `trailing_delta_bps` replaces the fixed stop where it is set."""

    take_profit: Decimal
    stop: Decimal
    trailing_delta_bps: int | None = None


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """A sized entry. Either `order_list` (protected from the first fill) or `order` alone."""

    protection: ProtectionMode
    exits: ExitPrices
    qty: Decimal
    limit_price: Decimal
    order: OrderIntent | None = None
    order_list: ListIntent | None = None

    @property
    def reserved_notional(self) -> Decimal:
        """The most that the entry can cost, in the quote asset."""
        return self.qty * self.limit_price


@dataclass(frozen=True, slots=True)
class EntryTerms:
    """What the worker's version says about entries and exits, and the fee the venue takes.

    `fee_ratio` is the part of a bought quantity that may be taken as fee (1 = whole).
    """

    trade_notional: Decimal
    max_slippage_bps: int
    take_profit_bps: int
    stop_loss_bps: int
    trailing_bps: int
    fee_ratio: Decimal


def exit_prices(reference: Decimal, terms: EntryTerms, instrument: Instrument) -> ExitPrices:
    """Give the exits of a position bought at `reference`, on the tick, never nearer than asked."""
    trailing = terms.trailing_bps if terms.trailing_bps and instrument.trailing_allowed else None
    stop_bps = trailing or terms.stop_loss_bps
    return ExitPrices(
        take_profit=instrument.price_up(add_bps(reference, Decimal(terms.take_profit_bps))),
        stop=instrument.price_down(add_bps(reference, Decimal(-stop_bps))),
        trailing_delta_bps=trailing,
    )


def plan_entry(key: str, quote: Quote, terms: EntryTerms, instrument: Instrument) -> EntryPlan | Denial:
    """Size an entry at the ask and give the orders that open and protect it.

    The quantity is such that its limit price costs at most `trade_notional`, and that both what is
    left after fees and its value at the stop are still large enough to be sold.
    """
    limit_price = instrument.price_up(add_bps(quote.ask, Decimal(terms.max_slippage_bps)))
    qty = instrument.fit_qty(terms.trade_notional / limit_price)
    exits = exit_prices(quote.ask, terms, instrument)
    sellable = instrument.fit_qty(qty * (ONE - terms.fee_ratio))
    if not instrument.is_sellable(sellable, exits.stop):
        return Denial(
            DenialCode.NOTIONAL_BELOW_MINIMUM,
            f"{sellable * exits.stop:f}",
            f"{instrument.min_notional:f} at the stop, after fees",
        )
    mode = instrument.protection
    if mode in (ProtectionMode.OPOCO, ProtectionMode.OTOCO):
        # All or nothing: exits are placed only once the first order is wholly filled.
        entry = _entry_order(key, instrument.symbol, qty, limit_price, TimeInForce.FOK)
        order_list = _exit_list(
            key, 0, exits, qty=sellable, kind=ListKind(mode.value), instrument=instrument, working=entry
        )
        return EntryPlan(mode, exits, qty, limit_price, order_list=order_list)
    entry = _entry_order(key, instrument.symbol, qty, limit_price, TimeInForce.IOC)
    return EntryPlan(mode, exits, qty, limit_price, order=entry)


def plan_protection(
    key: str, attempt: int, exits: ExitPrices, *, qty: Decimal, instrument: Instrument
) -> ListIntent:
    """Give the OCO that protects a held quantity."""
    return _exit_list(
        key, attempt, exits, qty=instrument.fit_qty(qty), kind=ListKind.OCO, instrument=instrument
    )


def plan_stop(
    key: str, attempt: int, exits: ExitPrices, *, qty: Decimal, instrument: Instrument
) -> OrderIntent:
    """Give the plain stop that protects a held quantity where the symbol allows no order lists."""
    return _stop_order(key, attempt, exits, qty=instrument.fit_qty(qty), instrument=instrument)


def plan_exit(
    key: str, attempt: int, *, qty: Decimal, instrument: Instrument, limit_price: Decimal | None = None
) -> OrderIntent:
    """Give the order that sells a held quantity now, as much of it as one order may carry.

    A market order; with `limit_price` a limit order that takes what is there down to it and expires.
    """
    is_limit = limit_price is not None
    return OrderIntent(
        client_order_id=client_order_id(key, OrderRole.EXIT, attempt),
        symbol=instrument.symbol,
        role=OrderRole.EXIT,
        side=Side.SELL,
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        qty=instrument.fit_qty(qty) if is_limit else instrument.fit_market_qty(qty),
        price=instrument.price_down(limit_price) if limit_price is not None else None,
        time_in_force=TimeInForce.IOC if is_limit else None,
    )


def _entry_order(
    key: str, symbol: str, qty: Decimal, price: Decimal, time_in_force: TimeInForce
) -> OrderIntent:
    return OrderIntent(
        client_order_id=client_order_id(key, OrderRole.ENTRY, 0),
        symbol=symbol,
        role=OrderRole.ENTRY,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=qty,
        price=price,
        time_in_force=time_in_force,
    )


def _exit_list(
    key: str,
    attempt: int,
    exits: ExitPrices,
    *,
    qty: Decimal,
    kind: ListKind,
    instrument: Instrument,
    working: OrderIntent | None = None,
) -> ListIntent:
    above = OrderIntent(
        client_order_id=client_order_id(key, OrderRole.TAKE_PROFIT, attempt),
        symbol=instrument.symbol,
        role=OrderRole.TAKE_PROFIT,
        side=Side.SELL,
        type=OrderType.LIMIT_MAKER,
        qty=qty,
        price=exits.take_profit,
    )
    return ListIntent(
        client_list_id=client_list_id(key, attempt),
        kind=kind,
        symbol=instrument.symbol,
        above=above,
        below=_stop_order(key, attempt, exits, qty=qty, instrument=instrument),
        working=working,
    )


def _stop_order(
    key: str, attempt: int, exits: ExitPrices, *, qty: Decimal, instrument: Instrument
) -> OrderIntent:
    order_id = client_order_id(key, OrderRole.STOP, attempt)
    stop_price = exits.stop if exits.trailing_delta_bps is None else None
    if instrument.stop_is_market:
        return OrderIntent(
            client_order_id=order_id,
            symbol=instrument.symbol,
            role=OrderRole.STOP,
            side=Side.SELL,
            type=OrderType.STOP_LOSS,
            qty=qty,
            stop_price=stop_price,
            trailing_delta_bps=exits.trailing_delta_bps,
        )
    return OrderIntent(
        client_order_id=order_id,
        symbol=instrument.symbol,
        role=OrderRole.STOP,
        side=Side.SELL,
        type=OrderType.STOP_LOSS_LIMIT,
        qty=qty,
        price=instrument.price_down(add_bps(exits.stop, -STOP_LIMIT_GAP_BPS)),
        stop_price=stop_price,
        trailing_delta_bps=exits.trailing_delta_bps,
        time_in_force=TimeInForce.GTC,
    )
