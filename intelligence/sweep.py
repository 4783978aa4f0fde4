"""The back-tester over many parameter sets: work that points share is done once.

Points that differ only in limits of conditions share their figures (StrategySpec.shape), and of each block
only the rows that pass the loosest limits of the group are looked at again. Called by the walk-forward and
the benchmarks; each point gives exactly the trades that a back-test of it alone gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from intelligence.backtest import Market, Outcome, Plan, in_time_order, play
from intelligence.signal_rows import figure_blocks, without_gap
from intelligence.trade_kernel import compiled
from trading.domain.signals import BoolArray, Candles, FloatArray, IntArray, ParameterValues, StrategySpec


def sweep(plan: Plan, market: Market, points: Sequence[ParameterValues]) -> Iterator[tuple[int, Outcome]]:
    """Test the plan with each point's parameters instead of its own; give index and outcome of each.

    The order is by group of equal figures, not by index. Memory is bounded by the largest group's signals.
    """
    for group in _group(plan.asked, points):
        found = [_entry_rows(plan.asked, each.candles, points, group) for each in market.histories]
        for place, index in enumerate(group):
            rows = [each[place] + first for each, first in zip(found, market.first_rows, strict=True)]
            symbols = [np.full(len(each), number) for number, each in enumerate(rows)]
            signals = in_time_order(market, np.concatenate(symbols), np.concatenate(rows))
            yield index, play(replace(plan, parameters=points[index]), market, *signals)


def _group(spec: StrategySpec, points: Sequence[ParameterValues]) -> list[list[int]]:
    groups: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for index, point in enumerate(points):
        groups.setdefault(tuple(sorted(spec.shape(point).items())), []).append(index)
    return list(groups.values())


def _entry_rows(
    spec: StrategySpec, candles: Candles, points: Sequence[ParameterValues], group: Sequence[int]
) -> list[IntArray]:
    """Give the entry rows of each point of a group on one symbol."""
    first = points[group[0]]
    warmup = spec.warmup(first)
    limits, is_strict = _limits(spec, [points[index] for index in group])
    loosest = limits.min(axis=0)
    places, rows = [], []
    for start, figures in figure_blocks(spec, candles, spec.shape(first), warmup=warmup):
        signed = _signed(spec, figures)
        candidates = np.flatnonzero(passing(signed, loosest[np.newaxis], is_strict)[0])
        candidates = without_gap(candles, candidates + start, warmup=warmup) - start
        place, column = np.nonzero(passing(signed[:, candidates], limits, is_strict))
        places.append(place.astype(np.int32))
        rows.append((candidates[column] + start).astype(np.int32))
    if not rows:
        return [np.empty(0, dtype=np.int64) for _ in group]
    place, row = np.concatenate(places), np.concatenate(rows).astype(np.int64)
    order = np.argsort(place, kind="stable")  # rows of a point stay in time
    bounds = np.searchsorted(place[order], np.arange(1, len(group)))
    return np.split(row[order], bounds)


def _limits(spec: StrategySpec, points: Sequence[ParameterValues]) -> tuple[FloatArray, BoolArray]:
    """Give limits (point, condition) turned so that a figure must be above, and where strictly."""
    turned = [
        [
            -each.limit_value(point) if each.side in ("below", "at most") else each.limit_value(point)
            for each in spec.conditions
        ]
        for point in points
    ]
    return np.array(turned), np.array([each.side in ("above", "below") for each in spec.conditions])


def _signed(spec: StrategySpec, figures: Mapping[str, FloatArray]) -> FloatArray:
    """Give the figure of each condition (condition, time), turned like the limits."""
    return np.stack(
        [
            -figures[each.figure] if each.side in ("below", "at most") else figures[each.figure]
            for each in spec.conditions
        ]
    )


@compiled
def passing(signed, limits, is_strict):  # type: ignore[no-untyped-def]  # compiled
    """Say for each point (point,) and row (time,) whether all figures (condition, time) pass the limits."""
    points, rows = len(limits), signed.shape[1]
    result = np.zeros((points, rows), np.bool_)
    for point in range(points):
        for row in range(rows):
            passed = True
            for condition in range(len(is_strict)):
                figure, limit = signed[condition, row], limits[point, condition]
                if not (figure > limit or (figure == limit and not is_strict[condition])):
                    passed = False
                    break
            result[point, row] = passed
    return result
