"""Which symbols a worker may trade: an explicit list, or a rule over the venue's symbols.

Resolved by selectors.workers from stored instruments; pure, so that the admin can preview it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.domain.instrument import Instrument
from trading.domain.values import InvalidNumber, to_decimal

# Reason of a bar that the venue's own schedule of delistings gives.
DELISTING_ANNOUNCED = "DELISTING_ANNOUNCED"


class InvalidUniverse(ValueError):
    """The universe is wrong; the text names the field and what is allowed."""


@dataclass(frozen=True, slots=True)
class Universe:
    """Either `symbols`, or a rule. `minimum_age_days` counts from when
    the symbol was first seen here; what was listed at the first look counts as old."""

    symbols: tuple[str, ...] = ()
    quote_asset: str = ""
    top: int = 0
    min_quote_volume: Decimal = Decimal(0)
    minimum_age_days: int = 0

    @property
    def is_rule(self) -> bool:
        """Tell whether symbols are found by rule."""
        return not self.symbols


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """A symbol as the rule sees it: rules, 24 h volume (quote asset), and when it was first seen."""

    instrument: Instrument
    quote_volume: Decimal | None
    first_seen_at: datetime


_RULE_FIELDS = ("quote_asset", "top", "min_quote_volume", "minimum_age_days")


def parse_universe(raw: Mapping[str, Any]) -> Universe:
    """Read a universe from its stored form.

    Raises:
        InvalidUniverse: Names the wrong field and what is allowed.
    """
    unknown = set(raw) - {"symbols", *_RULE_FIELDS}
    if unknown:
        allowed = ", ".join(("symbols", *_RULE_FIELDS))
        raise InvalidUniverse(f"{sorted(unknown)[0]}: unknown; allowed are {allowed}")
    if "symbols" in raw:
        if len(raw) > 1:
            raise InvalidUniverse("symbols: either a list of symbols or a rule, not both")
        return Universe(symbols=_symbols(raw["symbols"]))
    quote_asset = raw.get("quote_asset")
    if not isinstance(quote_asset, str) or not quote_asset.isalnum() or quote_asset != quote_asset.upper():
        raise InvalidUniverse("quote_asset: an asset in capitals, say USDT")
    try:
        volume = to_decimal(str(raw.get("min_quote_volume", 0)))
    except InvalidNumber as error:
        raise InvalidUniverse(f"min_quote_volume: {error}") from None
    if volume < 0:
        raise InvalidUniverse("min_quote_volume: 0 or more")
    return Universe(
        quote_asset=quote_asset,
        top=_whole("top", raw.get("top"), smallest=1, largest=400),
        min_quote_volume=volume,
        minimum_age_days=_whole("minimum_age_days", raw.get("minimum_age_days", 0), smallest=0, largest=5000),
    )


def _symbols(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise InvalidUniverse("symbols: a list of at least one symbol")
    for symbol in value:
        if not isinstance(symbol, str) or not symbol.isalnum() or symbol != symbol.upper():
            raise InvalidUniverse(f"symbols: {symbol!r} is not a symbol in capitals, say BTCUSDT")
    return tuple(dict.fromkeys(value))


def _whole(field: str, value: object, *, smallest: int, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise InvalidUniverse(f"{field}: a whole number from {smallest} to {largest}")
    return value


def universe_to_json(universe: Universe) -> dict[str, Any]:
    """Give the stored form, the inverse of parse_universe."""
    if not universe.is_rule:
        return {"symbols": list(universe.symbols)}
    return {
        "quote_asset": universe.quote_asset,
        "top": universe.top,
        "min_quote_volume": str(universe.min_quote_volume),
        "minimum_age_days": universe.minimum_age_days,
    }


def resolve(
    universe: Universe, listed: Sequence[ListedSymbol], *, barred: Collection[str], now: datetime
) -> list[str]:
    """Give the symbols that may be traded now: listed, trading, not barred; a rule's by volume."""
    tradable = {
        each.instrument.symbol: each
        for each in listed
        if each.instrument.is_trading and each.instrument.symbol not in barred
    }
    if not universe.is_rule:
        return [symbol for symbol in universe.symbols if symbol in tradable]
    oldest = now - timedelta(days=universe.minimum_age_days)
    matching = [
        each
        for each in tradable.values()
        if each.instrument.quote_asset == universe.quote_asset
        and (each.quote_volume or Decimal(0)) >= universe.min_quote_volume
        and (universe.minimum_age_days == 0 or each.first_seen_at <= oldest)
    ]
    matching.sort(key=lambda each: (-(each.quote_volume or Decimal(0)), each.instrument.symbol))
    return [each.instrument.symbol for each in matching[: universe.top]]
