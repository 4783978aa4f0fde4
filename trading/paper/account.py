"""The account's balances: free and locked per asset, exact, never below zero.

Only the settlement, lists and engine rooms move money here. Remembers which assets were touched since
the last outboundAccountPosition and what came from outside, so that the sums can be proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from trading.paper.errors import INSUFFICIENT_BALANCE, order_rejected
from trading.paper.numbers import ZERO


class Account:
    """Balances of one account."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        self.initial: dict[str, Decimal] = dict(balances)
        self.adjustments: dict[str, Decimal] = {}
        self.free: dict[str, Decimal] = dict(balances)
        self.locked: dict[str, Decimal] = dict.fromkeys(balances, ZERO)
        self.external: dict[str, Decimal] = {}  # locked by another system, part of `locked`
        self.touched: dict[str, None] = {}
        self.updated_ms = 0

    def available(self, asset: str) -> Decimal:
        """Give the free balance of an asset."""
        return self.free.get(asset, ZERO)

    def total(self, asset: str) -> Decimal:
        """Give free and locked together."""
        return self.free.get(asset, ZERO) + self.locked.get(asset, ZERO)

    def assets(self) -> list[str]:
        """Give all assets ever held, in order of first appearance."""
        return list(self.free)

    def lock(self, asset: str, quantity: Decimal) -> None:
        """Move from free to locked.

        Raises:
            VenueError: -2010, the free balance is too small; nothing was moved.
        """
        if quantity > self.available(asset):
            raise order_rejected(INSUFFICIENT_BALANCE)
        self._move(asset, free=-quantity, locked=quantity)

    def unlock(self, asset: str, quantity: Decimal) -> None:
        """Move from locked back to free."""
        self._move(asset, free=quantity, locked=-quantity)

    def spend(self, asset: str, quantity: Decimal, *, released: Decimal) -> None:
        """Take `quantity` out of a lock of which `released` ends; the difference becomes free again."""
        self._move(asset, free=released - quantity, locked=-released)

    def credit(self, asset: str, quantity: Decimal) -> None:
        """Add to the free balance."""
        self._move(asset, free=quantity, locked=ZERO)

    def debit(self, asset: str, quantity: Decimal) -> None:
        """Take from the free balance, which must suffice."""
        self._move(asset, free=-quantity, locked=ZERO)

    def adjust(self, asset: str, delta: Decimal) -> None:
        """Book a deposit or a withdrawal.

        Raises:
            ValueError: The withdrawal is larger than the free balance.
        """
        self._move(asset, free=delta, locked=ZERO)
        self.adjustments[asset] = self.adjustments.get(asset, ZERO) + delta

    def lock_externally(self, asset: str, delta: Decimal) -> None:
        """Let another system lock (positive) or unlock (negative) a part.

        Raises:
            ValueError: There is not that much to lock or unlock.
        """
        if self.external.get(asset, ZERO) + delta < ZERO:
            raise ValueError(f"no such external lock of {asset}")
        self._move(asset, free=-delta, locked=delta)
        self.external[asset] = self.external.get(asset, ZERO) + delta

    def touch(self, asset: str) -> None:
        """Have the asset reported with the next position event, moved or not."""
        self.touched[asset] = None

    def _move(self, asset: str, *, free: Decimal, locked: Decimal) -> None:
        new_free = self.free.get(asset, ZERO) + free
        new_locked = self.locked.get(asset, ZERO) + locked
        if new_free < ZERO or new_locked < ZERO:
            raise ValueError(f"{asset} would have {new_free} free, {new_locked} locked")
        self.free[asset] = new_free
        self.locked[asset] = new_locked
        self.touched[asset] = None
