"""What others do on the account: their orders are named and left alone, their fills move the ledger.

Called by the executions process with what the stream brought, and by reconcile for what it did not bring. An
order is ours when our database knows it; one that carries our prefix and is not known (a restored backup, a
second installation) is treated as foreign under a word of its own, UNRECORDED. Nothing here cancels or sells.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading.domain.executions import ExecutionReport, Fill
from trading.domain.ports import MarketView, OrderNotFound, VenueError
from trading.domain.values import ID_PREFIX, to_text
from trading.models import ExternalChange, FillRow, InstrumentRow, Order
from trading.services import ledger
from trading.services.context import Desk
from trading.services.executions import apply_reports

log = logging.getLogger(__name__)

FOREIGN, UNRECORDED = "FOREIGN", "UNRECORDED"
# myTrades costs 20 and a query 4: at most 10 x 20 + 20 x 4 = 280 of 6,000 in a round that found a difference.
MAX_SYMBOLS = 10
MAX_ORDERS = 20
# myTrades gives a day at most where a start is named, and a thousand fills.
LONGEST_LOOK_BACK = timedelta(hours=23)
PAGE = 1000
MAX_PAGES = 5
# A fill may be told a little later than it happened, and clocks differ.
CLOCK_ROOM = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """An open order of the account that our database does not know."""

    word: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal | None
    venue_order_id: int
    client_order_id: str

    def to_json(self) -> dict[str, str | int | None]:
        """Give it as JSON; amounts are text, a price of null is a market order."""
        return {
            "word": self.word,
            "symbol": self.symbol,
            "side": self.side,
            "qty": to_text(self.qty),
            "price": to_text(self.price) if self.price is not None else None,
            "id": self.venue_order_id,
            "client_order_id": self.client_order_id,
        }


def word_of(client_order_id: str) -> str:
    """Give the word for an order that is not in our database."""
    return UNRECORDED if client_order_id.startswith(ID_PREFIX) else FOREIGN


def list_foreign(open_now: Iterable[ExecutionReport]) -> list[ForeignOrder]:
    """Give those of the venue's open orders that are not ours, by symbol and id."""
    reports = list(open_now)
    names = [each.client_order_id for each in reports]
    ours = set(Order.objects.filter(client_order_id__in=names).values_list("client_order_id", flat=True))
    found = [
        ForeignOrder(
            word=word_of(each.client_order_id),
            symbol=each.symbol,
            side=each.terms.side.value,
            qty=each.terms.qty,
            price=each.terms.price,
            venue_order_id=each.venue_order_id,
            client_order_id=each.client_order_id,
        )
        for each in reports
        if each.client_order_id not in ours and each.terms is not None
    ]
    return sorted(found, key=lambda order: (order.symbol, order.venue_order_id))


def book_foreign(
    reports: Sequence[ExecutionReport], *, now: datetime, market: MarketView | None, actor: str
) -> list[ExternalChange]:
    """Book the fills of orders that are not ours into the ledger. Gives what was new; ours are passed over.

    An order of ours that somebody else renamed (an amendment may) is known by the venue's id and booked as
    ours.
    """
    filled = _unknown_by_name([each for each in reports if each.fills])
    if not filled:
        return []
    renamed = _known_by_venue_id(filled)
    apply_reports(
        [replace(each, client_order_id=renamed[_key(each)]) for each in filled if _key(each) in renamed],
        now=now,
        market=market,
    )
    foreign = [each for each in filled if _key(each) not in renamed]
    return ledger.book_externals(_externals(foreign), now=now, actor=actor)


def _key(report: ExecutionReport) -> tuple[str, int]:
    return report.symbol, report.venue_order_id


def _unknown_by_name(reports: Sequence[ExecutionReport]) -> list[ExecutionReport]:
    if not reports:
        return []
    names = {each.client_order_id for each in reports}
    ours = set(Order.objects.filter(client_order_id__in=names).values_list("client_order_id", flat=True))
    return [each for each in reports if each.client_order_id not in ours]


def _known_by_venue_id(reports: Sequence[ExecutionReport]) -> dict[tuple[str, int], str]:
    rows = Order.objects.filter(
        symbol__in={each.symbol for each in reports},
        venue_order_id__in={each.venue_order_id for each in reports},
    ).values_list("symbol", "venue_order_id", "client_order_id")
    return {(symbol, venue_order_id): name for symbol, venue_order_id, name in rows if venue_order_id}


