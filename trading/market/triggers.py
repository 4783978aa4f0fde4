"""Watches prices of supervised exits: names the symbols whose bid crossed a watched price.

Used by the feed at every flush. It judges nothing but the crossing; the trader looks again before it sells.
"""

from collections.abc import Mapping

REPEAT_S = 1.0  # a crossing is told again while it lasts, because the first message may be lost


class TriggerWatch:
    """Remembers what was told, so that a crossing is not told forty times a second."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, float]] = {}

    def crossed(self, triggers: Mapping[str, str], bids: Mapping[str, str], *, now_s: float) -> list[str]:
        """Give the symbols to tell about.

        Args:
            triggers: "below|above" by symbol, either may be empty; both are prices of the bid.
            bids: Newest bid by symbol, as text.
            now_s: A clock that only moves forward.
        """
        found = []
        for symbol, prices in triggers.items():
            bid = bids.get(symbol)
            if bid is None or not is_crossed(prices, bid):
                self._told.pop(symbol, None)
                continue
            told_prices, told_s = self._told.get(symbol, ("", 0.0))
            if told_prices != prices or now_s - told_s >= REPEAT_S:
                self._told[symbol] = (prices, now_s)
                found.append(symbol)
        return found


def is_crossed(prices: str, bid: str) -> bool:
    """Tell whether the bid is at or beyond a watched price; what cannot be read is not crossed."""
    below, _, above = prices.partition("|")
    try:
        # Floats are enough to wake somebody up; the decision is made in Decimal.
        price = float(bid)
        return bool((below and price <= float(below)) or (above and price >= float(above)))
    except ValueError:
        return False
