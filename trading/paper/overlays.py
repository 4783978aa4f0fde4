"""What faults change for a while and give back: rules of symbols, listings, fees.

Changes lie on top of each other; lifting one, in whatever order, shows what lies beneath. So two faults on
the same rule cannot leave each other's value behind.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Generic, TypeVar

from trading.paper.catalogue import Catalogue, SymbolSpec
from trading.paper.engine import Engine

Key = TypeVar("Key", bound=Hashable)
EXCHANGE = ""  # in place of a symbol: a filter of the whole account
Lift = Callable[[], None]


class Overlays(Generic[Key]):
    """Layers of values over what was there before the first of them.

    Args:
        read: Gives the present value of a key.
        write: Sets it.
    """

    def __init__(self, *, read: Callable[[Key], Any], write: Callable[[Key, Any], None]) -> None:
        self._read = read
        self._write = write
        self._layers: dict[Key, dict[int, Any]] = {}
        self._serial = 0

    def lay(self, key: Key, value: Any) -> Lift:
        """Set a value on top; give what lifts it."""
        layers = self._layers.setdefault(key, {0: self._read(key)})
        self._serial += 1
        serial = self._serial
        layers[serial] = value
        self._write(key, value)
        return lambda: self._lift(key, serial)

    def _lift(self, key: Key, serial: int) -> None:
        layers = self._layers[key]
        del layers[serial]
        self._write(key, layers[max(layers)])
        if len(layers) == 1:
            del self._layers[key]


class Rules:
    """The rules of all symbols as faults change them; a delisted symbol keeps its rules for its return."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._delisted: dict[str, SymbolSpec] = {}
        self._announced: list[tuple[int, str]] = []  # (moment in ms, symbol)
        self._overlays: Overlays[tuple[str, str]] = Overlays(read=self._value, write=self._set)

    def lay(self, symbol: str, **changes: Any) -> Lift:
        """Change rules of one symbol; give what lifts the change."""
        lifts = [self._overlays.lay((symbol, name), value) for name, value in changes.items()]

        def lift_all() -> None:
            for lift in lifts:
                lift()

        return lift_all

    def limit_account(self, name: str, limit: int) -> Lift:
        """Set a filter of the whole account, such as EXCHANGE_MAX_NUM_ORDERS; give what lifts it."""
        return self._overlays.lay((EXCHANGE, name), limit)

    def delist(self, symbol: str) -> Lift:
        """Take a symbol off the list; give what lists it again."""
        self._delisted[symbol] = self._catalogue[symbol]
        self._catalogue.remove(symbol)
        return lambda: self._catalogue.add(self._delisted.pop(symbol))

    def announce(self, symbol: str, at_ms: int) -> Lift:
        """Announce that a symbol will be delisted; give what withdraws it."""
        self._announced.append((at_ms, symbol))
        return lambda: self._announced.remove((at_ms, symbol))

    def delist_schedule(self) -> list[dict[str, Any]]:
        """Give what is announced, as the venue writes it: by moment, the first one first."""
        told: dict[int, set[str]] = {}
        for at_ms, symbol in sorted(self._announced):
            told.setdefault(at_ms, set()).add(symbol)
        return [{"delistTime": at_ms, "symbols": sorted(symbols)} for at_ms, symbols in told.items()]

    def _value(self, key: tuple[str, str]) -> Any:
        symbol, name = key
        if symbol == EXCHANGE:
            return self._catalogue.exchange_filters.get(name)
        return getattr(self._delisted.get(symbol) or self._catalogue[symbol], name)

    def _set(self, key: tuple[str, str], value: Any) -> None:
        symbol, name = key
        if symbol == EXCHANGE and value is None:
            self._catalogue.exchange_filters.pop(name, None)
        elif symbol == EXCHANGE:
            self._catalogue.exchange_filters[name] = value
        elif symbol in self._delisted:
            self._delisted[symbol] = replace(self._delisted[symbol], **{name: value})
        else:
            self._catalogue.update(symbol, **{name: value})


def fee_layers(engine: Engine) -> Overlays[str | None]:
    """Give the layers of the account's fees: (maker, taker) by symbol; of None for all without their own."""

    def general() -> tuple[Decimal, Decimal]:
        rates = engine.execute("account.status", {})["commissionRates"]
        return Decimal(rates["maker"]), Decimal(rates["taker"])

    def read(symbol: str | None) -> tuple[Decimal, Decimal] | None:
        if symbol is None:
            return general()
        rates = engine.execute("account.commission", {"symbol": symbol})["standardCommission"]
        own = Decimal(rates["maker"]), Decimal(rates["taker"])
        return None if own == general() else own

    def write(symbol: str | None, rates: tuple[Decimal, Decimal] | None) -> None:
        if rates is not None:
            engine.set_fees(maker=rates[0], taker=rates[1], symbol=symbol)
        elif symbol is not None:
            engine.forget_fees(symbol)

    return Overlays(read=read, write=write)
