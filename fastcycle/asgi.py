"""The HTTP and WebSocket entrance, served by `manage.py run_web`."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastcycle.settings")

application = ProtocolTypeRouter({"http": get_asgi_application()})
