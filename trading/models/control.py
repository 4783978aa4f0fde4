"""The one row that says whether the account may trade at all."""

from django.db import models

from trading.domain.risk import TradingState


class TradingControl(models.Model):
    """Trading state of the whole account; a single row with id 1. Written by services.control only."""

    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in TradingState])
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="trading_control_is_single")]

    def __str__(self) -> str:
        return self.state
