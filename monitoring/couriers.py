"""Channels of Apprise: an address each, say of Telegram, e-mail or a webhook.

Loaded only where there are addresses: Apprise brings a hundred services along, twenty megabytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import apprise

from monitoring.outbox import Channel, Claims, Message

TYPES = {
    "CRITICAL": apprise.NotifyType.FAILURE,
    "WARNING": apprise.NotifyType.WARNING,
    "OVER": apprise.NotifyType.SUCCESS,
    "REPORT": apprise.NotifyType.INFO,
}


class BadChannel(Exception):
    """An address that Apprise cannot use; the text names its place in the list, never the address."""


def open_channels(urls: Sequence[str], *, claims: Claims) -> list[Channel]:
    """Make a channel of each address.

    Raises:
        BadChannel: Apprise cannot use one of them.
    """
    return [
        Channel(channel_name(url), deliver=_courier(url, number), claims=claims)
        for number, url in enumerate(urls, start=1)
    ]


def channel_name(url: str) -> str:
    """Name a channel by its kind and a digest, so that nothing secret is shown or kept."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{url.partition(':')[0][:20]}-{digest}"


def _courier(url: str, number: int) -> Callable[[Message], bool]:
    service = apprise.Apprise()
    if not service.add(url):
        raise BadChannel(f"NOTIFY_URLS: address {number} is none that Apprise can use")

    def deliver(message: Message) -> bool:
        return bool(service.notify(title=message.title, body=message.body, notify_type=TYPES[message.level]))

    return deliver
