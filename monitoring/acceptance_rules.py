"""The criteria, numbered, and how each is judged from what was measured. Pure: evidence in, verdicts out.

Nothing here knows a result. What is not measured is neither met nor failed: it is not enough data, and the
row says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from monitoring import acceptance_operations as operated
from monitoring.verdicts import Measured, Verdict
from monitoring.verdicts import judged as _is
from monitoring.verdicts import missing as _missing
from trading.domain.operations import Operations

HALF_HOUR_S = 1800.0
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
NEEDED_TRADES = 100
NEEDED_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured; None = not measured. Seconds, MB, milliseconds, ratios from 0 to 1."""

    seen_s: float = 0.0
    spanned_s: float = 0.0
    up_s: float = 0.0
    error_ratio: float | None = None
    memory_max_mb: float | None = None
    memory_growth_mb_h: float | None = None
    exceptions: float | None = None
    trades: int = 0
    win_rate: float | None = None
    win_rate_low: float | None = None
    win_rate_high: float | None = None
    profit_factor: float | None = None
    signal_ms: Sequence[float] = ()
    conflicts: int | None = None
    closed_recently: int = 0
    unprotected_exits: int = 0
    unprotected_s: Sequence[float] = ()
    requests_max_1m: float | None = None
    blocked_s: float | None = None
    feed_up: float | None = None
    user_stream_up: float | None = None
    cache_hit_ratio: float | None = None
    latency_ms: float | None = None
    requests_mean_1m: float | None = None
    symbols: float | None = None
    exports: int | None = None
    exports_wrong: int = 0
    blacklisted: int = 0
    challenges: Mapping[str, int] = field(default_factory=dict)  # by what became of them, in words
    challenges_decided: int = 0
    challenges_unproven: int = 0  # decided without evidence
    alerts_seen: int = 0
    alerts_unseen_by_health: int = 0
    told_after_s: Sequence[float] = ()
    rows_kept: int | None = None
    rows_allowed: int = 0
    reports_due: int = 0
    reports_made: int = 0
    week_s: float = 0.0
    week_score_min: float | None = None
    week_critical: int = 0
    operations: Operations | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the table."""

    id: str
    what: str
    target: str
    judge: Callable[[Evidence], Measured]


@dataclass(frozen=True, slots=True)
class Row:
    """A criterion with what it came to."""

    id: str
    criterion: str
    target: str
    measured: str
    window: str
    verdict: str
    missing: str


def quantile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that `share` of the values do not exceed."""
    return sorted(values)[max(ceil(share * len(values)) - 1, 0)]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"


def _uptime(found: Evidence) -> Measured:
    if not found.spanned_s:
        return _missing("no sample of the watch yet")
    down_s = max(found.spanned_s - found.up_s, 0.0)
    value, window = f"{1 - down_s / found.spanned_s:.4%}, down {down_s:.0f} s", _hours(found.spanned_s)
    if down_s > DAY_S * 0.0005:
        return Measured(value, Verdict.NOT_MET, window)
    if found.spanned_s < DAY_S * 0.999:
        return _missing("samples of 24 hours", value, window)
    return Measured(value, Verdict.MET, window)


def _sampled(
    name: str, text: Callable[[float], str], is_met: Callable[[float], bool]
) -> Callable[[Evidence], Measured]:
    """Make a judge of one sampled figure, which needs half an hour of samples to be met."""

    def judge(found: Evidence) -> Measured:
        value: float | None = getattr(found, name)
        if value is None:
            return _missing(f"no sample of {name.replace('_', ' ')}", window=_hours(found.seen_s))
        if is_met(value) and found.seen_s < HALF_HOUR_S:
            return _missing("samples of half an hour", text(value), _hours(found.seen_s))
        return _is(is_met(value), text(value), _hours(found.seen_s))

    return judge


def _memory(found: Evidence) -> Measured:
    value = found.memory_max_mb
    if value is None:
        return _missing("no sample of memory")
    growth = found.memory_growth_mb_h
    grown = "growth not known yet" if growth is None else f"grows {growth:+.1f} MB an hour"
    text, window = f"at most {value:.0f} MB PSS, {grown}", _hours(found.seen_s)
    if value >= 250 or (growth is not None and growth > 5):
        return Measured(text, Verdict.NOT_MET, window)
    if growth is None or found.seen_s < 3600:
        return _missing("an hour of samples for the trend", text, window)
    return Measured(text, Verdict.MET, window)


def _wins(found: Evidence) -> Measured:
    rate, factor = found.win_rate, found.profit_factor
    if rate is None:
        return _missing(f"{NEEDED_TRADES} closed trades, there are {found.trades}", window="all trades")
    shown = "no loss yet" if factor is None else f"{factor:.2f}"
    interval = f"95 %: {found.win_rate_low:.1%} to {found.win_rate_high:.1%}"
    text = f"{rate:.1%} won ({interval}), profit factor {shown}, {found.trades} trades"
    if found.trades < NEEDED_TRADES:
        return _missing(f"{NEEDED_TRADES} closed trades", text, "all trades")
    return _is(rate > 0.5 and (factor is None or factor > 1), text, "all trades")


