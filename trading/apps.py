"""The trading application."""

from django.apps import AppConfig

from trading import checks

__all__ = ["TradingConfig", "checks"]


class TradingConfig(AppConfig):
    """Registers the start-up checks by importing them."""

    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"
