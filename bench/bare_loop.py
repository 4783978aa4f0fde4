"""DIP_REVERSION with bracket exits as a bare loop: the floor that the back-tester is measured against.

Written by hand for this one strategy, one symbol and one trade at a time, with running sums and recursions
instead of windows; no ticks, no wallet, no gaps, no reasons. Nobody could do it faster with less.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(nogil=True)
def indicators(close, volume, z_length, rsi_length, trend_length):  # type: ignore[no-untyped-def]  # compiled
    """Give depth, relative strength, reward, trend and volume figures of every row in one pass."""
    rows, half = len(close), trend_length // 2
    depth, strength, reward = np.empty(rows), np.empty(rows), np.empty(rows)
    trend, busy = np.empty(rows), np.empty(rows)
    means = np.empty(rows)
    total, squares, volumes, rises, falls, mean = 0.0, 0.0, 0.0, 0.0, 0.0, close[0]
    for row in range(rows):
        price = close[row]
        total += price
        squares += price * price
        volumes += volume[row]
        if row >= z_length:
            gone = close[row - z_length]
            total -= gone
            squares -= gone * gone
            volumes -= volume[row - z_length]
        average = total / z_length
        deviation = math.sqrt(max(squares / z_length - average * average, 0.0))
        depth[row] = (average - price) / deviation if deviation > 0.0 else 0.0
        reward[row] = (average - price) / price * 1e4
        busy[row] = volume[row] * z_length / volumes if volumes > 0.0 else 0.0
        change = price - close[row - 1] if row else 0.0
        rises += (max(change, 0.0) - rises) / rsi_length
        falls += (max(-change, 0.0) - falls) / rsi_length
        strength[row] = 100.0 * rises / (rises + falls) if rises + falls > 0.0 else 50.0
        mean += (price - mean) * 2.0 / (trend_length + 1.0)
        means[row] = mean
        trend[row] = (1.0 - mean / means[row - half]) * 1e4 if row >= half else 0.0
    return depth, strength, reward, trend, busy


@numba.njit(nogil=True)
def trade(opens, high, low, close, figures, limits, terms, cost, warmup):  # type: ignore[no-untyped-def]  # compiled
    """Walk over the rows once; give trades and the sum of their returns after costs."""
    depth, strength, reward, trend, busy = figures
    z_entry, rsi_entry, reward_bps, fall_bps, volume_ratio = limits
    target_bps, stop_bps, hold = terms
    trades, total, entry, target, stop, last = 0, 0.0, 0.0, 0.0, 0.0, 0
    wanted = False
    for row in range(warmup, len(close)):
        if wanted and entry == 0.0:
            entry, last = opens[row], row + hold - 1
            target, stop = entry * (1.0 + target_bps / 1e4), entry * (1.0 - stop_bps / 1e4)
        wanted = False
        if entry > 0.0:
            price = 0.0
            if low[row] <= stop:
                price = min(stop, opens[row])
            elif high[row] >= target:
                price = target
            elif row >= last:
                price = close[row]
            if price == 0.0:
                continue
            total += price / entry - 1.0 - cost
            trades += 1
            entry = 0.0
        wanted = (
            depth[row] >= z_entry
            and strength[row] <= rsi_entry
            and reward[row] >= reward_bps
            and trend[row] <= fall_bps
            and 0.0 < busy[row] <= volume_ratio
        )
    return trades, total
