"""What the dashboard's worker form offers, as JSON: strategies with parameters, limits, workers to copy."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from monitoring.gate import viewers_only
from trading.domain.market import INTERVAL_S
from trading.domain.risk_score import FULL_SIZE_RISK, MAX_RISK
from trading.domain.strategy import STRATEGIES, StrategySpec
from trading.domain.workers import LIMITS
from trading.selectors.workers import config_to_json, get_config, list_workers


@require_safe
@viewers_only
def choices(request: HttpRequest) -> JsonResponse:
    """Give every choice with unit, range and default."""
    return JsonResponse(
        {
            "intervals": [{"name": name, "seconds": length} for name, length in INTERVAL_S.items()],
            "limits": {name: {"min": low, "max": high} for name, (low, high) in LIMITS.items()},
            "risk": {"full_size_risk": FULL_SIZE_RISK, "max_risk": MAX_RISK},
            "strategies": [_strategy(spec) for spec in STRATEGIES.values()],
            "workers": [
                {"name": worker.name, "config": config_to_json(get_config(worker.version))}
                for worker in list_workers()
                if worker.version is not None
            ],
        }
    )


def _strategy(spec: StrategySpec) -> dict[str, Any]:
    exits = spec.exits
    return {
        "name": spec.name,
        "title": spec.title,
        "idea": spec.idea,
        "loses": spec.loses,
        "take_profit_bps": exits.take_profit_bps,
        "stop_loss_bps": exits.stop_loss_bps,
        "trailing_bps": exits.trailing_bps,
        "max_hold_candles": exits.max_hold_candles,
        "parameters": [
            {
                "name": each.name,
                "help": each.help,
                "unit": each.unit,
                "min": each.minimum,
                "max": each.maximum,
                "default": each.default,
            }
            for each in spec.parameters
        ],
    }
