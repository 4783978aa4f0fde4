"""Registers the learning application with Django; nothing runs on import."""

from __future__ import annotations

from django.apps import AppConfig


class IntelligenceConfig(AppConfig):
    """Names the application."""

    name = "intelligence"
    verbose_name = "Intelligence"
    default_auto_field = "django.db.models.BigAutoField"
