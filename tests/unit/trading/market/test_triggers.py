"""A crossed price is told at once, again while it lasts, and never for what cannot be read."""

import pytest

from trading.market.triggers import REPEAT_S, TriggerWatch, is_crossed


@pytest.mark.parametrize(
    ("prices", "bid", "expected"),
    [
        ("95|110", "95", True),
        ("95|110", "95.01", False),
        ("95|110", "110.0", True),
        ("|110", "1", False),
        ("95|", "200", False),
        ("|", "5", False),
        ("", "5", False),
        ("x|y", "5", False),
        ("95|110", "", False),
    ],
)
def test_a_bid_at_or_beyond_a_price_crosses_it(prices: str, bid: str, *, expected: bool) -> None:
    assert is_crossed(prices, bid) is expected


def test_a_crossing_is_told_once_a_second() -> None:
    watch = TriggerWatch()
    triggers, bids = {"A": "95|"}, {"A": "94", "B": "1"}

    told = [watch.crossed(triggers, bids, now_s=now_s) for now_s in (10.0, 10.5, 10.0 + REPEAT_S)]

    assert told == [["A"], [], ["A"]]


def test_a_new_price_or_a_new_crossing_is_told_at_once() -> None:
    watch = TriggerWatch()
    watch.crossed({"A": "95|"}, {"A": "94"}, now_s=10.0)

    assert watch.crossed({"A": "96|"}, {"A": "94"}, now_s=10.1) == ["A"]
    assert watch.crossed({"A": "96|"}, {"A": "97"}, now_s=10.2) == []
    assert watch.crossed({"A": "96|"}, {"A": "95"}, now_s=10.3) == ["A"]
