"""The operator's admin: configuration, ledgers, exports. Each module registers its own pages."""

from trading.admin import journal, orders, symbols, trades, workers

__all__ = ["journal", "orders", "symbols", "trades", "workers"]
