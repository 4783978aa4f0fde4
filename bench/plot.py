"""One small picture of bench/results.json for docs/performance.md: latency, memory, stored trades.

Only what was measured is drawn. The same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Result = Mapping[str, Any]
SIZE_INCHES = (3.4, 2.6)
MIB_OF_MB = 1_000_000 / 1024**2


def draw(results: Mapping[str, Result], path: Path) -> None:
    """Draw one panel for each measurement that has one, side by side."""
    panels = [(_PANELS[name], results[name]) for name in _PANELS if name in results]
    if not panels:
        return
    with mpl.rc_context({"svg.hashsalt": "fast-cycle", "svg.fonttype": "none", "font.size": 8}):
        width, height = SIZE_INCHES
        figure, axes = plt.subplots(1, len(panels), figsize=(width * len(panels), height), squeeze=False)
        for (panel, result), ax in zip(panels, axes[0], strict=True):
            panel(ax, result)
            ax.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _latency(ax: Axes, result: Result) -> None:
    shown = {"frame → order": result["frame_to_order_ms"], "bare order": result["bare_order_ms"]}
    for place, quantile in enumerate(("p50", "p99")):
        ax.bar(
            [at + place * 0.4 for at in range(len(shown))],
            [each[quantile] for each in shown.values()],
            width=0.38,
            label=quantile,
        )
    ax.set_xticks([at + 0.2 for at in range(len(shown))], list(shown))
    ax.set_title("closing frame → order bytes, ms")
    ax.legend(frameon=False)


def _memory(ax: Axes, result: Result) -> None:
    ordered = sorted(result["by_process_mib"].items(), key=lambda each: -each[1])
    base = 0.0
    for name, mib in ordered:
        ax.bar(["all processes"], [mib], bottom=base, width=0.5)
        if mib > 10:
            ax.text(0, base + mib / 2, f"{name} {mib:.0f}", ha="center", va="center", color="white")
        base += mib
    ax.axhline(result["limit_mb"] * MIB_OF_MB, linestyle="--", linewidth=0.8, color="black")
    ax.set_title("proportional memory, MiB")


def _stored(ax: Axes, result: Result) -> None:
    sizes = [int(size) for size in result["by_trades"]]
    for name in next(iter(result["by_trades"].values()))["ms"]:
        series = [each["ms"][name] for each in result["by_trades"].values()]
        ax.plot(sizes, series, marker="o", markersize=3, label=name.replace("_", " "))
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_title("with so many stored trades, ms")
    ax.legend(frameon=False, fontsize=6)


_PANELS: Mapping[str, Callable[[Axes, Result], None]] = {
    "latency": _latency,
    "memory": _memory,
    "stored": _stored,
}
