"""Rows where a strategy would enter, over any length of history, at the cost of one pass.

Called by the back-tester and the sweep. A row's answer needs no more than the warm-up rows before it
(`StrategySpec.figures`), so history is judged in blocks that fit the processor's cache, each with its warm-up
in front: the same answers to the last bit, in memory that does not grow with the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from trading.domain.signals import Candles, FloatArray, IntArray, ParameterValues, StrategySpec

BLOCK_ROWS = 16_384


def without_gap(candles: Candles, rows: IntArray, *, warmup: int) -> IntArray:
    """Give those of the rows that have `warmup` rows without a gap, themselves included."""
    begins = np.flatnonzero(np.diff(candles.open_ms) != candles.interval_s * 1000) + 1
    begins = np.concatenate(([0], begins))
    stretch = begins[np.searchsorted(begins, rows, side="right") - 1]
    return rows[rows - stretch + 1 >= warmup]


def figure_blocks(
    spec: StrategySpec, candles: Candles, shape: ParameterValues, *, warmup: int
) -> Iterator[tuple[int, Mapping[str, FloatArray]]]:
    """Give first row and figures of block after block; the first `warmup - 1` rows are left out."""
    for start in range(warmup - 1, len(candles), BLOCK_ROWS):
        end = min(start + BLOCK_ROWS, len(candles))
        figures = spec.figures(candles.part(start - warmup + 1, end), shape)
        yield start, {name: values[warmup - 1 :] for name, values in figures.items()}


def entry_rows(spec: StrategySpec, candles: Candles, parameters: ParameterValues) -> IntArray:
    """Give the rows at whose close the strategy would enter; none whose warm-up reaches over a gap."""
    warmup, found = spec.warmup(parameters), []
    for start, figures in figure_blocks(spec, candles, spec.shape(parameters), warmup=warmup):
        holds = None
        for condition in spec.conditions:
            answer = condition.holds(figures[condition.figure], parameters)
            holds = answer if holds is None else holds & answer
        if holds is not None:
            found.append(np.flatnonzero(holds) + start)
    rows = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return without_gap(candles, rows, warmup=warmup)
