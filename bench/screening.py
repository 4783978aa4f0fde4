"""Does the blacklist find bad symbols, and does it spare good ones?

    python -m bench screening

Accounts of twelve symbols whose trades win and lose alike, looked at after every day for ninety days; in half
of them three symbols lose 60 bps a trade more than the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from intelligence.screening import ClosedReturn, poor_performers

ACCOUNTS = 200
SYMBOLS = 12
BAD = 3
DAYS = 90
A_DAY = 1.0  # trades of a symbol, on average
WORSE_BPS = 60.0
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def measure(*, accounts: int = ACCOUNTS) -> dict[str, Any]:
    """Give the share of accounts with a false ban, of bad symbols found, and the days that took."""
    false_bans, barred_good, found_days = 0, 0, []
    for seed in range(accounts):
        bad = set(range(BAD)) if seed % 2 else set()
        barred = _live(np.random.default_rng(seed), bad)
        wrong = [number for number in barred if number not in bad]
        false_bans += bool(wrong)
        barred_good += len(wrong)
        found_days += [day for number, day in barred.items() if number in bad]
    bad_symbols = accounts // 2 * BAD
    good_symbols = accounts * SYMBOLS - bad_symbols
    return {
        "accounts": accounts,
        "accounts_with_a_false_ban": round(false_bans / accounts, 4),
        "good_symbols_barred": round(barred_good / good_symbols, 4),
        "bad_symbols_found": round(len(found_days) / bad_symbols, 4),
        "median_days_to_find": float(np.median(found_days)),
    }


def _live(random: np.random.Generator, bad: set[int]) -> dict[int, int]:
    """Live through the days; give the day on which each symbol was barred."""
    trades: list[ClosedReturn] = []
    barred: dict[int, int] = {}
    for day in range(DAYS):
        for number in range(SYMBOLS):
            if number in barred:
                continue
            for _ in range(random.poisson(A_DAY)):
                won = random.random() < 0.55
                bps = random.normal(80.0, 20.0) if won else random.normal(-95.0, 25.0)
                bps -= WORSE_BPS if number in bad else 0.0
                trades.append(ClosedReturn(str(number), BEGIN + timedelta(days=day), bps))
        for finding in poor_performers(trades):
            barred.setdefault(int(finding.symbol), day)
    return barred
