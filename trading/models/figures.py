"""What closed trades brought, summed up by day, so that nobody adds up years of them to show one number.

Written by services.figures only; a cache of the trades, which it can be made from again.
"""

from django.db import models

from trading.models.fields import FigureField


class DayFigures(models.Model):
    """All trades of one quote asset whose `closed_at` lies in one UTC day.

    Days are summed up in their order: every day up to the newest one stands here, or had no trade.
    """

    day = models.DateField()
    quote_asset = models.CharField(max_length=20)
    trades = models.PositiveIntegerField(help_text="Closed ones; those that bought nothing are not counted")
    wins = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField(help_text="Closed trades whose PnL is not known")
    pnl = FigureField()
    fees = FigureField()
    gains = FigureField()
    losses = FigureField()
    unprotected_s = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "quote_asset"], name="figures_once_a_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.quote_asset}"
