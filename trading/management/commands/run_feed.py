"""`manage.py run_feed`: market streams into Redis, and one task per batch of closed candles.

Started by `manage.py up` or a service manager. It decides nothing: the feed lives in trading.market.ingest.
"""

import sys
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from trading import bootstrap, events
from trading.management.commands.run_executions import listen
from trading.management.event_loop import run_roles
from trading.market.ingest import ClosedRow, Feed, FeedDoors
from trading.selectors.trades import list_triggers
from trading.selectors.workers import list_subscriptions

QUEUE = "trading"
BATCH_EXPIRES_S = 30  # nobody may trade on older candles; a trader that was away need not read them all
TRIGGERS_EXPIRE_S = 5  # told again every second while the price stays beyond
# A batch is published by a thread while the loop is busy with the frames behind it: after each of its calls
# the thread waits at most this long for its turn, not 5 ms.
SWITCH_INTERVAL_S = 0.0005


class Command(BaseCommand):
    """Feeds until told to stop."""

    help = "Keep live market data in Redis and hand closed candles to the trader."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what else may run in this process."""
        parser.add_argument(
            "--executions",
            action="store_true",
            help="listen to the account's own stream too, instead of a process run_executions",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Feed until SIGTERM."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        run_roles({"feed": feed} | ({"executions": listen} if options["executions"] else {}))


async def feed() -> None:
    """Feed until cancelled."""
    await Feed(
        open_stream=bootstrap.open_market_stream,
        venue=bootstrap.get_venue(),
        writer=bootstrap.get_market_writer(),
        lease=bootstrap.open_lease("feed"),
        source=settings.VENUE.stream_url,
        clock=bootstrap.utc_now,
        doors=FeedDoors(
            list_subscriptions=read_subscriptions,
            list_triggers=list_triggers,
            publish_batch=publish_batch,
            publish_triggers=publish_triggers,
            publish_prices=events.publish_prices,
        ),
    ).run()


def read_subscriptions() -> set[tuple[str, str]]:
    """Read what is wanted now, over a connection that is mended where it broke."""
    close_old_connections()
    return list_subscriptions(now=bootstrap.utc_now())


def publish_batch(closed: list[ClosedRow], arrived_ms: int) -> None:
    """Hand one batch of closed candles to the trader."""
    _send("trading.run_batch", {"closed": closed, "arrived_ms": arrived_ms}, expires_s=BATCH_EXPIRES_S)


def publish_triggers(symbols: list[str]) -> None:
    """Tell the trader whose watched price was crossed."""
    _send("trading.run_triggers", {"symbols": symbols}, expires_s=TRIGGERS_EXPIRE_S)


def _send(name: str, kwargs: dict[str, Any], *, expires_s: int) -> None:
    # Celery would write out every candle a second time, for logs that nobody keeps.
    current_app.send_task(
        name, kwargs=kwargs, queue=QUEUE, ignore_result=True, expires=expires_s, kwargsrepr=f"({len(kwargs)})"
    )
