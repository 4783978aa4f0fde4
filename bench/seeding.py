"""Years of closed trades in seconds: what a measurement of growth begins with.

A block of plausible trades is made through the models, with the orders, lists and fills that the product
writes for each, and then copied inside the database, every copy a little later than the one before. Nothing
reads these rows on the way in; what they cost afterwards is what a measurement asks.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.models import Max

from tests.support.builders import a_config
from trading.domain.market import INTERVAL_S
from trading.domain.orders import ListKind, OrderStatus, OrderType, Side, TimeInForce
from trading.domain.trades import ExitReason, TradeState
from trading.domain.universe import Universe
from trading.domain.values import PLACES, OrderRole, client_list_id, client_order_id
from trading.models import FillRow, Order, OrderList, Trade, Worker, WorkerVersion
from trading.selectors.workers import config_to_json

SPREAD_OVER = timedelta(days=365)
HELD_AT_MOST = timedelta(seconds=300)
BLOCK = 1000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT")
OWNERS = 10
INTERVAL = "1m"
NOTIONAL = Decimal(100)
FEE_RATIO = Decimal("0.001")
QUOTE = "USDT"
# The venue on which a stack then trades counts from 1: its fills must not be taken for known ones.
ELSEWHERE = -(10**12)
TABLES: tuple[type[models.Model], ...] = (Trade, OrderList, Order, FillRow)


def seed_trades(
    count: int,
    *,
    until: datetime,
    symbols: Sequence[str] = SYMBOLS,
    worker_ids: Sequence[int] = (),
    seed: int = 1,
) -> None:
    """Store so many closed trades of the year before `until`, evenly spread, oldest first.

    Each has three orders in one list (entry, target, stop) and two fills. About half of them won.

    Args:
        count: A multiple of 1,000.
        worker_ids: Whose trades they are; without any, ten stopped workers are made for them.

    Raises:
        ValueError: Not a multiple of 1,000, or a worker without a version.
    """
    if count <= 0 or count % BLOCK:
        raise ValueError(f"count must be a multiple of {BLOCK}, not {count}")
    blocks = count // BLOCK
    step = SPREAD_OVER / blocks
    owners = list(Worker.objects.filter(pk__in=worker_ids)) if worker_ids else _owners(until)
    with transaction.atomic():
        first = {model: _next_id(model) for model in TABLES}
        _first_block(
            owners, symbols, begin=until - SPREAD_OVER - HELD_AT_MOST, step=step, first=first, seed=seed
        )
        for number in range(1, blocks):
            for model in TABLES:
                _copy(model, first, number=number, later_s=step.total_seconds() * number)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), TABLES):
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("analyze")  # as its own servant does soon; the product's SQLite has none


def _owners(now: datetime) -> list[Worker]:
    owners = []
    for number in range(OWNERS):
        worker = Worker.objects.create(
            name=f"seeded {_next_id(Worker)} {number}", created_at=now, state_changed_at=now
        )
        config = a_config(interval=INTERVAL, universe=Universe(symbols=SYMBOLS))
        worker.version = WorkerVersion.objects.create(
            worker=worker, number=1, created_at=now, created_by="bench", **config_to_json(config)
        )
        worker.save()
        owners.append(worker)
    return owners


@functools.cache
def owner_named(name: str, number: int) -> WorkerVersion:
    """Give the version of a worker of a name; both are made where they are not there, the worker stopped."""
    now = datetime.now(UTC)
    worker, _ = Worker.objects.get_or_create(name=name, defaults={"created_at": now, "state_changed_at": now})
    config = a_config(interval=INTERVAL, universe=Universe(symbols=SYMBOLS))
    values = {**config_to_json(config), "created_at": now, "created_by": "bench"}
    version, _ = WorkerVersion.objects.get_or_create(worker=worker, number=number, defaults=values)
    return version


def _next_id(model: type[models.Model]) -> int:
    newest: int | None = model._default_manager.aggregate(newest=Max("pk"))["newest"]
    return (newest or 0) + 1


def _first_block(
    owners: Sequence[Worker],
    symbols: Sequence[str],
    *,
    begin: datetime,
    step: timedelta,
    first: Mapping[type[models.Model], int],
    seed: int,
) -> None:
    chance = random.Random(seed)
    trades, lists, orders, fills = [], [], [], []
    for number in range(BLOCK):
        trade = _trade(
            owners[number % len(owners)],
            symbols[number // len(owners) % len(symbols)],
            pk=first[Trade] + number,
            at=begin + step * (number / BLOCK),
            chance=chance,
        )
        order_list = OrderList(
            pk=first[OrderList] + number,
            client_list_id=client_list_id(trade.key, 1),
            trade=trade,
            kind=ListKind.OTOCO.value,
            venue_list_id=ELSEWHERE + first[OrderList] + number,
            created_at=trade.decided_at,
        )
        three = _orders(trade, order_list, first_pk=first[Order] + 3 * number)
        is_won = trade.exit_reason == ExitReason.TAKE_PROFIT.value
        filled = three[0], three[1 if is_won else 2]
        fills += [
            _fill(order, trade, pk=first[FillRow] + 2 * number + index) for index, order in enumerate(filled)
        ]
        trades.append(trade)
        lists.append(order_list)
        orders += three
    Trade.objects.bulk_create(trades)
    OrderList.objects.bulk_create(lists)
    Order.objects.bulk_create(orders)
    FillRow.objects.bulk_create(fills)


def _trade(owner: Worker, symbol: str, *, pk: int, at: datetime, chance: random.Random) -> Trade:
    if owner.version is None:
        raise ValueError(f"worker {owner.pk} has no version")
    entry = Decimal(chance.randrange(1_000, 100_000)) / 100
    is_won = chance.random() < 0.5
    leaves_at = entry * (Decimal("1.005") if is_won else Decimal("0.995"))
    qty = (NOTIONAL / entry).quantize(PLACES)
    paid, received = (qty * entry).quantize(PLACES), (qty * leaves_at).quantize(PLACES)
    fees = ((paid + received) * FEE_RATIO).quantize(PLACES)
    closed_at = at + timedelta(seconds=chance.randrange(5, HELD_AT_MOST.seconds))
    return Trade(
        pk=pk,
        key=f"{pk:016d}",
        worker=owner,
        version=owner.version,
        symbol=symbol,
        base_asset=symbol.removesuffix(QUOTE),
        quote_asset=QUOTE,
        state=TradeState.CLOSED.value,
        protection="OTOCO",
        candle_open_at=at - timedelta(seconds=INTERVAL_S[INTERVAL]),
        signal_arrived_at=at,
        decided_at=at + timedelta(milliseconds=8),
        decision_price=entry,
        decision_reason="ENTRY",
        decision_age_ms=chance.randrange(1, 200),
        reserved_notional=NOTIONAL,
        take_profit_price=(entry * Decimal("1.005")).quantize(PLACES),
        stop_price=(entry * Decimal("0.995")).quantize(PLACES),
        opened_at=at + timedelta(milliseconds=15),
        closed_at=closed_at,
        exit_reason=(ExitReason.TAKE_PROFIT if is_won else ExitReason.STOP_LOSS).value,
        avg_entry_price=entry,
        avg_exit_price=leaves_at,
        entry_notional=paid,
        exit_notional=received,
        fees=fees,
        realised_pnl=received - paid - fees,
        exit_decision_price=leaves_at.quantize(PLACES),
        entry_slippage_bps=Decimal(0),
        exit_slippage_bps=Decimal(0),
        unprotected_s=0.0,
    )


def _orders(trade: Trade, order_list: OrderList, *, first_pk: int) -> list[Order]:
    is_won = trade.exit_reason == ExitReason.TAKE_PROFIT.value
    qty = (trade.entry_notional / trade.avg_entry_price).quantize(PLACES)
    filled, expired = OrderStatus.FILLED.value, OrderStatus.EXPIRED.value
    rows = (
        (OrderRole.ENTRY, Side.BUY, OrderType.LIMIT, trade.avg_entry_price, None, filled),
        (
            OrderRole.TAKE_PROFIT,
            *(Side.SELL, OrderType.LIMIT_MAKER, trade.take_profit_price, None),
            filled if is_won else expired,
        ),
        (
            OrderRole.STOP,
            *(Side.SELL, OrderType.STOP_LOSS, None, trade.stop_price),
            expired if is_won else filled,
        ),
    )
    return [
        Order(
            pk=first_pk + index,
            client_order_id=client_order_id(trade.key, role, 1),
            trade=trade,
            order_list=order_list,
            symbol=trade.symbol,
            role=role.value,
            side=side.value,
            type=kind.value,
            time_in_force=TimeInForce.GTC.value,
            qty=qty,
            price=price,
            stop_price=stop_price,
            status=status,
            venue_order_id=ELSEWHERE + first_pk + index,
            filled_qty=qty if status == filled else Decimal(0),
            filled_notional=trade.entry_notional if status == filled else Decimal(0),
            reported_qty=qty if status == filled else Decimal(0),
            created_at=trade.decided_at,
            submitted_at=trade.decided_at,
            left_at=trade.opened_at,
            reported_at=trade.opened_at if role is OrderRole.ENTRY else trade.closed_at,
            closed_at=trade.opened_at if role is OrderRole.ENTRY else trade.closed_at,
        )
        for index, (role, side, kind, price, stop_price, status) in enumerate(rows)
    ]


def _fill(order: Order, trade: Trade, *, pk: int) -> FillRow:
    price = trade.avg_entry_price if order.role == OrderRole.ENTRY.value else trade.avg_exit_price
    fee = (order.qty * price * FEE_RATIO).quantize(PLACES)
    return FillRow(
        pk=pk,
        order=order,
        trade=trade,
        symbol=trade.symbol,
        venue_fill_id=ELSEWHERE + pk,
        side=order.side,
        price=price,
        qty=order.qty,
        fee=fee,
        fee_asset=QUOTE,
        fee_value=fee,
        is_maker=order.type == OrderType.LIMIT_MAKER.value,
        filled_at=order.closed_at or trade.decided_at,
    )


def _copy(
    model: type[models.Model], first: Mapping[type[models.Model], int], *, number: int, later_s: float
) -> None:
    """Copy the first block of a table, with ids, names and moments moved on."""
    fields = model._meta.concrete_fields
    values = [_moved(field, number=number, later_s=later_s) for field in fields]
    names = ", ".join(connection.ops.quote_name(field.attname) for field in fields)
    table, begin, rows = model._meta.db_table, first[model], BLOCK * _per_trade(model)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {table} ({names}) select {', '.join(values)} from {table} "  # noqa: S608 -- our own names
            f"where id >= {begin} and id < {begin + rows} order by id"
        )


def _per_trade(model: type[models.Model]) -> int:
    return {Order: 3, FillRow: 2}.get(model, 1)


def _moved(field: models.Field[object, object], *, number: int, later_s: float) -> str:
    column = str(connection.ops.quote_name(field.attname))
    if isinstance(field, models.DateTimeField):
        if connection.vendor == "sqlite":
            # Written as Django writes a moment, so that both compare as text.
            return f"strftime('%Y-%m-%d %H:%M:%f', {column}, '+{later_s:.3f} seconds')"
        return f"{column} + interval '{later_s:.3f} seconds'"
    target = field.remote_field.model if field.remote_field else field.model
    if target in TABLES and (field.primary_key or field.remote_field):
        return f"{column} + {number * BLOCK * _per_trade(target)}"
    if field.attname in ("venue_order_id", "venue_list_id", "venue_fill_id"):
        return f"{column} + {number * BLOCK * _per_trade(field.model)}"
    if field.attname in ("key", "client_order_id", "client_list_id"):
        # The trade's key is its number in 16 digits, alone or after `fc-`.
        begin = 1 if field.attname == "key" else 4
        number_text = f"cast(substr({column}, {begin}, 16) as bigint) + {number * BLOCK}"
        key = _sixteen_digits(number_text)
        return f"substr({column}, 1, {begin - 1}) || {key} || substr({column}, {begin + 16})"
    return column


def _sixteen_digits(number: str) -> str:
    if connection.vendor == "sqlite":
        return f"printf('%016d', {number})"
    return f"lpad(({number})::text, 16, '0')"
