"""Indicators over candle arrays: float64 in, float64 out, NaN until there is enough history.

Strategies, features and the back-tester call these. Arrays are (time,), or (time, symbols) where several
symbols are asked at once, which gives the same numbers with a fraction of the calls. A value depends on a
fixed number of rows before it and on nothing else: not on later rows, and not on where the array begins. So
the last row of a short live window and the same row of a year-long back-test agree to the last bit. All run
in a number of numpy passes that grows with the logarithm of the length.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Exponential weights are cut where less than e^-8 (0.03 %) of the weight is left.
TAIL = 8.0
BPS = 10_000.0


def ema_warmup(length: int) -> int:
    """Give how many rows an exponential mean looks at, the present one included."""
    return _tail_rows(2.0 / (length + 1.0))


def wilder_warmup(length: int) -> int:
    """Give how many rows a Wilder mean looks at; RSI and ATR need one more for the first change."""
    return _tail_rows(1.0 / length)


def ema(values: FloatArray, length: int) -> FloatArray:
    """Give the exponential mean with weight 2 / (length + 1) on the present row.

    Warm-up: ema_warmup(length) rows. Source: R. G. Brown, Smoothing, Forecasting and Prediction (1963).
    """
    return _exponential_mean(values, 2.0 / (length + 1.0))


def wilder_mean(values: FloatArray, length: int) -> FloatArray:
    """Give Wilder's smoothing, an exponential mean with weight 1 / length on the present row.

    Warm-up: wilder_warmup(length) rows.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978).
    """
    return _exponential_mean(values, 1.0 / length)


def rsi(closes: FloatArray, length: int) -> FloatArray:
    """Give Wilder's relative strength index, 0 to 100; 50 where nothing moved.

    Warm-up: wilder_warmup(length) + 1 rows. Source: Wilder (1978), section on the RSI.
    """
    changes = _changes(closes)
    up = np.maximum(changes, 0.0)
    rises, falls = wilder_mean(up, length), wilder_mean(up - changes, length)
    falls += rises
    rises *= 100.0
    return ratio(rises, falls, otherwise=50.0)


def true_range(highs: FloatArray, lows: FloatArray, closes: FloatArray) -> FloatArray:
    """Give the larger of the candle's range and its reach from the close before; NaN on the first row."""
    before, result = closes[:-1], _warming_up(closes, 1)
    np.subtract(np.maximum(highs[1:], before), np.minimum(lows[1:], before), out=result[1:])
    return result


def atr(highs: FloatArray, lows: FloatArray, closes: FloatArray, length: int) -> FloatArray:
    """Give Wilder's average true range in price units.

    Warm-up: wilder_warmup(length) + 1 rows. Source: Wilder (1978), section on volatility.
    """
    return wilder_mean(true_range(highs, lows, closes), length)


def rolling_mean(values: FloatArray, length: int) -> FloatArray:
    """Give the mean of the last `length` rows. Warm-up: length rows."""
    mean = rolling_sum(values, length)
    mean /= length
    return mean


def rolling_sum(values: FloatArray, length: int) -> FloatArray:
    """Give the sum of the last `length` rows, added in pairs. Warm-up: length rows."""
    result = _warming_up(values, length - 1)
    if len(values) < length:
        return result
    size, block, done, total = 1, values, 0, values[:0]
    while True:
        if length & size:  # the block stands before what is already joined
            total = block if done == 0 else total[size:] + block[: len(total) - size]
            done += size
        if done == length:
            break
        block = block[size:] + block[: len(block) - size]
        size *= 2
    result[length - 1 :] = total
    return result


