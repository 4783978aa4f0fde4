"""The form of a worker: every field and every strategy parameter explained, wrong input told at its field.

Used by trading.admin.workers, which saves through services. The form only reads and checks; the rules
themselves are those of trading.domain.workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from trading.domain.market import INTERVAL_S
from trading.domain.risk_score import FULL_SIZE_RISK, LEAST_SIZE_PERCENT, MAX_RISK
from trading.domain.signal_model import SignalModel
from trading.domain.signals import Parameter
from trading.domain.strategy import STRATEGIES
from trading.domain.universe import universe_to_json
from trading.domain.workers import LIMITS, InvalidConfiguration, WorkerConfig, check_name
from trading.models import Worker
from trading.selectors.instruments import get_instruments, list_listed
from trading.selectors.workers import get_config, parse_config

BPS = "bps (1/100 of a percent)"
RISK = "points; 100 = off"
# field -> (label, what it means, unit, default)
WHOLE_FIELDS: dict[str, tuple[str, str, str, int]] = {
    "max_open_trades": ("Open trades at once", "No new entry beyond this number.", "trades", 5),
    "take_profit_bps": ("Take profit", "Distance above the entry at which it sells with gain.", BPS, 60),
    "stop_loss_bps": ("Stop loss", "Distance below the entry at which it sells with loss.", BPS, 60),
    "trailing_bps": ("Trailing stop", "Lets the stop follow the price; 0 = off, else 10 or more.", BPS, 0),
    "max_hold_s": ("Longest hold", "Sold at market after this time.", "seconds", 3600),
    "cooldown_s": ("Cooldown", "Pause on a symbol after a trade on it.", "seconds", 0),
    "max_spread_bps": ("Widest spread", "No entry where bid and ask are further apart.", BPS, 10),
    "max_slippage_bps": ("Most slippage", "The entry's limit is at most so far above the ask.", BPS, 10),
    "full_size_risk": (
        "Risk for the whole size",
        "Up to this risk score a trade has its whole size; above, it gets smaller.",
        RISK,
        FULL_SIZE_RISK,
    ),
    "max_risk": (
        "Highest risk",
        f"No entry above this risk score; at it, {LEAST_SIZE_PERCENT} % of the size is left.",
        RISK,
        MAX_RISK,
    ),
}
UNIVERSE_FIELDS = ("symbols", "quote_asset", "top", "min_quote_volume", "minimum_age_days")
CONFIG_FIELDS = ("strategy", "interval", "trade_notional", "budget", *WHOLE_FIELDS)


def parameter_field(strategy: str, parameter: str) -> str:
    """Give the form field's name of a strategy's parameter."""
    return f"p_{strategy.lower()}_{parameter}"


def _number_widget() -> Any:
    return UnfoldAdminDecimalFieldWidget(attrs={"inputmode": "decimal"})


def _parameter(parameter: Parameter) -> forms.Field:
    allowed = f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}"
    return forms.CharField(
        label=parameter.name.replace("_", " "),
        required=False,
        initial=f"{parameter.default:g}",
        help_text=f"{parameter.help} {allowed}, default {parameter.default:g}.",
        widget=_number_widget(),
    )


def _whole(field: str) -> forms.Field:
    label, meaning, unit, default = WHOLE_FIELDS[field]
    low, high = LIMITS[field]
    return forms.IntegerField(
        label=label,
        initial=default,
        help_text=f"{meaning} {low:,} to {high:,} {unit}.",
        widget=_number_widget(),
    )


def _amount(label: str, meaning: str, initial: str) -> forms.Field:
    return forms.DecimalField(
        label=label,
        initial=Decimal(initial),
        max_digits=20,
        decimal_places=8,
        help_text=f"{meaning} Quote asset, more than 0.",
        widget=_number_widget(),
    )


def _text(label: str, meaning: str, **options: Any) -> forms.Field:
    return forms.CharField(
        label=label, help_text=meaning, required=False, widget=UnfoldAdminTextInputWidget(), **options
    )


def _optional_whole(label: str, meaning: str, initial: int) -> forms.Field:
    return forms.IntegerField(
        label=label, help_text=meaning, required=False, initial=initial, widget=_number_widget()
    )


def _choice(label: str, meaning: str, choices: list[tuple[str, str]], initial: str = "") -> forms.Field:
    widget = UnfoldAdminSelectWidget(choices=choices)
    return forms.ChoiceField(label=label, help_text=meaning, choices=choices, widget=widget, initial=initial)


def _fields() -> Iterator[tuple[str, forms.Field]]:
    yield "symbols", _text("Symbols", "Exactly these, say BTCUSDT, ETHUSDT. Empty = by the rule below.")
    yield "quote_asset", _text("Quote asset", "Rule: symbols that are paid with this asset, say USDT.")
    yield "top", _optional_whole("Top", "Rule: so many symbols by 24 h quote volume. 1 to 400.", 10)
    yield "min_quote_volume", _text("Least volume", "Rule: 24 h volume in the quote asset.", initial="0")
    yield "minimum_age_days", _optional_whole("Least age", "Rule: days since the symbol was first seen.", 0)
    strategies = [(spec.name, f"{spec.title} ({spec.name})") for spec in STRATEGIES.values()]
    ideas = " ".join(f"{spec.title}: {spec.idea}" for spec in STRATEGIES.values())
    yield (
        "strategy",
        _choice("Strategy", f"Decides when to enter. {ideas}", strategies),
    )
    intervals = [(interval, interval) for interval in INTERVAL_S]
    yield (
        "interval",
        _choice("Candle interval", "It decides at each closed candle.", intervals, "1m"),
    )
    yield "trade_notional", _amount("Amount of one trade", "What one entry may spend.", "20")
    yield "budget", _amount("Budget", "What all its open trades may bind together.", "100")
    for name in WHOLE_FIELDS:
        yield name, _whole(name)
    for spec in STRATEGIES.values():
        for parameter in spec.parameters:
            yield parameter_field(spec.name, parameter.name), _parameter(parameter)
    yield (
        "ask_model",
        forms.BooleanField(
            label="Ask the model",
            required=False,
            help_text="Takes only signals that are likely to pay after costs, by its model. Learning sets it "
            "where tuning is automatic; other parameters, interval or exits need another model.",
            widget=UnfoldBooleanSwitchWidget(),
        ),
    )
    yield "reason", _text("Why", "Goes into the journal with what was before and after.", max_length=300)


# One field for each rule and each strategy parameter, made from their own descriptions.
_ConfigForm: Any = type("_ConfigForm", (forms.Form,), dict(_fields()))


class WorkerForm(forms.ModelForm, _ConfigForm):  # type: ignore[misc, type-arg]  # made at run time
    """A worker and the configuration of its next version; `config` is set once the form is valid."""

    config: WorkerConfig

    class Meta:
        model = Worker
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        self.model: SignalModel | None = None
        if instance is not None and instance.version is not None:
            config = get_config(instance.version)
            self.model = config.model
            kwargs["initial"] = {**_stored(config), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        if self.model is None:
            self.fields["ask_model"].disabled = True
            self.fields["ask_model"].help_text = f"It has none now. {self.fields['ask_model'].help_text}"

    def clean_name(self) -> str:
        """Check the name by the rule of the domain."""
        try:
            return check_name(self.cleaned_data["name"])
        except InvalidConfiguration as error:
            raise forms.ValidationError(error.message) from None

    def clean(self) -> dict[str, Any]:
        """Check the configuration as a whole; what is wrong is told at its field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            self.config = self._with_model(parse_config(self._raw(cleaned)), cleaned)
        except InvalidConfiguration as error:
            self._tell(error, cleaned["strategy"])
        else:
            self._check_symbols()
        return cleaned

    def _with_model(self, config: WorkerConfig, cleaned: dict[str, Any]) -> WorkerConfig:
        """Keep the model while it is wanted and its signals are still these."""
        keeps = self.model is not None and cleaned["ask_model"] and self.model.signals == config.signals
        return replace(config, model=self.model) if keeps else config

    def _raw(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        symbols = [word for word in cleaned["symbols"].upper().replace(",", " ").split() if word]
        rule = {
            "quote_asset": cleaned["quote_asset"].strip().upper(),
            "top": cleaned["top"],
            "min_quote_volume": cleaned["min_quote_volume"] or "0",
            "minimum_age_days": cleaned["minimum_age_days"] or 0,
        }
        spec = STRATEGIES[cleaned["strategy"]]
        given = ((each.name, cleaned[parameter_field(spec.name, each.name)]) for each in spec.parameters)
        return {
            **{field: cleaned[field] for field in CONFIG_FIELDS},
            "universe": {"symbols": symbols} if symbols else rule,
            "parameters": {name: value for name, value in given if value != ""},
        }

    def _tell(self, error: InvalidConfiguration, strategy: str) -> None:
        field, message = error.field, error.message
        if field == "universe":
            field, _, message = message.partition(": ")
        elif field == "parameters":
            name = message.removeprefix(f"{strategy}.").split(" ")[0]
            field = parameter_field(strategy, name)
        self.add_error(field if field in self.fields else None, message)

    def _check_symbols(self) -> None:
        symbols = self.config.universe.symbols
        unknown = sorted(set(symbols) - set(get_instruments(symbols)))
        if unknown and list_listed():
            self.add_error("symbols", f"{unknown[0]} is not traded on this venue")


def _stored(config: WorkerConfig) -> dict[str, Any]:
    """Give a stored configuration as the form's initial values."""
    universe = universe_to_json(config.universe)
    shown = {**dict.fromkeys(UNIVERSE_FIELDS, ""), **universe}
    shown["symbols"] = ", ".join(universe.get("symbols", ()))
    parameters = {
        parameter_field(config.strategy, name): f"{value:g}" for name, value in config.parameters.items()
    }
    fields = {field: getattr(config, field) for field in CONFIG_FIELDS}
    return {**fields, **shown, **parameters, "ask_model": config.model is not None}
