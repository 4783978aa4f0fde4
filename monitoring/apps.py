"""The application's name, as Django wants it. Nothing runs here."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Monitoring only looks: selectors, events and domain of trading, never a service."""

    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"
