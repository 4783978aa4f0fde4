"""The push: after commit only, numbered without gaps, one message for what belongs together."""

import asyncio
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction

from trading import events

pytestmark = pytest.mark.django_db(transaction=True)


def publish_three() -> None:
    """Commit two events together, one more after them, and roll one back."""
    with transaction.atomic():
        events.publish("trading.journal.added", {"id": 1})
        events.publish("trading.journal.added", {"id": 2})
        with transaction.atomic():
            events.publish("trading.journal.added", {"id": 99})
            transaction.set_rollback(True)
    events.publish("trading.journal.added", {"id": 3})


async def test_committed_events_arrive_numbered_in_one_message(redis_client: redis.Redis) -> None:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(events.GROUP, channel)

    await sync_to_async(publish_three)()
    message = await asyncio.wait_for(layer.receive(channel), 5)

    assert [(event["seq"], event["data"]["id"]) for event in message["events"]] == [(1, 1), (2, 2), (3, 3)]
    await layer.group_discard(events.GROUP, channel)
    await layer.flush()


def test_a_push_that_cannot_leave_is_only_a_lost_hint(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    events.flush()

    sender = events._Sender()
    sender.put("trading.journal.added", {"id": 1})

    assert sender.wait(20)
