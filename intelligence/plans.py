"""Plans for the back-tester from what the product knows: a strategy's suggestions, or a worker's version."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from intelligence.backtest import BPS, DEFAULT_WALLET, CostModel, Market, Plan
from intelligence.trade_kernel import Wallet
from trading.domain.exits import ExitTerms
from trading.domain.strategy import StrategySpec, clean_parameters, get_strategy
from trading.domain.universe import Universe
from trading.domain.workers import LIMITS, WorkerConfig, check_config


def suggested_terms(spec: StrategySpec, *, interval_s: int) -> ExitTerms:
    """Give the exits that a strategy was made for, on candles of this length."""
    exits = spec.exits
    return ExitTerms(
        float(exits.take_profit_bps),
        float(exits.stop_loss_bps),
        float(exits.trailing_bps),
        float(exits.max_hold_candles * interval_s),
    )


def plan_of_strategy(
    name: str, *, interval_s: int, costs: CostModel, changes: Mapping[str, object] | None = None
) -> Plan:
    """Give a plan with a strategy's defaults and suggested exits.

    Raises:
        ValueError: No such strategy, or a changed parameter is unknown or out of range.
    """
    spec = get_strategy(name)
    parameters = clean_parameters(spec, changes or {})
    return Plan(spec, parameters, suggested_terms(spec, interval_s=interval_s), DEFAULT_WALLET, costs)


def plan_of_worker(
    config: WorkerConfig, *, costs: CostModel, changes: Mapping[str, object] | None = None
) -> Plan:
    """Give a plan that trades as a worker's version says, its model asked; its budget is all the money.

    Raises:
        ValueError: A changed parameter is unknown or out of range.
    """
    spec = get_strategy(config.strategy)
    terms = ExitTerms(
        float(config.take_profit_bps),
        float(config.stop_loss_bps),
        float(config.trailing_bps),
        float(config.max_hold_s),
    )
    wallet = Wallet(
        trade_notional=float(config.trade_notional),
        budget=float(config.budget),
        balance=float(config.budget),
        max_open_trades=config.max_open_trades,
        cooldown_s=config.cooldown_s,
        max_slippage=config.max_slippage_bps / BPS,
        max_spread=config.max_spread_bps / BPS,
        full_size_risk=config.full_size_risk,
        max_risk=config.max_risk,
    )
    parameters = clean_parameters(spec, {**config.parameters, **(changes or {})})
    return Plan(spec, parameters, terms, wallet, costs, model=config.model)


def config_of_plan(plan: Plan, market: Market) -> WorkerConfig:
    """Give the worker that trades what the plan tests, on the symbols of a market.

    Raises:
        InvalidConfiguration: No worker can be like that.
    """
    terms, wallet = plan.terms, plan.wallet
    longest_s = terms.max_hold_s or float(LIMITS["max_hold_s"][1])
    return check_config(
        WorkerConfig(
            strategy=plan.spec.name,
            parameters=plan.parameters,
            interval=market.histories[0].interval,
            universe=Universe(symbols=market.symbols),
            trade_notional=Decimal(str(wallet.trade_notional)),
            budget=Decimal(str(wallet.budget)),
            max_open_trades=wallet.max_open_trades,
            take_profit_bps=round(terms.take_profit_bps),
            stop_loss_bps=round(terms.stop_loss_bps),
            trailing_bps=round(terms.trailing_bps),
            max_hold_s=round(longest_s),
            cooldown_s=wallet.cooldown_s,
            max_spread_bps=round(wallet.max_spread * BPS),
            max_slippage_bps=round(wallet.max_slippage * BPS),
            full_size_risk=wallet.full_size_risk,
            max_risk=wallet.max_risk,
            model=plan.model,
        )
    )
