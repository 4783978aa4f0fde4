"""Is the running stack in a clean state? Read from its database, Redis and the venue's own ledger.

Cheap enough to ask ten times a second: no command of the product is started.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from bench.stack import Stack, ledger_differences

# What is younger than this is a round trip under way, not a state.
UNDER_WAY_S = 1.0
FEED_AGE_S = 2.0
STATUS_EXPIRY_S = 15.0
BLOCKS = ("fc:api:blocked", "fc:api:orders_blocked")
COUNTS = {
    "UNKNOWN_ORDER": "trading_order where status in ('SUBMITTED', 'INITIALIZED') and created_at < ?",
    "FILLS_MISSING": "trading_order where fills_missing and created_at < ?",
    "UNPROTECTED": (
        "trading_trade where state in ('OPEN', 'CLOSING') and not is_protected and unprotected_since < ?"
    ),
}
UNPROTECTED_S = """
    select id, unprotected_s, case when state in ('OPEN', 'CLOSING') and not is_protected
           then unprotected_since end
    from trading_trade where unprotected_s > 0 or unprotected_since is not null
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """Asks one running stack."""

    stack: Stack
    client: redis.Redis

    def unclean(self, *, since_s: float) -> list[str]:
        """Name what has not been clean since the moment `since_s`, or for longer than a round trip.

        The status of a stream counts only if it was written after that moment.
        """
        return self._rows(since_s) or self._streams(since_s) or self._ledger()

    def unprotected(self) -> dict[int, float]:
        """Give the seconds without protection of every trade that had any, those that run included."""
        now = datetime.now(UTC)
        found = {}
        for trade_id, ended_s, since in self.stack.rows(UNPROTECTED_S):
            running_s = (now - _moment(since)).total_seconds() if since else 0.0
            found[trade_id] = ended_s + max(running_s, 0.0)
        return found

    def _rows(self, since_s: float) -> list[str]:
        before_s = max(since_s, time.time() - UNDER_WAY_S)
        before = datetime.fromtimestamp(before_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        asked = " union all ".join(f"select count(*) from {what}" for what in COUNTS.values())  # noqa: S608 -- our own words
        counts = self.stack.rows(asked, *[before] * len(COUNTS))
        return [name for name, (count,) in zip(COUNTS, counts, strict=True) if count]

    def _streams(self, since_s: float) -> list[str]:
        """Judge the two statuses, which are written every second, and the budget of requests."""
        try:
            user, feed = self._status("fc:user_stream", since_s), self._status("fc:feed", since_s)
            is_blocked = bool(self.client.exists(*BLOCKS))
        except redis.RedisError:
            return ["REDIS"]
        found = []
        if not (user.get("connected") and user.get("reconciled")):
            found.append("USER_STREAM")
        feed_age_s = time.time() - feed.get("last_message_ms", 0) / 1000
        if not feed.get("connected") or feed_age_s > FEED_AGE_S:
            found.append("FEED")
        return [*found, "BLOCKED"] if is_blocked else found

    def _status(self, key: str, since_s: float) -> dict[str, Any]:
        with self.client.pipeline(transaction=False) as pipe:
            pipe.get(key)
            pipe.pttl(key)
            value, left_ms = pipe.execute()
        written_s = time.time() - STATUS_EXPIRY_S + left_ms / 1000
        if not isinstance(value, bytes) or written_s < since_s:
            return {}
        status: dict[str, Any] = json.loads(value)
        return status

    def _ledger(self) -> list[str]:
        """Compare with the venue; a fill between the two readings makes them differ for a moment."""
        return [f"LEDGER {asset}" for asset in ledger_differences(self.stack)]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
