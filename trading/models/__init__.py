"""Database rows of trading, re-exported as Django expects."""

from trading.models.control import AccountLimit, ExternalChange, ReconcileRun, TradingControl
from trading.models.figures import DayFigures
from trading.models.journal import JournalEntry
from trading.models.order import FillRow, Order, OrderList
from trading.models.symbols import Balance, BlacklistEntry, InstrumentRow
from trading.models.trade import Trade
from trading.models.worker import Worker, WorkerVersion

__all__ = [
    "AccountLimit",
    "Balance",
    "BlacklistEntry",
    "DayFigures",
    "ExternalChange",
    "FillRow",
    "InstrumentRow",
    "JournalEntry",
    "Order",
    "OrderList",
    "ReconcileRun",
    "Trade",
    "TradingControl",
    "Worker",
    "WorkerVersion",
]
