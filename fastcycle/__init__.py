"""Wiring of the product: settings, Celery, ASGI, routes. Nobody below imports it."""

from fastcycle.celery import app as celery_app

__all__ = ["celery_app"]