def _signal(found: Evidence) -> Measured:
    values = found.signal_ms
    if not values:
        return _missing("entries with both moments", window="24 h")
    mean, worst = sum(values) / len(values), quantile(values, 0.99)
    text = f"p99 {worst:.1f} ms, mean {mean:.1f} ms, {len(values)} entries"
    if len(values) < NEEDED_ENTRIES:
        return _missing(f"{NEEDED_ENTRIES} entries", text, "24 h")
    return _is(worst < 50, text, "24 h")


def _conflicts(found: Evidence) -> Measured:
    if found.conflicts is None or not found.closed_recently:
        return _missing("closed trades", window="24 h")
    return _is(found.conflicts == 0, f"{found.conflicts} in {found.closed_recently} trades", "24 h")


def _protection(found: Evidence) -> Measured:
    values = found.unprotected_s
    if not values:
        return _missing("trades that held something", window="24 h")
    worst = quantile(values, 0.99)
    text = (
        f"p99 {worst:.3f} s, longest {max(values):.3f} s, {found.unprotected_exits} of "
        f"{found.closed_recently} left unprotected"
    )
    if worst >= 1 or found.unprotected_exits:
        return Measured(text, Verdict.NOT_MET, "24 h")
    if len(values) < NEEDED_ENTRIES:
        return _missing(f"{NEEDED_ENTRIES} trades", text, "24 h")
    return Measured(text, Verdict.MET, "24 h")


def _requests(found: Evidence) -> Measured:
    if found.requests_max_1m is None:
        return _missing("no sample of requests")
    blocked_s = found.blocked_s or 0.0
    text, window = (
        f"at most {found.requests_max_1m:.0f} a minute, blocked {blocked_s:.0f} s",
        _hours(found.seen_s),
    )
    if found.requests_max_1m > 600 or blocked_s > 0:
        return Measured(text, Verdict.NOT_MET, window)
    if found.blocked_s is None or found.seen_s < HALF_HOUR_S:
        return _missing("half an hour of samples that tell of 429 and 418", text, window)
    return Measured(text, Verdict.MET, window)


def _streams(found: Evidence) -> Measured:
    feed, user_stream = found.feed_up, found.user_stream_up
    if feed is None or user_stream is None:
        return _missing("no sample of the streams")
    text, window = f"feed {feed:.3%}, user stream {user_stream:.3%}", _hours(found.seen_s)
    is_met = min(feed, user_stream) > 0.999
    if is_met and found.seen_s < HALF_HOUR_S:
        return _missing("samples of half an hour", text, window)
    return _is(is_met, text, window)


def _exports(found: Evidence) -> Measured:
    if found.exports is None:
        return _missing("nothing was exported")
    text = f"{found.exports - found.exports_wrong} of {found.exports} kinds read back as CSV and JSON"
    return _is(found.exports_wrong == 0, text, "now")


def _blacklist(found: Evidence) -> Measured:
    if not found.blacklisted:
        return _missing("no symbol was barred by evidence yet", window="all")
    return _is(is_met=True, value=f"{found.blacklisted} barred with evidence and expiry", window="all")


def _adaptation(found: Evidence) -> Measured:
    if not found.challenges:
        return _missing("no challenge was begun yet: is tuning on for any worker?", window="all")
    text = ", ".join(f"{number} {what}" for what, number in found.challenges.items())
    if not found.challenges_decided:
        return _missing("a challenge that is decided", text, "all")
    unproven = f"; {found.challenges_unproven} decided without evidence" if found.challenges_unproven else ""
    return _is(found.challenges_unproven == 0, f"{text}{unproven}", "all")


def _accuracy(found: Evidence) -> Measured:
    if not found.alerts_seen:
        return _missing("no alert was raised yet: nothing to compare the score with", window="7 days")
    text = f"{found.alerts_unseen_by_health} of {found.alerts_seen} alerts left the score at 100"
    return _is(found.alerts_unseen_by_health == 0, text, "7 days")


def _told(found: Evidence) -> Measured:
    values = found.told_after_s
    if not values:
        return _missing("no critical alert was sent yet (is NOTIFY_URLS set?)", window="7 days")
    text = f"longest {max(values):.1f} s from finding to channel, {len(values)} critical alerts"
    return _is(max(values) < 5, text, "7 days")


def _reduction(found: Evidence) -> Measured:
    if found.requests_mean_1m is None or not found.symbols:
        return _missing("no sample of requests and symbols")
    polling = 60 * found.symbols
    share = 1 - found.requests_mean_1m / polling
    text = (
        f"{share:.2%}: {found.requests_mean_1m:.1f} a minute against {polling:.0f} "
        f"of polling {found.symbols:.0f} symbols once a second"
    )
    return _is(share > 0.99, text, _hours(found.seen_s))


def _bounded(found: Evidence) -> Measured:
    if found.rows_kept is None:
        return _missing("no sample yet")
    text = f"{found.rows_kept} rows of samples and reports, at most {found.rows_allowed}"
    return _is(found.rows_kept <= found.rows_allowed, text, "now")


