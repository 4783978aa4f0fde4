"""Bars symbols by statistics of closed trades and by facts of the market, for a while and with the evidence.

Called by `manage.py screen` and by the hourly task. Writes through trading's blacklist, where an operator
undoes it: what was lifted by hand is judged by later trades alone. A bar that runs out is not renewed by
itself: the symbol proves itself anew, and each further bar for losing lasts twice as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from intelligence.screening import (
    CANDLE_GAPS,
    LOSES,
    WINDOW,
    ClosedReturn,
    Finding,
    bar_length,
    odd_market,
    poor_performers,
)
from trading import history
from trading.domain.signals import Candles
from trading.selectors.instruments import list_barred, list_bars
from trading.selectors.trades import iter_returns
from trading.selectors.workers import list_subscriptions
from trading.services.blacklist import bar_symbol

ACTOR = "learning"
INTERVAL = "1m"


def read_markets(*, now: datetime) -> dict[str, Candles]:
    """Give the newest one-minute candles of what is traded, by symbol, as far as the feed hears them."""
    symbols = sorted({symbol for symbol, interval in list_subscriptions(now=now) if interval == INTERVAL})
    heard = {symbol: history.streamed(symbol, INTERVAL) for symbol in symbols}
    return {symbol: candles for symbol, candles in heard.items() if candles is not None}


def screen(markets: Mapping[str, Candles], *, now: datetime) -> list[Finding]:
    """Bar what deserves it and give the findings.

    Args:
        markets: Newest one-minute candles by symbol, where they are known.
    """
    former = list_bars(actor=ACTOR)
    judged_from = {each.symbol: each.lifted_at or each.expires_at or each.created_at for each in former}
    trades = (
        ClosedReturn(symbol, closed_at, float(pnl / cost) * 1e4)
        for symbol, closed_at, pnl, cost in iter_returns(since=now - WINDOW)
    )
    barred = list_barred(now=now)
    odd = (odd_market(symbol, candles) for symbol, candles in sorted(markets.items()))
    findings = _first_of_each([*poor_performers(trades, ignore_before=judged_from), *odd], barred)
    for each in findings:
        times = sum(entry.symbol == each.symbol and entry.reason == LOSES for entry in former)
        bar_symbol(
            each.symbol,
            reason=each.reason,
            actor=ACTOR,
            now=now,
            note=tell(each),
            evidence=asdict(each),
            expires_at=now + bar_length(each, times=times),
        )
    return findings


def _first_of_each(findings: Iterable[Finding | None], barred: set[str]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for each in findings:
        if each is not None and each.symbol not in barred:
            found.setdefault(each.symbol, each)
    return list(found.values())


def tell(finding: Finding) -> str:
    """Say in a line why a symbol is barred."""
    if finding.reason == LOSES:
        means = f"{finding.mean_bps:+.0f} bps each, the others {finding.others_bps:+.0f}"
        enough = f"evidence {finding.evidence:.0f}, {finding.needed:.0f} is enough"
        return f"{finding.trades} trades at {means}; {enough}"
    if finding.reason == CANDLE_GAPS:
        return f"{finding.evidence:.1%} of the newest candles are missing, {finding.needed:.0%} is too much"
    return (
        f"the last hour ranged over {finding.evidence:.0f} bps, the usual one over {finding.others_bps:.0f}"
    )
