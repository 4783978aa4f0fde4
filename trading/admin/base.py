"""What the admin's pages share: read-only ledgers, exports, a paginator that never counts a huge table.

Used by the other modules of this package only. It writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.forms import Media
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from import_export.admin import ExportMixin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, JSON
from import_export.resources import ModelResource
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.decorators import display

from trading.domain.values import to_text
from trading.selectors.exports import EXPORTS, WRITERS, Export

# Beyond this many rows the pages stop; a filter or a search narrows faster than page 101.
COUNTED_ROWS = 5000
UNKNOWN = "not known"
SMALL_SUM = Decimal("0.01")
# 170 KB, parsed before anything is painted.
UNUSED_SCRIPTS = frozenset(
    f"admin/js/{name}.js" for name in ("urlify", "prepopulate", "vendor/xregexp/xregexp.min")
)

F = TypeVar("F", bound=Callable[..., Any])


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes none at run time
    """Counts at most COUNTED_ROWS rows: a page of a million fills costs as much as one of a hundred."""

    @cached_property
    def count(self) -> int:
        """Number of rows, capped."""
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED_ROWS].count())


class StreamedCsv(CSV):  # type: ignore[misc]  # comes without types
    """CSV as the export command writes it."""

    write = staticmethod(WRITERS["csv"])


class StreamedJson(JSON):  # type: ignore[misc]  # comes without types
    """JSON as the export command writes it."""

    write = staticmethod(WRITERS["json"])


def _resource(export: Export) -> type[ModelResource]:
    fields = {name: Field(attribute=path, column_name=name) for name, path in export.columns}
    names = [name for name, _ in export.columns]
    meta = type("Meta", (), {"model": export.model, "fields": names, "export_order": names})
    resource: type[ModelResource] = type(
        f"{export.model.__name__}Resource", (ModelResource,), {**fields, "Meta": meta}
    )
    return resource


class LeanAdmin(ModelAdmin):  # type: ignore[misc]  # comes without types
    """A page without Django's scripts for fields that fill each other: none of ours does."""

    @property
    def media(self) -> Media:
        """Give the scripts and styles of the page."""
        everything = super().media
        return Media(css=everything._css, js=[each for each in everything._js if each not in UNUSED_SCRIPTS])


class LookedAdmin(LeanAdmin):
    """A page that is only looked at: services add and change, nobody deletes."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Services add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Services change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody deletes."""
        return False


class LedgerAdmin(ExportMixin, LookedAdmin):  # type: ignore[misc]  # both come without types
    """A ledger: it is looked at, searched and exported, never edited here."""

    export_kind = ""
    export_form_class = ExportForm
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_fullwidth = True

    def get_export_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        """Give the columns of the export command."""
        return [_resource(EXPORTS[self.export_kind])]

    def get_export_formats(self) -> list[type]:
        """Offer CSV and JSON."""
        return [StreamedCsv, StreamedJson]

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Say who may export: whoever may look."""
        return bool(self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> Any:
        """Export; a filter that does not exist is told on the list instead."""
        try:
            return super().export_action(request)
        except IncorrectLookupParameters as error:
            messages.error(request, f"There is no such filter: {error}")
            return HttpResponseRedirect(
                reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
            )

    def get_export_queryset(self, request: HttpRequest) -> Any:
        """Give what the page's filters leave, with what the columns need."""
        return super().get_export_queryset(request).select_related(*EXPORTS[self.export_kind].related)

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: Any, export_form: Any = None
    ) -> StreamingHttpResponse:
        """Answer piece by piece; the library would hold the whole file in memory, and the site would wait."""
        pieces = file_format.write(EXPORTS[self.export_kind], queryset)
        name = self.get_export_filename(request, queryset, file_format)
        return StreamingHttpResponse(
            _streamed(pieces),
            content_type=file_format.get_content_type(),
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _streamed(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """Read a piece when the one before is on its way; others are answered in between."""
    read = sync_to_async(lambda: next(pieces, None))
    while (piece := await read()) is not None:
        yield piece.encode()


def column(
    description: str, *, ordering: str | None = None, label: Mapping[str, str] | None = None
) -> Callable[[F], F]:
    """Describe a column of a list; `label` gives a tone to each value and shows it as a label."""

    def describe(function: F) -> F:
        display(description=description, ordering=ordering, label=label)(function)
        return function

    return describe


def number(value: Decimal | None) -> str:
    """Write an amount plainly, or say that it is not known."""
    return UNKNOWN if value is None else to_text(value)


def signed(value: Decimal | None, unit: str = "") -> str:
    """Write a gain or a loss with sign and tone: four decimals, eight below 0.01; hovering tells all."""
    if value is None:
        return UNKNOWN
    tone = "text-green-700 dark:text-green-400" if value > 0 else "text-red-700 dark:text-red-400"
    return format_html(
        '<span class="tabular-nums whitespace-nowrap {}" title="{}">{}{} {}</span>',
        tone if value else "",
        to_text(value),
        "+" if value > 0 else "",
        to_text(value.quantize(Decimal("0.0001") if abs(value) >= SMALL_SUM else Decimal("0.00000001"))),
        unit,
    )


def moment(value: datetime | None) -> str:
    """Write a moment to the second, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if value else "–"
