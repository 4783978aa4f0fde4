"""The operator's admin: configuration, ledgers, exports. Each module registers its own pages."""

from trading.admin import control, journal, orders, symbols, trades, workers

__all__ = ["control", "journal", "orders", "symbols", "trades", "workers"]
