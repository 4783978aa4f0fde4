"""The journal: who did what, when, before, after and why. Append-only, same transaction as the act."""

from typing import Any

from django.db import models


class JournalEntry(models.Model):
    """One change of configuration, one dangerous act, or one surprise worth keeping."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="User name, or the process that acted")
    action = models.CharField(max_length=60, help_text="Dotted, say worker.started")
    subject = models.CharField(max_length=80, help_text="What it was done to, say worker:3")
    before: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    after: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "journal"
        indexes = [
            models.Index(fields=["-at"], name="journal_newest"),
            models.Index(fields=["subject", "-at"], name="journal_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
