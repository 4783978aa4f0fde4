"""Who hears about the account: the WS API sessions that subscribed to user data.

ws_api.py opens and ends subscriptions, the venue publishes events. There is no replay: what happens before a
subscription is not told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from trading.paper.errors import VenueError, bad_request
from trading.paper.sockets import Socket

MAX_LIFETIME_SUBSCRIPTIONS = 65_535


def already_active() -> VenueError:
    """Refuse a second subscription of the account on one connection (-2035)."""
    return bad_request(-2035, "User Data Stream subscription already active.")


def not_active() -> VenueError:
    """Refuse to end a subscription that does not exist (-2036)."""
    return bad_request(-2036, "User Data Stream subscription not active.")


@dataclass(slots=True, eq=False)
class Subscriber:
    """One WS API connection; ids count up over its whole life."""

    socket: Socket
    next_id: int = 0
    active: dict[int, None] = field(default_factory=dict)


class UserFeed:
    """All subscriptions of the one account."""

    def __init__(self) -> None:
        self._subscribers: dict[Subscriber, None] = {}

    @property
    def subscription_count(self) -> int:
        """Give how many subscriptions are active on all connections."""
        return sum(len(subscriber.active) for subscriber in self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> int:
        """Begin a subscription and give its id."""
        if subscriber.active:
            raise already_active()
        if subscriber.next_id >= MAX_LIFETIME_SUBSCRIPTIONS:
            raise bad_request(-2042, "Too many subscriptions on this connection.")
        subscription_id = subscriber.next_id
        subscriber.next_id += 1
        subscriber.active[subscription_id] = None
        self._subscribers[subscriber] = None
        return subscription_id

    def unsubscribe(self, subscriber: Subscriber, subscription_id: int | None, *, at_ms: int) -> None:
        """End one subscription, or all of the connection when no id is given."""
        chosen = list(subscriber.active) if subscription_id is None else [subscription_id]
        if not chosen or any(one not in subscriber.active for one in chosen):
            raise not_active()
        for one in chosen:
            self._send(subscriber, one, orjson.dumps({"e": "eventStreamTerminated", "E": at_ms}))
            del subscriber.active[one]

    def terminate_all(self, *, at_ms: int) -> None:
        """End every subscription of every connection from the venue's side."""
        for subscriber in tuple(self._subscribers):
            if subscriber.active:
                self.unsubscribe(subscriber, None, at_ms=at_ms)

    def forget(self, subscriber: Subscriber) -> None:
        """Drop a connection that has ended."""
        self._subscribers.pop(subscriber, None)

    def publish(self, event: dict[str, Any], *, shift: int = 0) -> None:
        """Tell an event to every subscription; a fault may shift the subscription's id."""
        raw = orjson.dumps(event)
        for subscriber in tuple(self._subscribers):
            for subscription_id in subscriber.active:
                self._send(subscriber, subscription_id + shift, raw)

    def _send(self, subscriber: Subscriber, subscription_id: int, raw: bytes) -> None:
        subscriber.socket.send(b'{"subscriptionId":%d,"event":%b}' % (subscription_id, raw))
