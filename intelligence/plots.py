"""Draws a back-test into a file: trades on the price, equity, drawdown.

Called by the commands alone, so that no other process pays for the drawing library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from intelligence.backtest import Market, Outcome, Plan
from intelligence.meta_labels import calibration
from trading.domain.signals import BoolArray, FloatArray, IntArray

MOST_POINTS = 3_000  # finer than a screen; keeps the file small
KINDS = (".svg", ".png", ".pdf")


def draw(
    plan: Plan, market: Market, outcome: Outcome, path: Path, *, beside: Mapping[str, Outcome] | None = None
) -> None:
    """Write the plot; the price is that of the symbol with the most trades.

    Args:
        beside: Other outcomes by their name, whose equity and drawdown are drawn beside that of `outcome`.

    Raises:
        ValueError: The ending of the file is not one of KINDS.
        OSError: The file cannot be written.
    """
    check_ending(path)
    figure = Figure(figsize=(11, 9), layout="constrained")
    price, equity, drawdown = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))
    _draw_price(price, market, outcome)
    moments, curve, depth = _curves(plan, market, outcome)
    equity.step(moments, curve, where="post", color="tab:blue", linewidth=1, label="as it is")
    equity.set_ylabel("equity, quote asset")
    drawdown.fill_between(moments, depth, step="post", color="tab:red", alpha=0.5)
    drawdown.set_ylabel("drawdown, %")
    for number, (name, other) in enumerate((beside or {}).items(), start=1):
        moments, curve, depth = _curves(plan, market, other)
        equity.step(moments, curve, where="post", color=f"C{number}", linewidth=1, label=name)
        drawdown.step(moments, depth, where="post", color=f"C{number}", linewidth=1)
        equity.legend(loc="upper left", fontsize="small")
    figure.suptitle(f"{plan.spec.title}: {len(outcome.trips)} trades, {', '.join(market.symbols)}")
    figure.savefig(path)


def draw_calibration(chances: FloatArray, paid: BoolArray, path: Path) -> None:
    """Write how often signals paid (row,) against the chance (row,) that a model gave them.

    Raises:
        ValueError: The ending of the file is not one of KINDS.
        OSError: The file cannot be written.
    """
    check_ending(path)
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    bins = calibration(chances, paid)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot([said for said, _, _ in bins], [share for _, share, _ in bins], "o-", color="tab:blue")
    axes.set_xlabel("chance that was said")
    axes.set_ylabel("share that paid")
    figure.savefig(path)


def check_ending(path: Path) -> None:
    """Raise ValueError where the ending of the file is not one of KINDS."""
    if path.suffix not in KINDS:
        raise ValueError(f"{path}: the plot's file must end in {', '.join(KINDS)}")


def _curves(
    plan: Plan, market: Market, outcome: Outcome
) -> tuple[npt.NDArray[np.datetime64], FloatArray, FloatArray]:
    """Give moments, equity and drawdown in percent (below 0) after each end of a trade."""
    ends = outcome.trips[np.argsort(outcome.trips["exit_s"], kind="stable")]
    curve = plan.wallet.balance + np.concatenate(([0.0], np.cumsum(ends["pnl"])))
    peaks = np.maximum.accumulate(curve)
    begin = market.arrays.open_s.min(keepdims=True)
    return _moments(np.concatenate((begin, ends["exit_s"]))), curve, (curve - peaks) / peaks * 100


def _draw_price(axes: Axes, market: Market, outcome: Outcome) -> None:
    trips = outcome.trips
    symbol = int(np.bincount(trips["symbol"], minlength=len(market.symbols)).argmax())
    history = market.histories[symbol].candles
    every = max(len(history) // MOST_POINTS, 1)
    axes.plot(_moments(history.open_ms[::every] // 1000), history.close[::every], color="0.4", linewidth=0.6)
    mine = trips[trips["symbol"] == symbol]
    axes.plot(
        _moments(mine["entry_s"]), mine["entry_price"], "^", color="tab:blue", markersize=4, label="entry"
    )
    for label, colour, part in (
        ("exit with gain", "tab:green", mine[mine["pnl"] > 0]),
        ("exit with loss", "tab:red", mine[mine["pnl"] <= 0]),
    ):
        axes.plot(_moments(part["exit_s"]), part["exit_price"], "v", color=colour, markersize=4, label=label)
    axes.set_ylabel(market.symbols[symbol])
    axes.legend(loc="upper left", fontsize="small")


def _moments(seconds: IntArray) -> npt.NDArray[np.datetime64]:
    return seconds.astype("datetime64[s]")