def _reports(found: Evidence) -> Measured:
    if not found.reports_due:
        return _missing("the first full hour", window="24 h")
    text = f"{found.reports_made} of {found.reports_due} due reports"
    return _is(found.reports_made >= found.reports_due, text, "24 h")


def _success(found: Evidence) -> Measured:
    if found.week_score_min is None:
        return _missing("no sample yet", window="7 days")
    text = (
        f"lowest mean health of an hour {found.week_score_min:.0f}, {found.week_critical} critical alerts, "
        f"{found.trades} trades, {found.week_s / DAY_S:.1f} days"
    )
    if found.week_score_min <= 80 or found.week_critical:
        return Measured(text, Verdict.NOT_MET, "7 days")
    if found.week_s < WEEK_S * 0.99 or found.trades < NEEDED_TRADES:
        return _missing(f"7 days of samples and {NEEDED_TRADES} trades", text, "7 days")
    win_rate = found.win_rate or 0.0
    return _is(win_rate > 0.45 and not found.blocked_s, f"{text}, {win_rate:.1%} won", "7 days")


def _operated(judge: Callable[[Operations], Measured]) -> Callable[[Evidence], Measured]:
    def judged(found: Evidence) -> Measured:
        return judge(found.operations) if found.operations else _missing("nothing was read")

    return judged


def _never(what: str) -> Callable[[Evidence], Measured]:
    return lambda _found: _missing(what)


CRITERIA = (
    Criterion("R1", "Uptime over 24 h", ">= 99.95 %", _uptime),
    Criterion(
        "R2", "API error rate in normal operation", "< 0.1 %",
        _sampled("error_ratio", lambda value: f"{value:.3%}", lambda value: value < 0.001),
    ),
    Criterion("R3", "Memory of the whole stack", "< 250 MB PSS, no growth over hours", _memory),
    Criterion(
        "R4", "Unhandled exceptions in any process", "0",
        _sampled("exceptions", lambda value: f"{value:.0f}", lambda value: value == 0),
    ),
    Criterion("T1", "Win rate over 100+ trades", "> 50 %, profit factor > 1 after fees", _wins),
    Criterion("T2", "Signal to order", "p99 < 50 ms", _signal),
    Criterion("T3", "Double trades or position conflicts", "0", _conflicts),
    Criterion("T4", "Stops and targets execute; unprotected after a fill", "p99 < 1 s, all", _protection),
    Criterion("A1", "Requests within the limits", "<= 600 a minute, 0 x 429, 0 x 418", _requests),
    Criterion("A2", "WebSocket uptime", "> 99.9 %", _streams),
    Criterion(
        "A3", "Prices served from cache or stream", "> 99.9 %",
        _sampled("cache_hit_ratio", lambda value: f"{value:.3%}", lambda value: value > 0.999),
    ),
    Criterion(
        "A4", "API response time, mean", "< 500 ms",
        _sampled("latency_ms", lambda value: f"{value:.1f} ms", lambda value: value < 500),
    ),
    Criterion("U1", "Dashboard page load", "< 500 ms", _never("a browser's measurement is not stored")),
    Criterion("U2", "Everything works on a phone", "every act at 375 px", _never("no stored run of it")),
    Criterion("U3", "Delay of live prices", "p99 < 250 ms", _never("a browser's measurement is not stored")),
    Criterion("U4", "CSV and JSON export", "every kind reads back", _exports),
    Criterion("I1", "Poor performers are barred by evidence", "works", _blacklist),
    Criterion("I2", "Conditions adapt to performance", "by evidence", _adaptation),
    Criterion("I3", "Health score is accurate", "each alert lowered it", _accuracy),
    Criterion("I4", "Critical issues are flagged", "< 5 s, once", _told),
    Criterion("D1", "Backup before a deployment", "verified by restoring", _operated(operated.backup)),
    Criterion("D2", "Environment is validated", "doctor finds nothing", _operated(operated.environment)),
    Criterion("D3", "Gradual rollout", "stages are enforced", _operated(operated.stages)),
    Criterion("D4", "Drain all workers", "from the dashboard", _operated(operated.drains)),
    Criterion("D5", "Validated after a deployment", "five steps pass", _operated(operated.validation)),
    Criterion("D6", "Rollback below health 70", "automatic halt", _operated(operated.halts)),
    Criterion("P1", "Requests saved by streams", "> 99 % against polling", _reduction),
    Criterion("P2", "Bounded collections", "retention by policy", _bounded),
    Criterion("P3", "Hourly, daily and weekly reviews", "all made", _reports),
    Criterion("S1", "7 days with health > 80, 100+ trades, no critical failure", "all of it", _success),
)  # fmt: skip


def judge_all(found: Evidence) -> list[Row]:
    """Judge every criterion."""
    rows = []
    for criterion in CRITERIA:
        measured = criterion.judge(found)
        rows.append(
            Row(
                criterion.id,
                criterion.what,
                criterion.target,
                measured.value,
                measured.window,
                measured.verdict.value,
                measured.missing,
            )
        )
    return rows
