"""The data of a candle chart, as JSON for the dashboard's script. It only looks."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import live
from monitoring.gate import viewers_only
from trading import events
from trading.selectors import charts, overview


@require_safe
@never_cache
@viewers_only
def candles(request: HttpRequest, symbol: str) -> JsonResponse:
    """Give closed candles of a symbol after a moment (`after`, ms), and our trades on it.

    `interval` asks for one of those that the feed keeps; the shortest is given where it keeps no such one.
    """
    after = request.GET.get("after", "0")
    if not after.isdigit():
        return JsonResponse({"message": f"after must be a moment in ms, not {after!r}"}, status=400)
    found = live.read_candles(symbol, request.GET.get("interval"), after_ms=int(after))
    if found is None:
        return JsonResponse({"message": "Candles cannot be read now."}, status=503)
    intervals, shown, rows = found
    return JsonResponse(
        {
            "symbol": symbol,
            "intervals": intervals,
            "interval": shown,
            "tick_size": overview.tick_sizes({symbol}).get(symbol),
            "candles": rows,
            "trades": [events.trade_payload(trade) for trade in charts.list_trades(symbol)],
        }
    )
