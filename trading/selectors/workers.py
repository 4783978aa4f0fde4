"""Reads about workers: configurations, universes, and what the feed has to subscribe to."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from trading.domain.risk_score import NO_RISK_LIMIT
from trading.domain.signal_model import SignalModel, model_to_json, parse_model
from trading.domain.universe import InvalidUniverse, parse_universe, resolve, universe_to_json
from trading.domain.values import InvalidNumber, to_decimal
from trading.domain.workers import InvalidConfiguration, WorkerConfig, WorkerState, check_config
from trading.models import InstrumentRow, Trade, Worker, WorkerVersion
from trading.selectors.instruments import list_barred, list_listed
from trading.selectors.prepared import Prepared
from trading.selectors.trades import OPEN_STATE_NAMES

ActingKey = tuple[int, int | None]

_WHOLE_FIELDS = (
    "max_open_trades",
    "take_profit_bps",
    "stop_loss_bps",
    "trailing_bps",
    "max_hold_s",
    "cooldown_s",
    "max_spread_bps",
    "max_slippage_bps",
    "full_size_risk",
    "max_risk",
)
_DEFAULTS: dict[str, object] = {
    "max_open_trades": 5,
    "trailing_bps": 0,
    "cooldown_s": 0,
    "max_spread_bps": 10,
    "max_slippage_bps": 10,
    # What was written before there was a risk score goes on as it was.
    "full_size_risk": NO_RISK_LIMIT,
    "max_risk": NO_RISK_LIMIT,
    "parameters": {},
    "model": None,
}


def list_workers() -> list[Worker]:
    """Give all workers that were not deleted, by name."""
    return list(Worker.objects.filter(is_deleted=False).select_related("version").order_by("name"))


def list_acting() -> list[Worker]:
    """Give the workers that may open trades."""
    return list(
        Worker.objects.filter(state=WorkerState.ACTIVE.value, is_deleted=False)
        .select_related("version")
        .order_by("id")  # the older worker goes first where two want one symbol in one batch
    )


def list_acting_keys() -> list[ActingKey]:
    """Give who list_acting gives, as (worker, version): enough to see that nothing changed."""
    return _ACTING.rows()


def _ask_acting_keys() -> QuerySet[Worker, ActingKey]:
    acting = Worker.objects.filter(state=WorkerState.ACTIVE.value, is_deleted=False)
    return acting.order_by("id").values_list("id", "version_id")


_ACTING: Prepared[ActingKey] = Prepared(
    _ask_acting_keys, lambda worker_id, version_id: (worker_id, version_id)
)


def get_config(version: WorkerVersion) -> WorkerConfig:
    """Read a stored version as a configuration."""
    return WorkerConfig(
        strategy=version.strategy,
        parameters=version.parameters,
        interval=version.interval,
        universe=parse_universe(version.universe),
        trade_notional=version.trade_notional,
        budget=version.budget,
        model=None if version.model is None else parse_model(version.model),
        **{field: getattr(version, field) for field in _WHOLE_FIELDS},
    )


def config_to_json(config: WorkerConfig) -> dict[str, Any]:
    """Give the configuration as JSON, the inverse of parse_config."""
    return {
        "strategy": config.strategy,
        "parameters": dict(config.parameters),
        "interval": config.interval,
        "universe": universe_to_json(config.universe),
        "trade_notional": str(config.trade_notional),
        "budget": str(config.budget),
        "model": None if config.model is None else model_to_json(config.model),
        **{field: getattr(config, field) for field in _WHOLE_FIELDS},
    }


def parse_config(raw: Mapping[str, Any]) -> WorkerConfig:
    """Read and check a configuration.

    Raises:
        InvalidConfiguration: Names the first wrong field and what is allowed.
    """
    values = {**_DEFAULTS, **raw}
    unknown = set(values) - set(WorkerConfig.__dataclass_fields__)
    if unknown:
        raise InvalidConfiguration(sorted(unknown)[0], "unknown field")
    missing = set(WorkerConfig.__dataclass_fields__) - set(values)
    if missing:
        raise InvalidConfiguration(sorted(missing)[0], "is required")
    if not isinstance(values["parameters"], Mapping):
        raise InvalidConfiguration("parameters", "an object of names and numbers")
    if not isinstance(values["universe"], Mapping):
        raise InvalidConfiguration("universe", "an object with symbols or a rule")
    try:
        universe = parse_universe(values["universe"])
    except InvalidUniverse as error:
        raise InvalidConfiguration("universe", str(error)) from None
    return check_config(
        WorkerConfig(
            strategy=str(values["strategy"]),
            parameters=values["parameters"],
            interval=str(values["interval"]),
            universe=universe,
            trade_notional=_decimal("trade_notional", values["trade_notional"]),
            budget=_decimal("budget", values["budget"]),
            model=_model(values["model"]),
            **{field: _whole(field, values[field]) for field in _WHOLE_FIELDS},
        )
    )


def _decimal(field: str, value: object) -> Decimal:
    try:
        return to_decimal(str(value))
    except InvalidNumber as error:
        raise InvalidConfiguration(field, str(error)) from None


def _model(value: object) -> SignalModel | None:
    try:
        return None if value is None else parse_model(value)
    except ValueError as error:
        raise InvalidConfiguration("model", str(error)) from None


def _whole(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidConfiguration(field, "a whole number")
    return value


def resolve_universes(
    configs: Mapping[int, WorkerConfig], *, now: datetime, barred: Collection[str] | None = None
) -> dict[int, list[str]]:
    """Give the symbols of each configuration by its key, from one read of the instruments."""
    listed = list_listed()
    off = list_barred(now=now) if barred is None else barred
    return {key: resolve(config.universe, listed, barred=off, now=now) for key, config in configs.items()}


def list_subscriptions(*, now: datetime) -> set[tuple[str, str]]:
    """Give (symbol, interval) of everything that acting workers and open trades need.

    Open trades are followed with the interval of the version that they were opened with, also when
    their worker stopped, was changed, or when the symbol is barred by now.
    """
    workers = list_acting()
    configs = {worker.id: get_config(worker.version) for worker in workers if worker.version}
    wanted = {
        (symbol, configs[worker_id].interval)
        for worker_id, symbols in resolve_universes(configs, now=now).items()
        for symbol in symbols
    }
    wanted |= set(_open_subscriptions())
    return wanted | _fee_subscriptions(wanted)


def _fee_subscriptions(wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Give the symbols that tell what a third asset is worth that pays the fees of the wanted ones."""
    intervals = dict(wanted)  # any of a symbol's intervals: its quotes are what is needed
    rows = InstrumentRow.objects.filter(symbol__in=intervals).exclude(discount_asset="")
    paying = {(row.discount_asset, row.quote_asset): intervals[row.symbol] for row in rows}
    prices = InstrumentRow.objects.filter(base_asset__in={asset for asset, _ in paying})
    return {
        (symbol, paying[base, quote])
        for symbol, base, quote in prices.values_list("symbol", "base_asset", "quote_asset")
        if (base, quote) in paying
    }


def _open_subscriptions() -> Sequence[tuple[str, str]]:
    rows = Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("symbol", "version__interval")
    return list(rows)
