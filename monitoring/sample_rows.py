"""Samples read for sums over hours and days: a tenth of the memory of rows of the model.

Reports and the acceptance page read up to twenty thousand of them in the web process.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from monitoring.models import HealthSample

CHUNK = 200
NOTHING_LOST: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample. Of its figures the mean and the most are kept, at the places that `places` names."""

    at: datetime
    rounds: int
    seen_s: float
    up_s: float
    score_min: int
    score_mean: float
    losses: Mapping[str, int]
    places: Mapping[str, int]
    values: array[float]

    def mean(self, name: str) -> float | None:
        """Give the mean of a figure over the sample's rounds; None where it was not known."""
        place = self.places.get(name)
        return None if place is None else self.values[place]

    def most(self, name: str) -> float | None:
        """Give the largest value of a figure; None where it was not known."""
        place = self.places.get(name)
        return None if place is None else self.values[place + 1]


def read_samples(*, since: datetime, until: datetime | None = None) -> list[SampleRow]:
    """Read the samples that begin from `since` on, and before `until`, oldest first."""
    found = HealthSample.objects.filter(at__gte=since).order_by("at")
    if until is not None:
        found = found.filter(at__lt=until)
    columns = found.values_list(
        "at", "rounds", "seen_s", "up_s", "score_min", "score_mean", "losses", "figures"
    )
    known: dict[tuple[str, ...], Mapping[str, int]] = {}  # rows with the same figures share their places
    rows = []
    for at, rounds, seen_s, up_s, lowest, score, losses, figures in columns.iterator(chunk_size=CHUNK):
        names = tuple(figures)
        places = known.setdefault(names, {name: 2 * place for place, name in enumerate(names)})
        values = array("d", (value for _, *kept in figures.values() for value in kept))
        lost = losses or NOTHING_LOST
        rows.append(SampleRow(at, rounds, seen_s, up_s, lowest, score, lost, places, values))
    return rows


def mean(samples: Iterable[SampleRow], name: str) -> float | None:
    """Give the mean of a figure over its rounds; None where it was never known."""
    rounds, total = 0, 0.0
    for each in samples:
        value = each.mean(name)
        if value is not None:
            rounds, total = rounds + each.rounds, total + value * each.rounds
    return total / rounds if rounds else None


def most(samples: Iterable[SampleRow], name: str) -> float | None:
    """Give the largest value of a figure; None where it was never known."""
    return max((value for each in samples if (value := each.most(name)) is not None), default=None)
