"""Real recorded markets through the whole stack: do trades close, and does the ledger equal the venue's?

`candles`: two workers on recorded 1m candles, played sixty times denser as 1s candles.
`ticks`: one worker on recorded trades, quotes and books of two symbols.
"""

import time
from pathlib import Path
from typing import Any

from bench.stack import Stack, ledger_differences, running, wait_until

CANDLE_SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT"
TICK_SYMBOLS = "BTCUSDT,ETHUSDT"
FIGURES = """
    select w.name, count(*), sum(t.realised_pnl > 0), sum(cast(t.realised_pnl as real)),
           sum(cast(t.fees as real)), sum(t.unprotected_s), max(t.unprotected_s)
    from trading_trade t join trading_worker w on w.id = t.worker_id
    where t.state = 'CLOSED' group by w.name
"""


def measure(*, data: Path, market: str, minutes: float = 10.0) -> dict[str, Any]:
    """Trade for so long, then stop entries, leave what is held, and compare the ledgers per asset."""
    symbols = CANDLE_SYMBOLS if market == "candles" else TICK_SYMBOLS
    options = ["--market", market, "--data", str(data / market), "--symbols", symbols]
    if market == "candles":
        options += ["--speed", "60"]
    with running(*options) as stack:
        stack.delete_starters()
        _create_workers(stack, market, symbols)
        began = time.monotonic()
        while time.monotonic() - began < minutes * 60:
            time.sleep(5)
        stack.manage("kill", "--level", "flatten")

        def is_flat() -> bool:
            """no open trade and no unknown order"""
            stack.manage("reconcile", "--json")
            status = stack.status()
            return not status["open_trades"] and not status["orders"].get("SUBMITTED")

        wait_until(is_flat, limit_s=60, every_s=1)
        return _report(stack)


def _create_workers(stack: Stack, market: str, symbols: str) -> None:
    common = ("--symbols", symbols, "--interval", "1s", "--trade-notional", "100", "--budget", "1000")
    stack.create_worker(
        "dips",
        *("--strategy", "DIP_REVERSION", *common, "--take-profit-bps", "40", "--stop-loss-bps", "60"),
        *(
            "--max-hold-s",
            "90",
            "--max-spread-bps",
            "30",
            "--param",
            "z_entry=1.5",
            "--param",
            "rsi_entry=45",
        ),
        *("--param", "reward_bps=2", "--param", "trend_fall_bps=500"),
        *(() if market == "candles" else ("--param", "z_length=20", "--param", "trend_length=10")),
    )
    if market == "candles":
        stack.create_worker(
            "trends",
            *("--strategy", "TREND_BREAKOUT", *common, "--take-profit-bps", "60", "--stop-loss-bps", "50"),
            *("--trailing-bps", "45", "--max-hold-s", "120", "--max-spread-bps", "30"),
            *("--param", "channel_length=30", "--param", "trend_rise_bps=1", "--param", "atr_min_bps=1"),
            *("--param", "volume_ratio=0"),
        )


def _report(stack: Stack) -> dict[str, Any]:
    names = ("worker", "closed", "wins", "pnl", "fees", "unprotected_s", "longest_unprotected_s")
    return {
        "workers": [dict(zip(names, row, strict=True)) for row in stack.rows(FIGURES)],
        "ledger_differences": ledger_differences(stack),
        "assets_compared": len(stack.ask_venue("/paper/ledger")["balances"]),
        "fills": stack.rows("select count(*) from trading_fill")[0][0],
        "venue_fills": len(stack.ask_venue("/paper/ledger")["fills"]),
    }
