"""Venue JSON about our account into domain objects: orders, lists, fills, balances, user events.

Called by the REST client and the user stream. Written from the venue's own pages (binance-spot-api-docs,
read 2026-07): rest-api.md, user-data-stream.md. Raises UnknownMessage for what it does not know and
MalformedMessage naming a bad field; it never guesses a status or a number.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from trading.domain.executions import (
    AssetBalance,
    ExecutionReport,
    Fill,
    OrderTerms,
    Replacement,
    Transfer,
)
from trading.domain.fees import SymbolFees
from trading.domain.orders import OrderStatus, Side
from trading.exchange.fields import (
    MalformedMessage,
    Payload,
    UnknownMessage,
    as_list,
    as_object,
    first_moment,
    is_true,
    moment,
    number,
    objects,
    text,
    whole,
)

STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.ACCEPTED,
    "PENDING_NEW": OrderStatus.PENDING,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PENDING_CANCEL": OrderStatus.ACCEPTED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}

# Told by other messages too: an order list as a whole by its orders, a lock from elsewhere by the position
# event that comes with it (it moves between free and locked, never the total).
IGNORED_EVENTS = frozenset({"listStatus", "externalLockUpdate"})
COMMISSIONS = ("standardCommission", "specialCommission", "taxCommission")
NO_LIST = -1
NO_TRADE = -1

UserEvent = ExecutionReport | Transfer | tuple[AssetBalance, ...]


def order_reply(payload: object) -> ExecutionReport:
    """Decode the reply to POST /api/v3/order, or one entry of `orderReports`.

    ACK carries no status: the order was accepted and more is heard later. RESULT and FULL carry one.

    Source: rest-api.md, "New order (TRADE)".
    """
    reply = as_object(payload, "order reply")
    at = moment(reply, "transactTime")
    base = ExecutionReport(
        client_order_id=text(reply, "clientOrderId"),
        symbol=text(reply, "symbol"),
        venue_order_id=whole(reply, "orderId"),
        status=OrderStatus.ACCEPTED,
        filled_qty=Decimal(0),
        reported_at=at,
        venue_list_id=_list_id(reply, "orderListId"),
    )
    if "status" not in reply:
        return base
    return replace(
        base,
        status=order_status(text(reply, "status")),
        filled_qty=number(reply, "executedQty"),
        reason=_reason(reply.get("expiryReason")),
        fills=tuple(_reply_fill(reply, base, fill) for fill in _fills_of(reply)),
    )


def list_reply(payload: object) -> tuple[ExecutionReport, ...]:
    """Decode the reply to POST /api/v3/orderList/*: one report per order, the working one first.

    Source: rest-api.md, "Order lists".
    """
    reply = as_object(payload, "order list reply")
    reports = tuple(order_reply(report) for report in objects(reply, "orderReports"))
    if not reports:
        raise MalformedMessage("orderReports is empty")
    return reports


def cancel_reply(payload: object) -> ExecutionReport:
    """Decode the reply to DELETE /api/v3/order, or one entry of a cancelled list's `orderReports`.

    The order's id stands in `origClientOrderId`; `clientOrderId` is the cancel's.

    Source: rest-api.md, "Cancel order (TRADE)".
    """
    reply = as_object(payload, "cancel reply")
    return replace(order_reply(reply), client_order_id=text(reply, "origClientOrderId"))


def cancel_list_reply(payload: object) -> tuple[ExecutionReport, ...]:
    """Decode the reply to DELETE /api/v3/orderList."""
    return tuple(
        cancel_reply(report) for report in objects(as_object(payload, "cancel reply"), "orderReports")
    )


def replace_reply(payload: object) -> Replacement:
    """Decode the reply to POST /api/v3/order/cancelReplace, or the `data` of its refusal.

    The cancelled order may come alone or as its whole list; the half that was not done is an error object
    or null.

    Source: rest-api.md, "Cancel an Existing Order and Send a New Order (TRADE)".
    """
    reply = as_object(payload, "cancel-replace reply")
    cancelled, placed = reply.get("cancelResponse"), reply.get("newOrderResponse")
    is_cancelled = reply.get("cancelResult") == "SUCCESS"
    is_placed = reply.get("newOrderResult") == "SUCCESS"
    return Replacement(
        cancelled=_cancelled(cancelled) if is_cancelled else (),
        placed=order_reply(placed) if is_placed else None,
        refusal="" if is_placed else _refusal(cancelled if not is_cancelled else placed),
    )


def replace_refusal(payload: object) -> object:
    """Give the `data` of a cancel-replace of which one half or both were refused."""
    return as_object(payload, "cancel-replace refusal").get("data")


def _cancelled(payload: object) -> tuple[ExecutionReport, ...]:
    reply = as_object(payload, "cancelResponse")
    return cancel_list_reply(reply) if "orderReports" in reply else (cancel_reply(reply),)


def _refusal(payload: object) -> str:
    refusal = as_object(payload, "refusal")
    return f"code {refusal.get('code')}: {refusal.get('msg')}"


def order_query(payload: object) -> ExecutionReport:
    """Decode GET /api/v3/order; it carries no fills.

    Source: rest-api.md, "Query order (USER_DATA)".
    """
    row = as_object(payload, "order")
    # A leg that the venue sizes by what its entry receives has no quantity before.
    qty = number(row, "origQty") if "origQty" in row else Decimal(0)
    price = number(row, "price") or (number(row, "stopPrice") if "stopPrice" in row else Decimal(0))
    return ExecutionReport(
        client_order_id=text(row, "clientOrderId"),
        symbol=text(row, "symbol"),
        venue_order_id=whole(row, "orderId"),
        status=order_status(text(row, "status")),
        filled_qty=number(row, "executedQty"),
        reported_at=first_moment(row, "updateTime", "transactTime", "time"),
        venue_list_id=_list_id(row, "orderListId"),
        reason=_reason(row.get("expiryReason")),
        terms=OrderTerms(side(text(row, "side")), qty, price or None),
    )


def open_orders(payload: object) -> tuple[ExecutionReport, ...]:
    """Decode GET /api/v3/openOrders."""
    return tuple(order_query(row) for row in as_list(payload, "open orders"))


def account_fills(payload: object) -> tuple[Fill, ...]:
    """Decode GET /api/v3/myTrades, oldest first as the venue gives them.

    Source: rest-api.md, "Account trade list (USER_DATA)".
    """
    return tuple(_account_fill(as_object(row, "trade")) for row in as_list(payload, "trades"))


def account_balances(payload: object) -> tuple[AssetBalance, ...]:
    """Decode the balances of GET /api/v3/account that are not zero."""
    rows = objects(as_object(payload, "account"), "balances")
    balances = (
        AssetBalance(asset=text(row, "asset"), free=number(row, "free"), locked=number(row, "locked"))
        for row in rows
    )
    return tuple(balance for balance in balances if balance.free or balance.locked)


def symbol_fees(payload: object) -> SymbolFees:
    """Decode GET /api/v3/account/commission: standard, special and tax commission of a symbol added up.

    Buyers and sellers may pay differently on top of maker and taker; the dearer side counts for both.
    How large the discount is, is not read: the venue's pages contradict each other on it.

    Source: rest-api.md, "Query Commission Rates (USER_DATA)"; faqs/commission_faq.md.
    """
    reply = as_object(payload, "commission")
    kinds = [as_object(reply.get(kind), kind) for kind in COMMISSIONS if kind in reply]
    if not kinds:
        raise MalformedMessage("standardCommission is missing")
    maker, taker = (
        sum(
            (number(kind, name) + max(number(kind, "buyer"), number(kind, "seller")) for kind in kinds),
            Decimal(0),
        )
        for name in ("maker", "taker")
    )
    discount = as_object(reply.get("discount"), "discount")
    return SymbolFees(
        maker=maker,
        taker=taker,
        discount_asset=text(discount, "discountAsset") or None,
        discount_is_on=is_true(discount, "enabledForAccount") and is_true(discount, "enabledForSymbol"),
    )


def user_event(payload: object) -> UserEvent | None:
    """Decode one event of the user data stream; None for those that are knowingly ignored.

    Raises:
        UnknownMessage: An event type, a status or a field that is not known.

    Source: user-data-stream.md.
    """
    event = as_object(payload, "user event")
    kind = text(event, "e")
    if kind == "executionReport":
        return execution_report(event)
    if kind == "outboundAccountPosition":
        return _position_balances(event)
    if kind == "balanceUpdate":
        return _transfer(event)
    if kind in IGNORED_EVENTS:
        return None
    raise UnknownMessage(f"user event {kind[:40]!r} is not known")


def execution_report(event: Payload) -> ExecutionReport:
    """Decode an executionReport.

    A cancel carries the cancel's own id in `c` and the order's id in `C`; every other report carries the
    order's id in `c`. Quantities are cumulative (`z`), so a report without its fill still tells what is
    missing.

    Source: user-data-stream.md, "Order Update".
    """
    execution = text(event, "x")
    original_id = event.get("C") if execution == "CANCELED" else ""
    fill = _event_fill(event) if execution == "TRADE" else None
    return ExecutionReport(
        client_order_id=original_id if isinstance(original_id, str) and original_id else text(event, "c"),
        symbol=text(event, "s"),
        venue_order_id=whole(event, "i"),
        status=order_status(text(event, "X")),
        filled_qty=number(event, "z"),
        reported_at=moment(event, "T"),
        venue_list_id=_list_id(event, "g"),
        reason=_reason(event.get("eR")) or _reason(event.get("r")),
        fills=() if fill is None else (fill,),
    )


def order_status(word: str) -> OrderStatus:
    """Translate the venue's word for a status.

    Raises:
        UnknownMessage: A word that is not in STATUSES.
    """
    try:
        return STATUSES[word]
    except KeyError:
        raise UnknownMessage(f"order status {word[:40]!r} is not known") from None


def side(word: str) -> Side:
    """Translate the venue's word for a side."""
    try:
        return Side(word)
    except ValueError:
        raise UnknownMessage(f"order side {word[:40]!r} is not known") from None


def _fills_of(reply: Payload) -> list[Payload]:
    return objects(reply, "fills") if "fills" in reply else []


def _reply_fill(reply: Payload, report: ExecutionReport, fill: Payload) -> Fill:
    # The reply does not tell maker from taker; what fills at once took liquidity.
    return Fill(
        symbol=report.symbol,
        venue_fill_id=whole(fill, "tradeId"),
        venue_order_id=report.venue_order_id,
        side=side(text(reply, "side")),
        price=number(fill, "price"),
        qty=number(fill, "qty"),
        fee=number(fill, "commission"),
        fee_asset=text(fill, "commissionAsset"),
        is_maker=False,
        filled_at=report.reported_at,
    )


def _account_fill(row: Payload) -> Fill:
    return Fill(
        symbol=text(row, "symbol"),
        venue_fill_id=whole(row, "id"),
        venue_order_id=whole(row, "orderId"),
        side=Side.BUY if is_true(row, "isBuyer") else Side.SELL,
        price=number(row, "price"),
        qty=number(row, "qty"),
        fee=number(row, "commission"),
        fee_asset=text(row, "commissionAsset"),
        is_maker=is_true(row, "isMaker"),
        filled_at=moment(row, "time"),
    )


def _event_fill(event: Payload) -> Fill | None:
    fill_id, price, qty = whole(event, "t"), number(event, "L"), number(event, "l")
    if fill_id == NO_TRADE or not price or not qty:
        # Nothing that could be booked; the cumulative quantity makes reconcile ask for the fills.
        return None
    fee = number(event, "n")
    return Fill(
        symbol=text(event, "s"),
        venue_fill_id=fill_id,
        venue_order_id=whole(event, "i"),
        side=side(text(event, "S")),
        price=price,
        qty=qty,
        fee=fee,
        fee_asset=text(event, "N") if fee else str(event.get("N") or ""),
        is_maker=is_true(event, "m"),
        filled_at=moment(event, "T"),
    )


def _position_balances(event: Payload) -> tuple[AssetBalance, ...]:
    # Zero balances stay in: here they mean that an asset was used up.
    return tuple(
        AssetBalance(asset=text(row, "a"), free=number(row, "f"), locked=number(row, "l"))
        for row in objects(event, "B")
    )


def _transfer(event: Payload) -> Transfer:
    return Transfer(
        asset=text(event, "a"),
        amount=number(event, "d"),
        happened_at=moment(event, "T"),
        reported_at=moment(event, "E"),
    )


def _list_id(payload: Payload, name: str) -> int | None:
    if name not in payload:
        return None
    list_id = whole(payload, name)
    return None if list_id == NO_LIST else list_id


def _reason(word: object) -> str:
    return "" if not isinstance(word, str) or word == "NONE" else word
