"""What only the doctor asks of the venue: what our key may do.

A part of exchange.client that trades nothing; it shares the client's budget, clock and error tree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from trading.exchange.fields import as_object, is_true
from trading.exchange.wallet import ask_wallet

# Weights of binance-spot-api-docs rest-api.md and of the wallet pages, read 2026-11.
WEIGHT_ACCOUNT = 20
WEIGHT_RESTRICTIONS = 1
RESTRICTIONS_PATH = "account/apiRestrictions"

T = TypeVar("T")
Send = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class KeyRestrictions:
    """What the venue lets our key do; all by the venue's word."""

    may_withdraw: bool
    may_transfer: bool
    may_trade_spot: bool
    is_bound_to_addresses: bool


class KeyQuestions(ABC):
    """Questions about our key; the client that sends them comes from the subclass."""

    @abstractmethod
    def _ask_account(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask something about the account."""

    def may_trade(self) -> bool:
        """Say whether the account may trade at all, which also proves that key and signature are right."""
        return self._ask_account(
            lambda client: client._get("account", True, data={"omitZeroBalances": "true"}),
            lambda reply: is_true(as_object(reply, "account"), "canTrade"),
            weight=WEIGHT_ACCOUNT,
        )

    def key_restrictions(self) -> KeyRestrictions | None:
        """Give what our key may do; None where the venue has no such question.

        Source: developers.binance.com, Wallet, "Get API Key Permission (USER_DATA)".
        """
        return self._ask_account(
            lambda client: ask_wallet(client, RESTRICTIONS_PATH, signed=True),
            _read_restrictions,
            weight=WEIGHT_RESTRICTIONS,
        )


def _read_restrictions(reply: object) -> KeyRestrictions | None:
    if reply is None:
        return None
    told = as_object(reply, "key restrictions")
    return KeyRestrictions(
        may_withdraw=is_true(told, "enableWithdrawals"),
        may_transfer=any(told.get(name) for name in ("enableInternalTransfer", "permitsUniversalTransfer")),
        may_trade_spot=is_true(told, "enableSpotAndMarginTrading"),
        is_bound_to_addresses=is_true(told, "ipRestrict"),
    )
