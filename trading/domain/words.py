"""What the codes of decisions and exits mean in plain words, and at which stage of a decision each is said.

Called by monitoring for the pages that answer "why did it (not) trade?". Pure. A code that is added without
its words fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from trading.domain.risk import DenialCode
from trading.domain.signal_model import CHANCE_TOO_LOW
from trading.domain.signals import ENTRY, WARMING_UP
from trading.domain.trades import ExitReason


class Stage(StrEnum):
    """The questions that a decision passes, in the order of the funnel that operators are shown."""

    SYMBOL = "SYMBOL"  # is it free to be traded: not held, not resting, open on the venue
    DATA = "DATA"  # are candles and quote there, whole and fresh
    SIGNAL = "SIGNAL"  # does the strategy want it
    ACCOUNT = "ACCOUNT"  # may the account enter
    SPREAD = "SPREAD"  # are bid and ask near enough
    RISK = "RISK"  # is the symbol calm enough beside what is open
    BUDGET = "BUDGET"  # has the worker room and money
    ORDER = "ORDER"  # an order was sent


STAGE_WORDS: Mapping[Stage, str] = {
    Stage.SYMBOL: "Symbol is free",
    Stage.DATA: "Data is fresh",
    Stage.SIGNAL: "Strategy wants it",
    Stage.ACCOUNT: "Account allows it",
    Stage.SPREAD: "Spread is narrow enough",
    Stage.RISK: "Risk is bearable",
    Stage.BUDGET: "Worker has room and money",
    Stage.ORDER: "Order",
}

_DENIALS: Mapping[DenialCode, tuple[Stage, str]] = {
    DenialCode.TRADING_REDUCING: (Stage.ACCOUNT, "Trading is set to exits only."),
    DenialCode.TRADING_HALTED: (Stage.ACCOUNT, "Trading is halted."),
    DenialCode.DAILY_LOSS_REACHED: (Stage.ACCOUNT, "The account lost as much today as its limit allows."),
    DenialCode.STAGE_WORKERS: (
        Stage.ACCOUNT,
        "The stage of the rollout lets few workers hold trades at once; it waits for its turn.",
    ),
    DenialCode.ACCOUNT_EXPOSURE_FULL: (Stage.ACCOUNT, "The account would have more at risk than its limit."),
    DenialCode.SYMBOL_EXPOSURE_FULL: (Stage.ACCOUNT, "The symbol would have more at risk than its limit."),
    DenialCode.USER_STREAM_DOWN: (
        Stage.ACCOUNT,
        "The venue's reports about our orders do not arrive, so no entry is risked.",
    ),
    DenialCode.SYMBOL_NOT_TRADING: (Stage.SYMBOL, "The venue takes no orders for the symbol now."),
    DenialCode.SYMBOL_BUSY: (Stage.SYMBOL, "A trade is open on the symbol already."),
    DenialCode.SYMBOL_COOLDOWN: (Stage.SYMBOL, "The worker rests on the symbol after its last trade."),
    DenialCode.CANDLES_SHORT: (Stage.DATA, "There are not enough candles yet."),
    DenialCode.CANDLE_STALE: (Stage.DATA, "The candle came too late to act on."),
    DenialCode.CANDLE_GAP: (Stage.DATA, "Candles are missing in between."),
    DenialCode.QUOTE_MISSING: (Stage.DATA, "There is no bid and ask."),
    DenialCode.QUOTE_STALE: (Stage.DATA, "Bid and ask are too old."),
    DenialCode.QUOTE_INSANE: (Stage.DATA, "Bid and ask make no sense together."),
    DenialCode.SPREAD_WIDE: (Stage.SPREAD, "Bid and ask are too far apart."),
    DenialCode.RISK_TOO_HIGH: (Stage.RISK, "The symbol's risk score is above what the worker enters."),
    DenialCode.WORKER_TRADES_FULL: (Stage.BUDGET, "The worker has as many open trades as it may."),
    DenialCode.WORKER_BUDGET_SPENT: (Stage.BUDGET, "The worker's budget is bound in its open trades."),
    DenialCode.BALANCE_UNKNOWN: (Stage.BUDGET, "What the account has to spend is not known."),
    DenialCode.BALANCE_SHORT: (Stage.BUDGET, "The account has too little to spend."),
    DenialCode.NOTIONAL_BELOW_MINIMUM: (Stage.BUDGET, "The amount is below what the venue takes."),
}

_REASONS: Mapping[str, tuple[Stage, str]] = {
    ENTRY: (Stage.ORDER, "Every condition held: it bought."),
    WARMING_UP: (Stage.DATA, "The figures need more candles first."),
    "DIP_TOO_SHALLOW": (Stage.SIGNAL, "The price is not far enough below its mean."),
    "RSI_TOO_HIGH": (Stage.SIGNAL, "Selling is not exhausted: the relative strength index is too high."),
    "REWARD_TOO_SMALL": (Stage.SIGNAL, "The way back to the mean is too short to pay the fees."),
    "TREND_FALLING": (Stage.SIGNAL, "The trend is falling."),
    "VOLUME_ABNORMAL": (Stage.SIGNAL, "Volume is out of the ordinary: that is news, not noise."),
    "NO_BREAKOUT": (Stage.SIGNAL, "The price is not above its range."),
    "BREAKOUT_STALE": (Stage.SIGNAL, "The price was above its range before: the break is not new."),
    "TREND_WEAK": (Stage.SIGNAL, "The trend does not rise enough."),
    "VOLATILITY_TOO_LOW": (Stage.SIGNAL, "The price moves too little to pay the fees."),
    "VOLATILITY_TOO_HIGH": (Stage.SIGNAL, "The price moves so much that a stop is only luck."),
    "VOLUME_TOO_LOW": (Stage.SIGNAL, "Too little is traded."),
    "NOT_QUIET_BEFORE": (Stage.SIGNAL, "The price was not quiet before."),
    "NO_RELEASE": (Stage.SIGNAL, "The price has not broken out of its quiet."),
    "RELEASE_TOO_SMALL": (Stage.SIGNAL, "The move out of the quiet is too small to pay the fees."),
    "STRENGTH_LOW": (Stage.SIGNAL, "The rise is weak against its noise."),
    "STRENGTH_STALE": (Stage.SIGNAL, "The rise was strong one candle before: it is not new."),
    "RISE_UNSTEADY": (Stage.SIGNAL, "The rise is unsteady."),
    "RISE_TOO_SMALL": (Stage.SIGNAL, "The rise is too small."),
    "RISE_OVER": (Stage.SIGNAL, "The price fell too far from the top of its rise."),
    "TREND_TURNED": (Stage.SIGNAL, "The fast mean is not above the slow one: the trend has turned."),
    "NO_FALL_BEFORE": (Stage.SIGNAL, "There was no fall to recover from."),
    "NO_RECOVERY": (Stage.SIGNAL, "The price does not recover yet."),
    "FALL_TOO_DEEP": (Stage.SIGNAL, "The price fell too deep below its slow mean."),
    "FALL_USUAL": (Stage.SIGNAL, "The fall is not out of the ordinary."),
    "FALL_TOO_SMALL": (Stage.SIGNAL, "The fall is too small."),
    CHANCE_TOO_LOW: (Stage.SIGNAL, "The model gives it too small a chance to pay after costs."),
    "NO_REJECTION": (Stage.SIGNAL, "The candle did not close near its top: nobody bought the fall."),
}

DECISION_WORDS: Mapping[str, str] = {
    **{code.value: words for code, (_, words) in _DENIALS.items()},
    **{code: words for code, (_, words) in _REASONS.items()},
}

EXIT_WORDS: Mapping[str, str] = {
    ExitReason.TAKE_PROFIT.value: "It reached its target.",
    ExitReason.STOP_LOSS.value: "It fell to its stop.",
    ExitReason.TRAILING.value: "It fell back to the stop that had followed it.",
    ExitReason.MAX_HOLD.value: "It was held for as long as the worker holds.",
    ExitReason.DRAIN.value: "The worker was drained.",
    ExitReason.FLATTEN.value: "Everything was sold by the kill switch or a flattened worker.",
    ExitReason.UNPROTECTED.value: "It could not be protected, so it was sold at market.",
    ExitReason.MANUAL.value: "It was sold by hand.",
    ExitReason.DUST.value: "What was bought is too small to sell.",
    ExitReason.EXTERNAL.value: "Somebody else took it from the account.",
    ExitReason.LATE.value: "It was bought after it had been given up, so it was sold again.",
}


def stage_of(code: str) -> Stage:
    """Give the stage at which a decision with this code ended; a code that nobody knows is the strategy's."""
    if code in _REASONS:
        return _REASONS[code][0]
    return _DENIALS[DenialCode(code)][0] if code in set(DenialCode) else Stage.SIGNAL


def decision_words(code: str) -> str:
    """Say in a sentence what a decision's code means; a code without words speaks for itself."""
    return DECISION_WORDS.get(code, code.replace("_", " ").capitalize() + ".")
