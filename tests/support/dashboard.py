"""What the dashboard's script does with a snapshot and events, in Python: the reference for its tests.

Keep it in step with monitoring/static/monitoring/state.js.
"""

from __future__ import annotations

import copy
from typing import Any

OPEN = ("OPENING", "OPEN", "CLOSING")


def apply(snapshot: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the snapshot with the newer events on top; figures and the live part come with snapshots only."""
    state = copy.deepcopy(snapshot)
    for event in sorted(events, key=lambda each: each["seq"]):
        if event["seq"] > state["seq"]:
            _apply(state, event["kind"], event["data"])
            state["seq"] = event["seq"]
    return state


def _apply(state: dict[str, Any], kind: str, data: dict[str, Any]) -> None:
    if kind == "trading.control.changed":
        state["control"] = data
    elif kind == "trading.worker.changed":
        rows = _without(state["workers"], data) + ([] if data["is_deleted"] else [data])
        state["workers"] = sorted(rows, key=lambda row: row["name"])
    elif kind == "trading.trade.changed":
        _apply_trade(state, data)
    else:
        name = {"trading.order.changed": "orders", "trading.journal.added": "journal"}[kind]
        state[name] = sorted([*_without(state[name], data), data], key=lambda row: -row["id"])


def _apply_trade(state: dict[str, Any], trade: dict[str, Any]) -> None:
    state["open_trades"] = _without(state["open_trades"], trade)
    if trade["state"] in OPEN:
        state["open_trades"] = sorted([*state["open_trades"], trade], key=lambda row: row["id"])
    elif trade["state"] == "CLOSED":
        rows = [*_without(state["closed_trades"], trade), trade]
        state["closed_trades"] = sorted(rows, key=lambda row: -row["closed_at_ms"])


def _without(rows: list[dict[str, Any]], row: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in rows if each["id"] != row["id"]]


def stored(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Give the part that events keep up to date."""
    names = ("control", "workers", "open_trades", "closed_trades", "orders")
    return {name: snapshot[name] for name in names}
