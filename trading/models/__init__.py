"""Database rows of trading, re-exported as Django expects."""

from trading.models.control import TradingControl
from trading.models.journal import JournalEntry
from trading.models.order import FillRow, Order, OrderList
from trading.models.symbols import Balance, BlacklistEntry, InstrumentRow
from trading.models.trade import Trade
from trading.models.worker import Worker, WorkerVersion

__all__ = [
    "Balance",
    "BlacklistEntry",
    "FillRow",
    "InstrumentRow",
    "JournalEntry",
    "Order",
    "OrderList",
    "Trade",
    "TradingControl",
    "Worker",
    "WorkerVersion",
]
