"""A slope is told from noise, and noise from a slope."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bench.slopes import FEWEST_SAMPLES, slope

EVERY_S = 20.0


def series(*, count: int, per_hour: float, noise: float, seed: int) -> list[tuple[float, float]]:
    """Give samples that grow by `per_hour` under normal noise."""
    chance = random.Random(seed)
    return [
        (at * EVERY_S, 250 + per_hour * at * EVERY_S / 3600 + chance.gauss(0, noise)) for at in range(count)
    ]


@given(values=st.lists(st.floats(1, 500), min_size=FEWEST_SAMPLES, max_size=30), shift=st.floats(-100, 100))
def test_the_slope_lies_in_its_interval_and_follows_what_is_added(values: list[float], shift: float) -> None:
    plain = slope([(at * EVERY_S, value) for at, value in enumerate(values)])
    tilted = slope([(at * EVERY_S, value + shift * at * EVERY_S / 3600) for at, value in enumerate(values)])

    assert plain is not None
    assert tilted is not None
    assert plain.low <= plain.per_hour <= plain.high
    assert abs(tilted.per_hour - plain.per_hour - shift) < 1e-6


def test_growth_beyond_the_noise_is_found() -> None:
    found = [slope(series(count=30, per_hour=20, noise=0.5, seed=seed)) for seed in range(50)]

    assert not any(each.contains_zero for each in found if each is not None)


def test_noise_alone_is_seldom_taken_for_growth() -> None:
    found = [slope(series(count=60, per_hour=0, noise=1, seed=seed)) for seed in range(200)]

    assert sum(not each.contains_zero for each in found if each is not None) <= 20


def test_one_outlier_does_not_make_a_slope() -> None:
    samples = series(count=30, per_hour=0, noise=0.1, seed=3)
    samples[-1] = (samples[-1][0], 400.0)

    found = slope(samples)

    assert found is not None
    assert found.contains_zero


def test_too_few_samples_say_nothing() -> None:
    assert slope(series(count=FEWEST_SAMPLES - 1, per_hour=100, noise=0, seed=1)) is None
