"""Pure builders with visible defaults: what a test does not name does not matter to it."""

from datetime import UTC, datetime
from decimal import Decimal

from trading.domain.entries import EntryTerms
from trading.domain.executions import Fill
from trading.domain.instrument import Instrument
from trading.domain.market import Quote
from trading.domain.orders import Side
from trading.domain.risk import EntryFacts, EntryLimits, TradingState
from trading.domain.universe import Universe
from trading.domain.workers import WorkerConfig

NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
ALL_TYPES = frozenset({"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"})


def an_instrument(**changes: object) -> Instrument:
    """Rules of BTCUSDT, with everything allowed."""
    values: dict[str, object] = {
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "status": "TRADING",
        "tick_size": Decimal("0.01"),
        "step_size": Decimal("0.00001"),
        "min_qty": Decimal("0.00001"),
        "max_qty": Decimal(9000),
        "market_max_qty": Decimal(100),
        "min_notional": Decimal(5),
        "order_types": ALL_TYPES,
        "oco_allowed": True,
        "oto_allowed": True,
        "opo_allowed": True,
        "trailing_allowed": True,
        "cancel_replace_allowed": True,
    }
    return Instrument(**{**values, **changes})  # type: ignore[arg-type]  # a test names what it changes


def a_quote(
    bid: str = "100.00", ask: str = "100.01", *, symbol: str = "BTCUSDT", at: datetime = NOON
) -> Quote:
    """A sane quote that just arrived."""
    return Quote(symbol, Decimal(bid), Decimal(10), Decimal(ask), Decimal(10), at, at)


def a_fill(
    side: Side = Side.BUY,
    qty: str = "1",
    price: str = "100",
    *,
    fee: str = "0",
    fee_asset: str = "USDT",
    fill_id: int = 1,
) -> Fill:
    """One execution on BTCUSDT."""
    return Fill(
        symbol="BTCUSDT",
        venue_fill_id=fill_id,
        venue_order_id=1,
        side=side,
        price=Decimal(price),
        qty=Decimal(qty),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        is_maker=False,
        filled_at=NOON,
    )


def some_terms(**changes: object) -> EntryTerms:
    """A trade of 100 with a target of 50 bps and a stop of 100 bps."""
    values: dict[str, object] = {
        "trade_notional": Decimal(100),
        "max_slippage_bps": 10,
        "take_profit_bps": 50,
        "stop_loss_bps": 100,
        "trailing_bps": 0,
        "fee_ratio": Decimal("0.001"),
    }
    return EntryTerms(**{**values, **changes})  # type: ignore[arg-type]  # a test names what it changes


def some_facts(**changes: object) -> EntryFacts:
    """Facts that speak against nothing."""
    values: dict[str, object] = {
        "state": TradingState.ACTIVE,
        "instrument": an_instrument(),
        "quote": a_quote(),
        "now": NOON,
        "user_stream_is_up": True,
        "symbol_is_busy": False,
        "cooldown_until": None,
        "open_trades": 0,
        "bound_notional": Decimal(0),
        "free_quote": Decimal(1000),
    }
    return EntryFacts(**{**values, **changes})  # type: ignore[arg-type]  # a test names what it changes


def some_limits(**changes: object) -> EntryLimits:
    """Limits that allow five trades of 100."""
    values: dict[str, object] = {
        "max_quote_age_s": 2.0,
        "max_spread_bps": 10,
        "max_open_trades": 5,
        "budget": Decimal(500),
        "trade_notional": Decimal(100),
    }
    return EntryLimits(**{**values, **changes})  # type: ignore[arg-type]  # a test names what it changes


def a_config(**changes: object) -> WorkerConfig:
    """A worker on BTCUSDT, 1s candles, 100 USDT a trade."""
    values: dict[str, object] = {
        "strategy": "DIP_REVERSION",
        "parameters": {},
        "interval": "1s",
        "universe": Universe(symbols=("BTCUSDT",)),
        "trade_notional": Decimal(100),
        "budget": Decimal(500),
        "max_open_trades": 5,
        "take_profit_bps": 50,
        "stop_loss_bps": 100,
        "trailing_bps": 0,
        "max_hold_s": 60,
        "cooldown_s": 0,
        "max_spread_bps": 10,
        "max_slippage_bps": 10,
    }
    return WorkerConfig(**{**values, **changes})  # type: ignore[arg-type]  # a test names what it changes
