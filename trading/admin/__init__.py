"""The operator's admin: configuration, ledgers, exports. Each module registers its own pages."""

from trading.admin import (
    control,
    journal,
    ledger,
    operations,
    orders,
    rollout,
    schedules,
    symbols,
    trades,
    workers,
)

__all__ = [
    "control",
    "journal",
    "ledger",
    "operations",
    "orders",
    "rollout",
    "schedules",
    "symbols",
    "trades",
    "workers",
]
