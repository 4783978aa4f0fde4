"""What closed trades brought, summed up by day, so that nobody adds up years of them to show one number.

Written by services.figures only; a cache of the trades, which it can be made from again.
"""

from django.db import models

from trading.domain.slices import Cut
from trading.models.fields import FigureField
from trading.models.worker import Worker


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


class SliceFigures(models.Model):
    """The trades of one UTC day and quote asset that fall into one slice (see domain.slices.Tally).

    A row without a worker is about all of them. Written and renewed together with the day's DayFigures.
    """

    day = models.DateField()
    quote_asset = models.CharField(max_length=20)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    cut = models.CharField(max_length=8, choices=[(each.value, each.value) for each in Cut])
    key = models.CharField(max_length=30)
    trades = models.PositiveIntegerField()
    wins = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    pnl = FigureField()
    fees = FigureField()
    gains = FigureField()
    losses = FigureField()
    bought = FigureField()
    sold = FigureField()
    slipped_in = FigureField()
    slipped_out = FigureField()
    slip_unknown = models.PositiveIntegerField()
    measured = models.PositiveIntegerField()
    return_sum_bps = models.FloatField()
    return_squares = models.FloatField()
    held_s = models.FloatField()

    class Meta:
        indexes = [
            # services.figures: a day is written anew as a whole.
            models.Index(fields=["day"], name="slice_day"),
            # selectors.analysis: all slices of a worker, or of all; then the workers and versions.
            models.Index(fields=["worker", "day"], name="slice_worker"),
            models.Index(fields=["cut", "day"], name="slice_cut"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.quote_asset} {self.cut} {self.key}"
