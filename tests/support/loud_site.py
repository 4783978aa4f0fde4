"""A site that says one long thing to whoever connects; run as a program, it is served as the product's is."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

# What the snapshot of two thousand workers comes to.
LENGTH = 4 * 1024 * 1024


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Accept a socket and say it."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "x" * LENGTH})
    await receive()


class Nobody:
    """Watches nothing."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


def main(port: str) -> None:
    """Serve until told to stop."""
    import django  # noqa: PLC0415 -- only where it runs as a program

    django.setup()
    from django.conf import settings  # noqa: PLC0415 -- as above
    from django.core.management import call_command  # noqa: PLC0415 -- as above

    settings.ASGI_APPLICATION = "tests.support.loud_site.application"
    settings.WATCH = "tests.support.loud_site.Nobody"
    call_command("run_web", "--port", port)


if __name__ == "__main__":
    main(sys.argv[1])
