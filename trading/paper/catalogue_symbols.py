"""Plausible market facts of well-known symbols, and facts made up from the name for any other.

Read by catalogue.py alone. The figures are orders of magnitude for a believable synthetic market,
not data; nothing may trade on them outside the paper venue.
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import NamedTuple

QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "EUR", "TRY", "BTC", "ETH", "BNB")
MIN_NOTIONALS = {
    "BTC": Decimal("0.0001"),
    "ETH": Decimal("0.001"),
    "BNB": Decimal("0.01"),
    "TRY": Decimal(10),
}
MIN_NOTIONAL = Decimal(5)


class SymbolFacts(NamedTuple):
    """What a market needs to know of a symbol; price in quote asset, quantities in base asset."""

    base: str
    quote: str
    start_price: Decimal
    tick_size: Decimal
    step_size: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    spread_ticks: int
    daily_volatility: float
    daily_quote_volume: float


# base asset, price, tick, step, spread in ticks, daily volatility, daily volume in millions of quote asset
TABLE = """
BTC 64250.00 0.01 0.00001 1 0.024 1900
ETH 3120.50 0.01 0.0001 1 0.032 1200
BNB 575.30 0.01 0.001 1 0.026 210
SOL 148.20 0.01 0.001 1 0.042 480
XRP 0.5870 0.0001 0.1 1 0.036 260
ADA 0.4410 0.0001 0.1 1 0.039 75
DOGE 0.12450 0.00001 1 1 0.048 190
LTC 71.60 0.01 0.001 1 0.034 55
LINK 14.35 0.01 0.01 1 0.042 62
AVAX 28.40 0.01 0.01 1 0.045 70
TRX 0.1318 0.0001 0.1 1 0.021 48
DOT 6.284 0.001 0.01 1 0.040 41
MATIC 0.5630 0.0001 0.1 1 0.044 38
SHIB 0.00001795 0.00000001 1 1 0.052 85
BCH 388.40 0.10 0.001 1 0.040 44
UNI 7.852 0.001 0.01 1 0.046 36
ATOM 6.471 0.001 0.01 1 0.042 24
ETC 22.75 0.01 0.01 1 0.041 29
XLM 0.1023 0.0001 1 1 0.036 15
NEAR 5.137 0.001 0.1 1 0.053 66
APT 7.420 0.01 0.01 1 0.050 40
FIL 4.381 0.001 0.01 1 0.046 31
ICP 8.865 0.001 0.01 2 0.047 20
HBAR 0.06850 0.00001 1 2 0.045 18
VET 0.02674 0.00001 0.1 1 0.044 13
ARB 0.7320 0.0001 0.1 1 0.052 44
OP 1.846 0.001 0.01 1 0.053 46
INJ 21.38 0.01 0.01 1 0.057 33
SUI 0.8123 0.0001 0.1 1 0.061 72
SEI 0.3441 0.0001 0.1 1 0.060 35
TIA 6.043 0.001 0.01 1 0.064 39
RUNE 4.212 0.001 0.1 1 0.056 27
AAVE 96.40 0.01 0.001 2 0.045 25
MKR 2514.0 1 0.0001 1 0.043 16
GRT 0.1862 0.0001 1 1 0.049 12
ALGO 0.1420 0.0001 1 1 0.039 11
FTM 0.4983 0.0001 1 1 0.060 48
SAND 0.3027 0.0001 1 1 0.047 12
MANA 0.3140 0.0001 1 1 0.046 9
AXS 5.380 0.01 0.01 1 0.046 10
THETA 1.372 0.001 0.1 1 0.050 9
EGLD 31.22 0.01 0.01 1 0.043 7
FLOW 0.5920 0.001 0.01 1 0.041 5
XTZ 0.7250 0.001 0.1 1 0.038 6
EOS 0.5340 0.0001 0.1 1 0.040 13
KAVA 0.3681 0.0001 0.1 2 0.043 5
ZEC 29.85 0.01 0.001 2 0.044 9
DASH 24.60 0.01 0.001 2 0.039 5
NEO 11.14 0.01 0.01 1 0.041 6
IOTA 0.1461 0.0001 1 1 0.042 4
CHZ 0.06210 0.00001 1 1 0.046 9
ENJ 0.1720 0.0001 0.1 1 0.045 4
BAT 0.1894 0.0001 1 1 0.043 4
CRV 0.2873 0.0001 0.1 1 0.056 18
COMP 48.70 0.01 0.001 2 0.045 6
SNX 1.581 0.001 0.1 1 0.050 7
LDO 1.402 0.001 0.01 1 0.057 26
IMX 1.386 0.001 0.01 1 0.054 14
GALA 0.02145 0.00001 1 1 0.054 24
PEPE 0.00000972 0.00000001 1 1 0.068 210
"""


def _market_max_qty(volume: float, price: Decimal, step: Decimal) -> Decimal:
    """Give the largest market order: a two-thousandth of a day's volume, with live's odd decimals."""
    raw = Decimal(str(volume)) / 2000 / price
    return max(raw, step * 100).quantize(Decimal("0.00000001"))


def _parse(line: str) -> SymbolFacts:
    base, price, tick, step, spread, volatility, millions = line.split()
    volume = int(millions) * 1_000_000.0
    return SymbolFacts(
        base=base,
        quote="USDT",
        start_price=Decimal(price),
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        market_max_qty=_market_max_qty(volume, Decimal(price), Decimal(step)),
        min_notional=MIN_NOTIONAL,
        spread_ticks=int(spread),
        daily_volatility=int(volatility.removeprefix("0.")) / 1000,
        daily_quote_volume=volume,
    )


KNOWN = {facts.base + facts.quote: facts for facts in map(_parse, TABLE.strip().splitlines())}


def known_symbols() -> list[str]:
    """Give the names of all known symbols, the most traded first."""
    return list(KNOWN)


def known_facts(symbol: str) -> SymbolFacts | None:
    """Give the facts of a known symbol, or None."""
    return KNOWN.get(symbol)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Give base asset and quote asset of a symbol's name.

    Raises:
        ValueError: The name does not end in a known quote asset.
    """
    for quote in QUOTE_ASSETS:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    raise ValueError(f"{symbol!r} does not end in a known quote asset")


def synthetic_facts(symbol: str) -> SymbolFacts:
    """Make plausible facts from a name alone; the same name always gives the same facts."""
    base, quote = split_symbol(symbol)
    noise = zlib.crc32(symbol.encode())
    exponent = noise % 5 - 2  # 0.01 to 100 of the quote asset
    price = Decimal(10 + (noise >> 8) % 90).scaleb(exponent - 1)
    tick = Decimal(1).scaleb(exponent - 4)
    step = Decimal(1).scaleb(min(0, -exponent - 1))
    volume = 3_000_000.0 + (noise >> 16) % 40 * 1_000_000
    return SymbolFacts(
        base=base,
        quote=quote,
        start_price=price,
        tick_size=tick,
        step_size=step,
        market_max_qty=_market_max_qty(volume, price, step),
        min_notional=MIN_NOTIONALS.get(quote, MIN_NOTIONAL),
        spread_ticks=1 + (noise >> 4) % 2,
        daily_volatility=(35 + (noise >> 12) % 35) / 1000,
        daily_quote_volume=volume,
    )