def rolling_mean_std(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Give mean and population standard deviation of the last `length` rows. Warm-up: length rows.

    Source: pairwise moments as in Chan, Golub, LeVeque (1983), so that large prices lose no digits.
    """
    mean, squares = _rolling_moments(values, length)
    squares /= length
    return mean, np.sqrt(squares, out=squares)


def change_bps(values: FloatArray, rows: int) -> FloatArray:
    """Give the change over `rows` rows in bps of the earlier value."""
    result, count = _warming_up(values, rows), len(values)
    if rows < count:
        change = np.divide(values[rows:], values[: count - rows], out=result[rows:])
        change -= 1.0
        change *= BPS
    return result


def efficiency(values: FloatArray, length: int) -> FloatArray:
    """Give how straight the way over `length` rows was: net change against all changes summed, -1 to 1.

    0 where nothing moved. Warm-up: length + 1 rows.
    Source: P. Kaufman, Smarter Trading (1995), efficiency ratio.
    """
    way = rolling_sum(np.abs(_changes(values)), length)
    return ratio(values - shift(values, length), way)


def ratio_to_mean(values: FloatArray, length: int) -> FloatArray:
    """Give the value as a ratio of the mean of the last `length` rows; 0 where that mean is 0."""
    return ratio(values, rolling_mean(values, length))


def rolling_max(values: FloatArray, length: int) -> FloatArray:
    """Give the largest of the last `length` rows. Warm-up: length rows."""
    return -rolling_min(-values, length)


def rolling_min(values: FloatArray, length: int) -> FloatArray:
    """Give the smallest of the last `length` rows. Warm-up: length rows."""
    result = _warming_up(values, length - 1)
    if len(values) < length:
        return result
    reach, lowest = 1, values
    while reach * 2 <= length:
        lowest = np.minimum(lowest[reach:], lowest[: len(lowest) - reach])
        reach *= 2
    extra = length - reach  # two overlapping windows of `reach` rows cover `length`
    if extra:
        lowest = np.minimum(lowest[extra:], lowest[: len(lowest) - extra])
    result[length - 1 :] = lowest
    return result


def donchian(highs: FloatArray, lows: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Give highest high and lowest low of the `length` rows before the present one.

    Warm-up: length + 1 rows. Source: R. Donchian's four-week rule (1960), here without the present row, so
    that a close above the upper line is a breakout.
    """
    return shift(rolling_max(highs, length), 1), shift(rolling_min(lows, length), 1)


def ratio(over: FloatArray, under: FloatArray, *, otherwise: float = 0.0) -> FloatArray:
    """Divide row by row; `otherwise` where the divisor is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result = over / under
    result[under == 0.0] = otherwise
    return result


def shift(values: FloatArray, rows: int) -> FloatArray:
    """Give each row the value of `rows` rows before; NaN where there is none."""
    result = _warming_up(values, rows)
    if rows < len(values):
        result[rows:] = values[: len(values) - rows]
    return result


def _warming_up(values: FloatArray, rows: int) -> FloatArray:
    """Give an array like `values` whose first `rows` rows are NaN and the others still to be written."""
    result = np.empty_like(values)
    result[:rows] = np.nan
    return result


def _tail_rows(weight: float) -> int:
    return int(2 ** math.ceil(math.log2(TAIL / weight)))


def _changes(values: FloatArray) -> FloatArray:
    result = _warming_up(values, 1)
    np.subtract(values[1:], values[:-1], out=result[1:])
    return result


def _exponential_mean(values: FloatArray, weight: float) -> FloatArray:
    """Weigh the last _tail_rows(weight) rows by (1 - weight)**age, doubling the reach at each pass."""
    rows, keep = _tail_rows(weight), 1.0 - weight
    result = _warming_up(values, rows - 1)
    if len(values) < rows:
        return result
    reach, total, norm = 1, values, 1.0
    while reach < rows:
        faded = keep**reach
        older = total[: len(total) - reach] * faded
        total = np.add(total[reach:], older, out=older)
        norm *= 1.0 + faded
        reach *= 2
    np.divide(total, norm, out=result[rows - 1 :])
    return result


def _rolling_moments(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Give mean and sum of squared deviations of the last `length` rows.

    Windows of 1, 2, 4, ... rows are joined in pairs; a length is put together from its binary parts.
    """
    count = len(values)
    means, squares = _warming_up(values, length - 1), _warming_up(values, length - 1)
    if count < length:
        return means, squares
    size, block_mean, block_square = 1, values, np.broadcast_to(0.0, values.shape)
    done, mean, square = 0, values[:0], values[:0]
    while True:
        if length & size:
            if done == 0:
                mean, square = block_mean, block_square
            else:  # the block stands before what is already joined
                mean, square = _join_moments(
                    mean[size:], square[size:], block_mean, block_square, later=done, earlier=size
                )
            done += size
        if done == length:
            break
        block_mean, block_square = _join_moments(
            block_mean[size:], block_square[size:], block_mean, block_square, later=size, earlier=size
        )
        size *= 2
    means[length - 1 :], squares[length - 1 :] = mean, square
    return means, squares


def _join_moments(
    mean: FloatArray,
    square: FloatArray,
    earlier_mean: FloatArray,
    earlier_square: FloatArray,
    *,
    later: int,
    earlier: int,
) -> tuple[FloatArray, FloatArray]:
    """Join windows of `later` rows with the `earlier` rows before them."""
    rows = len(mean)
    delta = mean - earlier_mean[:rows]
    joined_mean = delta * (-earlier / (earlier + later))
    joined_mean += mean
    delta *= delta
    delta *= later * earlier / (earlier + later)
    delta += square
    delta += earlier_square[:rows]
    return joined_mean, delta
