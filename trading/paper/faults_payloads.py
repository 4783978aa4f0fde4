"""Faults of what is written in answers and events: numbers spelt otherwise, things nobody has heard of.

One class, fault 41. The meaning stays: what is added may be ignored, what is spelt otherwise is the same
number; only an unknown word in place of a known one (enum) hides something, which other answers still tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from trading.paper.calls import Call, Reply
from trading.paper.faults import Fault, Frame, Setting
from trading.paper.routes import Target

NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")
UNKNOWN_FIELDS: Mapping[str, Any] = {
    "futureField": "1",
    "futureFlag": None,
    "futureList": [{"deep": [1, 2]}],
    "сумма": "1,5",
}
UNKNOWN_FILTERS: tuple[Mapping[str, Any], ...] = (
    {"filterType": "T_PLUS_SELL", "endTime": 1},
    {"filterType": "FUTURE_FILTER", "limits": [{"from": "0.1", "to": None}], "enabled": True},
    {"filterType": "PRICE_FILTER_V2", "tickSize": "banana"},
)
FOREIGN_ASSET = "币安人生"
FOREIGN_SYMBOL = FOREIGN_ASSET + "USDT"
UNKNOWN_WORD = "SOMETHING_NEW"


def map_tree(value: Any, change: Callable[[Any], Any]) -> Any:
    """Rebuild a JSON value with every object and every leaf changed, from the outside in."""
    value = change(value)
    if isinstance(value, dict):
        return {name: map_tree(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [map_tree(part, change) for part in value]
    return value


def longer(value: Any) -> Any:
    """Write a number with eighteen decimals."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return value + "0" * (18 - len(value.partition(".")[2]))
    return value


def shorter(value: Any) -> Any:
    """Write a number without the zeros at its end."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return value.rstrip("0").rstrip(".")
    return value


def with_fields(value: Any) -> Any:
    """Add fields that nobody knows to an object; not inside of those."""
    if isinstance(value, dict) and "deep" not in value and "futureField" not in value:
        return {**value, **UNKNOWN_FIELDS}
    return value


def with_filters(body: Any) -> Any:
    """Add filters that nobody knows to every symbol of exchangeInfo."""
    symbols = [{**row, "filters": [*row["filters"], *UNKNOWN_FILTERS]} for row in body["symbols"]]
    return {**body, "symbols": symbols}


def with_foreign_name(body: Any) -> Any:
    """Add a row under a name outside ASCII to whatever lists symbols, and its asset to the balances."""
    if isinstance(body, list):
        return [*body, renamed(body[0])] if body else body
    if "symbols" in body:
        return {**body, "symbols": [*body["symbols"], renamed(body["symbols"][0])]}
    asset = {"asset": FOREIGN_ASSET, "free": "0.00000000", "locked": "0.00000000"}
    return {**body, "balances": [*body["balances"], asset]}


def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row under the foreign name."""
    names = {"symbol": FOREIGN_SYMBOL, "s": FOREIGN_SYMBOL, "baseAsset": FOREIGN_ASSET}
    return {name: names.get(name, value) for name, value in row.items()}


def lists_symbols(body: Any) -> bool:
    """Tell whether an answer lists symbols or assets."""
    if isinstance(body, list):
        return bool(body) and isinstance(body[0], dict) and ("symbol" in body[0] or "s" in body[0])
    return isinstance(body, dict) and bool(body.get("symbols") or "balances" in body)


class OddPayload(Fault):
    """Answers and events that are right and look unusual."""

    number = 41
    name = "odd-payload"
    what = (
        "decimals-long and decimals-short write numbers with 18 decimals or without zeros; fields adds "
        "unknown fields everywhere; filter adds unknown filters to exchangeInfo; unicode lists a symbol and "
        "an asset with Chinese names; enum puts an unknown word into `field` (status, X, x, type, ...). "
        "Replies and stream messages alike; `methods` narrows it to calls (and then spares the streams)."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting(
            "fields", choices=("decimals-long", "decimals-short", "fields", "filter", "unicode", "enum")
        ),
        "field": Setting("status", kind=str),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike answers that the mode can change."""
        if reply is None or not reply.is_accepted or not isinstance(reply.body, (dict, list)):
            return False
        if not super().selects(call, reply):
            return False
        match self.params["mode"]:
            case "filter":
                return call.route.method == "exchangeInfo"
            case "unicode":
                is_public = call.route.target is not Target.ENGINE
                return lists_symbols(reply.body) and (is_public or call.route.method == "account.status")
            case _:
                return bool(self.changed(reply.body) != reply.body)

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Rewrite the body."""
        reply.body = self.changed(reply.body)
        return reply

    def selects_frame(self, frame: Frame) -> bool:
        """Strike messages that the mode can change."""
        if self.params["methods"] or not super().selects_frame(frame):
            return False
        match self.params["mode"]:
            case "filter":
                return False
            case "unicode":
                return isinstance(frame.payload, list) and lists_symbols(frame.payload)
            case _:
                return bool(self.changed(frame.payload) != frame.payload)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Rewrite the message."""
        return [replace(frame, payload=self.changed(frame.payload))]

    def changed(self, body: Any) -> Any:
        """Give a body as the mode writes it."""
        match self.params["mode"]:
            case "decimals-long":
                return map_tree(body, longer)
            case "decimals-short":
                return map_tree(body, shorter)
            case "fields":
                return map_tree(body, with_fields)
            case "filter":
                return with_filters(body)
            case "unicode":
                return with_foreign_name(body)
            case _:
                return map_tree(body, self.with_unknown_word)

    def with_unknown_word(self, value: Any) -> Any:
        """Put an unknown word into the chosen field of an object."""
        field = self.params["field"]
        if isinstance(value, dict) and isinstance(value.get(field), str):
            return {**value, field: UNKNOWN_WORD}
        return value


PAYLOAD_FAULTS: tuple[type[Fault], ...] = (OddPayload,)