def _externals(reports: Sequence[ExecutionReport]) -> list[ledger.External]:
    symbols = {each.symbol for each in reports}
    assets = {row.symbol: row for row in InstrumentRow.objects.filter(symbol__in=symbols)}
    externals: list[ledger.External] = []
    for report in reports:
        row = assets.get(report.symbol)
        if row is None:
            log.error("foreign_fill.symbol_unknown", extra={"symbol": report.symbol})
            continue  # stays a difference, which reconcile reports
        note = f"{word_of(report.client_order_id)} order {report.client_order_id} on {report.symbol}"
        for fill in report.fills:
            externals += ledger.external_fill(
                fill, base_asset=row.base_asset, quote_asset=row.quote_asset, note=note
            )
    return externals


def ask_for_fills(
    assets: Collection[str], watched: Collection[str], *, since: datetime, desk: Desk
) -> list[ExternalChange]:
    """Ask for fills that could explain why these assets differ, and book those that nobody booked yet.

    Fills that turn out to be ours are booked as ours.

    Args:
        watched: Symbols that are asked for when only one of their two assets differs.
        since: Older fills are booked or accepted already.
    """
    booked: list[ExternalChange] = []
    for symbol in _candidates(assets, watched):
        try:
            booked += _book_unknown(symbol, since=since, desk=desk)
        except VenueError as error:
            # The difference stays, and the next round asks again.
            log.warning("foreign_fills.not_asked: %s", error, extra={"symbol": symbol})
            break
    return booked


def _candidates(assets: Collection[str], watched: Collection[str]) -> list[str]:
    """Give the symbols of which both assets differ, then watched ones of which one does."""
    rows = InstrumentRow.objects.filter(base_asset__in=assets, quote_asset__in=assets)
    both = sorted(rows.values_list("symbol", flat=True))
    one = InstrumentRow.objects.filter(symbol__in=watched).exclude(symbol__in=both)
    touched = [row.symbol for row in one if row.base_asset in assets or row.quote_asset in assets]
    return [*both, *sorted(touched)][:MAX_SYMBOLS]


def _book_unknown(symbol: str, *, since: datetime, desk: Desk) -> list[ExternalChange]:
    by_order: dict[int, list[Fill]] = {}
    for fill in _unknown_fills(symbol, since=since, desk=desk):
        by_order.setdefault(fill.venue_order_id, []).append(fill)
    reports = []
    # The newest first: what the ledger was opened with is found again and again, and comes last.
    for venue_order_id, fills in sorted(by_order.items(), reverse=True)[:MAX_ORDERS]:
        try:
            report = desk.venue.query_order(symbol, "", venue_order_id=venue_order_id)
        except OrderNotFound:
            continue  # filled a moment ago and not to be read yet: the next round asks again
        reports.append(replace(report, fills=tuple(fills)))
    apply_reports(reports, now=desk.clock(), market=desk.market)
    return book_foreign(reports, now=desk.clock(), market=desk.market, actor="reconcile")


def _unknown_fills(symbol: str, *, since: datetime, desk: Desk) -> list[Fill]:
    """Give the account's fills that neither an order of ours nor an external change has booked."""
    start = first = max(since - CLOCK_ROOM, desk.clock() - LONGEST_LOOK_BACK)
    found: dict[int, Fill] = {}
    for _ in range(MAX_PAGES):
        page = desk.venue.list_fills(symbol, since=start)
        found |= {fill.venue_fill_id: fill for fill in page}
        if len(page) < PAGE:
            break
        start = page[-1].filled_at
    ours = set(
        FillRow.objects.filter(symbol=symbol, venue_fill_id__in=found).values_list("venue_fill_id", flat=True)
    )
    refs = ExternalChange.objects.filter(
        happened_at__gte=first, kind=ledger.FILL, ref__startswith=f"fill:{symbol}:"
    ).values_list("ref", flat=True)
    others = {int(ref.split(":")[2]) for ref in refs}
    return [fill for fill_id, fill in sorted(found.items()) if fill_id not in ours and fill_id not in others]
