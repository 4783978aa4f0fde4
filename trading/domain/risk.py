"""Limits before an entry: trading state, denial codes, and the one check that every entry passes.

Called by services.cycle; pure. A denial is an answer, not an error: it carries a code and the facts.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.domain.instrument import Instrument
from trading.domain.market import Quote, spread_bps
from trading.domain.risk_score import NO_RISK_LIMIT, RiskScore
from trading.domain.values import ZERO, to_text


class TradingState(StrEnum):
    """What the whole account may do."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"  # exits only
    HALTED = "HALTED"  # exits only, and working entries are cancelled


class DenialCode(StrEnum):
    """Every way in which a worker can be refused a trade."""

    TRADING_REDUCING = "TRADING_REDUCING"
    TRADING_HALTED = "TRADING_HALTED"
    DAILY_LOSS_REACHED = "DAILY_LOSS_REACHED"
    STAGE_WORKERS = "STAGE_WORKERS"
    ACCOUNT_EXPOSURE_FULL = "ACCOUNT_EXPOSURE_FULL"
    SYMBOL_EXPOSURE_FULL = "SYMBOL_EXPOSURE_FULL"
    SYMBOL_NOT_TRADING = "SYMBOL_NOT_TRADING"
    SYMBOL_BUSY = "SYMBOL_BUSY"
    SYMBOL_COOLDOWN = "SYMBOL_COOLDOWN"
    CANDLES_SHORT = "CANDLES_SHORT"
    CANDLE_STALE = "CANDLE_STALE"
    CANDLE_GAP = "CANDLE_GAP"
    QUOTE_MISSING = "QUOTE_MISSING"
    QUOTE_STALE = "QUOTE_STALE"
    QUOTE_INSANE = "QUOTE_INSANE"
    SPREAD_WIDE = "SPREAD_WIDE"
    RISK_TOO_HIGH = "RISK_TOO_HIGH"
    WORKER_TRADES_FULL = "WORKER_TRADES_FULL"
    WORKER_BUDGET_SPENT = "WORKER_BUDGET_SPENT"
    BALANCE_UNKNOWN = "BALANCE_UNKNOWN"
    BALANCE_SHORT = "BALANCE_SHORT"
    USER_STREAM_DOWN = "USER_STREAM_DOWN"
    NOTIONAL_BELOW_MINIMUM = "NOTIONAL_BELOW_MINIMUM"


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal of ours, with the figure that decided it and the limit it met."""

    code: DenialCode
    value: str = ""
    limit: str = ""

    def __str__(self) -> str:
        facts = f" ({self.value} against {self.limit})" if self.value or self.limit else ""
        return f"{self.code}{facts}"


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What all workers together may risk in one quote asset; None = no limit."""

    max_exposure: Decimal | None = None
    max_symbol_exposure: Decimal | None = None
    max_daily_loss: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AtRisk:
    """What the account has at risk in one quote asset, and what it lost since 00:00 UTC (never negative)."""

    exposure: Decimal = ZERO
    symbol_exposure: Decimal = ZERO
    daily_loss: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What is known at the moment of an entry. Amounts in the quote asset, ages in seconds."""

    state: TradingState
    instrument: Instrument
    quote: Quote | None
    now: datetime
    user_stream_is_up: bool
    symbol_is_busy: bool
    cooldown_until: datetime | None
    open_trades: int
    bound_notional: Decimal
    free_quote: Decimal | None
    at_risk: AtRisk = AtRisk()
    other_workers: int = 0  # that hold trades now
    risk: RiskScore | None = None  # None: not worked out, for there is no quote
    may_add: bool = True  # False: others wait for the place, so no further trade before this worker is flat


@dataclass(frozen=True, slots=True)
class EntryLimits:
    """What a worker's version, the account's limits and the settings allow."""

    max_quote_age_s: float
    max_spread_bps: int
    max_open_trades: int
    budget: Decimal
    trade_notional: Decimal
    account: AccountLimits = AccountLimits()
    max_risk: int = NO_RISK_LIMIT
    max_workers: int | None = None  # that may hold trades at once, by the stage


def check_entry(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    """Give the first reason against an entry, or None.

    The order goes from the account to the symbol to the worker, so that the operator reads the
    widest reason first.
    """
    return (
        _check_account(facts, limits)
        or _check_stage(facts, limits)
        or _check_symbol(facts, limits)
        or _check_market(facts, limits)
        or _check_risk(facts, limits)
        or _check_worker(facts, limits)
    )


def _check_account(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    if facts.state is TradingState.HALTED:
        return Denial(DenialCode.TRADING_HALTED)
    if facts.state is TradingState.REDUCING:
        return Denial(DenialCode.TRADING_REDUCING)
    if not facts.user_stream_is_up:
        return Denial(DenialCode.USER_STREAM_DOWN)
    most = limits.account.max_daily_loss
    if most is not None and facts.at_risk.daily_loss >= most:
        return Denial(DenialCode.DAILY_LOSS_REACHED, to_text(facts.at_risk.daily_loss), to_text(most))
    return _check_exposure(
        DenialCode.ACCOUNT_EXPOSURE_FULL, facts.at_risk.exposure, limits.account.max_exposure, limits
    )


def _check_stage(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    """Refuse what the stage of the rollout does not allow yet; sizes are cut to it before (StageLimits)."""
    most = limits.max_workers
    if most is not None and facts.other_workers >= most:
        return Denial(DenialCode.STAGE_WORKERS, f"{facts.other_workers} others hold trades", str(most))
    if facts.open_trades and not facts.may_add:
        return Denial(DenialCode.STAGE_WORKERS, "it is another worker's minute", str(most))
    return None


def _check_exposure(
    code: DenialCode, exposure: Decimal, most: Decimal | None, limits: EntryLimits
) -> Denial | None:
    """Refuse what would go beyond the limit: a trade may cost its whole notional."""
    if most is None or exposure + limits.trade_notional <= most:
        return None
    return Denial(code, f"{to_text(exposure)} + {to_text(limits.trade_notional)}", to_text(most))


def _check_symbol(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    if not facts.instrument.is_trading:
        return Denial(DenialCode.SYMBOL_NOT_TRADING, facts.instrument.status, "TRADING")
    if facts.symbol_is_busy:
        return Denial(DenialCode.SYMBOL_BUSY)
    if facts.cooldown_until is not None and facts.now < facts.cooldown_until:
        return Denial(DenialCode.SYMBOL_COOLDOWN, limit=facts.cooldown_until.isoformat(timespec="seconds"))
    return _check_exposure(
        DenialCode.SYMBOL_EXPOSURE_FULL,
        facts.at_risk.symbol_exposure,
        limits.account.max_symbol_exposure,
        limits,
    )


def _check_market(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    quote = facts.quote
    if quote is None:
        return Denial(DenialCode.QUOTE_MISSING)
    age_s = quote.age_s(facts.now)
    if age_s > limits.max_quote_age_s:
        return Denial(DenialCode.QUOTE_STALE, f"{age_s:.3f} s", f"{limits.max_quote_age_s} s")
    if not quote.is_sane:
        return Denial(DenialCode.QUOTE_INSANE, f"bid {quote.bid} ask {quote.ask}", "0 < bid <= ask")
    if spread_bps(quote) > limits.max_spread_bps:
        return Denial(DenialCode.SPREAD_WIDE, f"{spread_bps(quote):.1f} bps", f"{limits.max_spread_bps} bps")
    return None


def _check_risk(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    if facts.risk is None or facts.risk.score <= limits.max_risk:
        return None
    return Denial(DenialCode.RISK_TOO_HIGH, str(facts.risk), str(limits.max_risk))


def _check_worker(facts: EntryFacts, limits: EntryLimits) -> Denial | None:
    if facts.open_trades >= limits.max_open_trades:
        return Denial(DenialCode.WORKER_TRADES_FULL, str(facts.open_trades), str(limits.max_open_trades))
    if facts.bound_notional + limits.trade_notional > limits.budget:
        return Denial(DenialCode.WORKER_BUDGET_SPENT, f"{facts.bound_notional:f}", f"{limits.budget:f}")
    if facts.free_quote is None:
        return Denial(DenialCode.BALANCE_UNKNOWN)
    if facts.free_quote < limits.trade_notional:
        return Denial(DenialCode.BALANCE_SHORT, f"{facts.free_quote:f}", f"{limits.trade_notional:f}")
    return None
