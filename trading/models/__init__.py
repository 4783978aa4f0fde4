"""Database rows of trading, re-exported as Django expects."""

from trading.models.control import AccountLimit, ExternalChange, ReconcileRun, TradingControl
from trading.models.figures import DayFigures, SliceFigures
from trading.models.journal import JournalEntry
from trading.models.operations import ConfigChange, ConfigSnapshot, Incident, Rollout, RolloutStage
from trading.models.order import FILLS_MISSING, FillRow, Order, OrderList
from trading.models.symbols import Balance, BlacklistEntry, InstrumentRow
from trading.models.trade import Trade
from trading.models.worker import Worker, WorkerVersion

__all__ = [
    "FILLS_MISSING",
    "AccountLimit",
    "Balance",
    "BlacklistEntry",
    "ConfigChange",
    "ConfigSnapshot",
    "DayFigures",
    "ExternalChange",
    "FillRow",
    "Incident",
    "InstrumentRow",
    "JournalEntry",
    "Order",
    "OrderList",
    "ReconcileRun",
    "Rollout",
    "RolloutStage",
    "SliceFigures",
    "Trade",
    "TradingControl",
    "Worker",
    "WorkerVersion",
]
