"""The tables of the page follow from the kept figures alone; prose is never touched."""

import re
from pathlib import Path

import pytest

from bench.page import places, renew
from bench.registry import MEASUREMENTS
from bench.tables import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
ABOUT = {"measured_at": "2026-11-28T20:00:00+00:00", "machine": "abacus, 2 cores", "python": "3.11.7"}
MEMORY = {
    **ABOUT,
    "minutes": 60.0,
    "trades": 1234,
    "strangers": 0,
    "total_mib": 70.4,
    "largest_total_mib": 71.0,
    "above_limit_part": 0.0,
    "by_process_mib": {"redis": 3.4, "web": 67.0},
    "slope_mib_per_hour": {
        "web": {"per_hour": 2.0, "low": 1.0, "high": 3.0, "contains_zero": False},
        "total": {"per_hour": 0.1, "low": -0.2, "high": 0.4, "contains_zero": True},
    },
}


def test_a_table_replaces_what_stood_between_its_markers_and_nothing_else() -> None:
    page = "before\n<!-- bench memory -->\nyesterday's\n<!-- end -->\nafter\n"

    renewed = renew(page, {"memory": MEMORY})

    assert renewed.startswith("before\n<!-- bench memory -->\n")
    assert renewed.endswith("\n<!-- end -->\nafter\n")
    assert "yesterday's" not in renewed
    assert "abacus, 2 cores" in renewed


def test_renewing_twice_changes_nothing() -> None:
    once = renew("prose\n", {"memory": MEMORY, "governor": {**ABOUT, "waits": 0}})

    assert renew(once, {"memory": MEMORY, "governor": {**ABOUT, "waits": 0}}) == once
    assert places(once) == {"memory", "governor"}


def test_a_measurement_without_figures_keeps_its_old_table() -> None:
    page = "<!-- bench kills -->\nold\n<!-- end -->\n"

    assert renew(page, {}) == page


def test_memory_says_of_each_process_whether_it_grows() -> None:
    told = table("memory", MEMORY)

    assert "| web | 67.0 | +2.00 (+1.00 … +3.00) | yes |" in told
    assert "| redis | 3.4 |  |  |" in told
    assert "| **sum** | **70.4** | +0.10 (-0.20 … +0.40) | not told from 0 |" in told
    assert told.index("| web |") < told.index("| redis |")


def test_stored_trades_are_compared_over_the_sizes() -> None:
    size = {"ms": {"admin_search": 10.0}, "export": {"seconds": 1.5, "extra_mib": 2.0}}
    large = {"ms": {"admin_search": 12.5}, "export": {"seconds": 150.0, "extra_mib": 3.0}}

    told = table(
        "stored", {**ABOUT, "by_trades": {"1000": size, "1000000": large}, "ratio": {"admin_search": 1.25}}
    )

    assert "| stored trades | 1,000 | 1,000,000 | last ÷ first |" in told
    assert "| admin search | 10 ms | 12.5 ms | 1.2 × |" in told
    assert "| export of all as CSV | 1.5 s | 150 s |  |" in told


def test_uptime_is_told_to_a_thousandth_of_a_percent_and_by_kind_of_mischief() -> None:
    shares = {"up": 0.99934, "market_up": 0.9995, "user_stream_up": 1.0, "fresh": 0.99}
    back = {"by_kind": {"cut": [0.0, 0.11], "silent": [1.25]}}
    found = {"symbols": 20, "back_s": back, "candles_missing": 0, "unnoticed": ["day"]}

    told = table(
        "stream_uptime",
        {**ABOUT, "minutes": 30.0, "period_s": 60.0, "with_cuts": shares, "whole": shares, **found},
    )

    assert "| **up**, a cut a minute | 99.934 % |" in told
    assert "| fresh, with all else | 99.000 % |" in told
    assert "| struck nothing | day |" in told
    assert "| longest until back: cut | 0.11 s of 2 |" in told
    assert "| longest until back: silent | 1.25 s of 1 |" in told


def test_figures_without_a_table_of_their_own_are_listed() -> None:
    told = table(
        "another", {**ABOUT, "turns": {"100": {"p50_ms": 12.34}}, "verdicts": [True], "names": ["a", "b"]}
    )

    assert "| turns · 100 · p50_ms | 12.3 |" in told
    assert "| names | a, b |" in told
    assert "machine |" not in told


@pytest.mark.parametrize("name", sorted(places(PAGE.read_text(encoding="utf-8"))))
def test_every_place_of_the_page_belongs_to_a_measurement(name: str) -> None:
    assert name in MEASUREMENTS


def test_every_table_of_the_page_is_whole() -> None:
    for line in re.findall(r"^\|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        assert line.endswith("|")
