"""The venue's wire: signed REST, streams, decoding, faults, and the shared request budget."""

from trading.exchange import slim_binance

slim_binance.install()  # before any module of this package imports python-binance
