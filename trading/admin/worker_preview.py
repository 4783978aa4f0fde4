"""What the worker form's answer to "what would it do?" is: a sentence, and a line for each busy symbol."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse

from trading import bootstrap
from trading.admin.worker_form import WorkerForm
from trading.models import Worker
from trading.selectors.previews import Preview, preview

LINES = 8


def preview_view(request: HttpRequest, pk: int | None = None) -> JsonResponse:
    """Check what the form holds and say what it would match and would have wanted; nothing is saved."""
    if not (request.user.has_perm("trading.add_worker") or request.user.has_perm("trading.change_worker")):
        raise PermissionDenied
    instance = Worker.objects.select_related("version").filter(pk=pk).first() if pk else None
    data = request.POST.copy()
    if instance is not None:
        data["name"] = instance.name
    form = WorkerForm(data, instance=instance)
    if not form.is_valid():
        problems = [
            f"{form.fields[name].label if name in form.fields else name}: {text}"
            for name, text in _errors(form)
        ]
        return JsonResponse({"message": "The form is not right yet.", "lines": problems})
    found = preview(form.config, market=bootstrap.get_desk().market, now=bootstrap.utc_now())
    return JsonResponse({"message": _sentence(found), "lines": _lines(found)})


def _errors(form: WorkerForm) -> list[tuple[str, str]]:
    return [(name, str(text)) for name, texts in form.errors.items() for text in texts]


def _sentence(found: Preview) -> str:
    matched = f"It matches {len(found.symbols)} symbols now"
    if not found.symbols:
        return f"{matched}: it would never trade."
    if not found.tried:
        return f"{matched}. No candles of this interval are kept of them yet, so nothing can be tried."
    total = sum(number for _, number in found.wanted)
    hours = found.span.total_seconds() / 3600
    span = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
    return (
        f"{matched}. In the last {span}, for which candles of {found.tried} of them are kept, its strategy "
        f"would have wanted to buy {total} times; limits, spread and budget come after that."
    )


def _lines(found: Preview) -> list[str]:
    busy = [f"{symbol}: {number} times" for symbol, number in found.wanted if number]
    more = len(busy) - LINES
    return [*busy[:LINES], *([f"and {more} more symbols"] if more > 0 else [])]
