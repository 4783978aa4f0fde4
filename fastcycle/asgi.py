"""The HTTP and WebSocket entrance, served by `manage.py run_web`."""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.handlers.asgi import ASGIHandler

# The routes with all pages of the admin too, so that nobody's first click waits for them.
import fastcycle.urls  # noqa: F401 -- see above
from monitoring.urls import websocket_application

application = ProtocolTypeRouter(
    {
        # `get_asgi_application` would set Django up anew, and send this fork's log into its parent's file.
        "http": ASGIHandler(),
        "websocket": AllowedHostsOriginValidator(websocket_application),
    }
)
