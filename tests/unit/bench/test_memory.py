"""What the samples of a run say: growth is found, jobs that come and go are none."""

import random

import pytest

from bench.memory import LIMIT_MB, SAMPLE_EVERY_S, summary

SECONDS = 3600


def samples(*, per_hour: float, level: float = 220.0) -> list[tuple[float, dict[str, float]]]:
    """Give an hour of readings; every two minutes a guest of 20 MiB stays for eight seconds."""
    chance = random.Random(7)
    found = []
    for number in range(int(SECONDS / SAMPLE_EVERY_S)):
        at_s = number * SAMPLE_EVERY_S
        reading = {"trader": level + per_hour * at_s / 3600 + chance.gauss(0, 0.4)}
        if at_s % 120 < 8:
            reading["guest"] = 20.0
        found.append((at_s, reading))
    return found


def test_a_job_that_comes_and_goes_is_in_the_largest_sum_and_in_no_slope() -> None:
    found = summary(samples(per_hour=0))

    assert found["grows"] is False
    assert abs(found["slope_mib_per_hour"]["total"]["per_hour"]) < 0.5
    assert "guest" not in found["slope_mib_per_hour"]
    assert found["largest_total_mib"] > 238


def test_growth_of_two_mib_an_hour_is_found() -> None:
    assert summary(samples(per_hour=2))["grows"] is True


@pytest.mark.parametrize(("level", "is_below"), [(217.0, True), (219.5, False)])
def test_the_limit_is_in_millions_of_bytes_and_judges_the_largest_sum(
    *, level: float, is_below: bool
) -> None:
    found = summary(samples(per_hour=0, level=level))

    assert found["limit_mb"] == LIMIT_MB
    assert found["is_below_limit"] is is_below
    assert found["above_limit_part"] == pytest.approx(0 if is_below else 8 / 120, abs=0.01)
