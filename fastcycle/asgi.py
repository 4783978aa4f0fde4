"""The HTTP and WebSocket entrance, served by `manage.py run_web`."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastcycle.settings")

# First: it loads the applications, whose models the routes import.
http_application = get_asgi_application()

# The routes with all pages of the admin too, so that nobody's first click waits for them.
import fastcycle.urls  # noqa: E402, F401 -- see above
from monitoring.urls import websocket_application  # noqa: E402 -- see above

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": AllowedHostsOriginValidator(websocket_application),
    }
)
