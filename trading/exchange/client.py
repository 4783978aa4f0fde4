"""Signed REST client of one account on one Binance-shaped venue; implements domain.ports.Venue.

python-binance's synchronous Client speaks, signs and names the endpoints; this module gives it the address,
the budget, exact decimal text, and errors sorted by consequence. Used by trading.bootstrap only. It never
sends twice what changes something, and never lets a key, a signature or a full URL into an error or a log.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from binance.client import Client
from binance.exceptions import BinanceAPIException
from urllib3 import HTTPConnectionPool

from trading.domain.executions import ExecutionReport, Replacement
from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderStatus
from trading.domain.ports import Clock, VenueUncertain
from trading.domain.values import ID_PREFIX, OrderRole, to_ms
from trading.exchange import decode, decode_market, encode, faults
from trading.exchange.breaker import Endpoints
from trading.exchange.fields import UnknownMessage
from trading.exchange.key_questions import KeyQuestions
from trading.exchange.line import Kind, Line, Send
from trading.exchange.market_questions import MarketQuestions
from trading.exchange.money_questions import MoneyQuestions
from trading.exchange.session import LeanSession, open_pool
from trading.exchange.signing import Signer
from trading.exchange.throttle import CLOCK, CallClass, Throttle
from trading.exchange.venue_clock import VenueClock

# Weights of binance-spot-api-docs rest-api.md, read 2026-07.
WEIGHT_ORDER = 1
WEIGHT_QUERY = 4
WEIGHT_OPEN_ORDERS = 80
WEIGHT_TIME = 1

CLOCK_SAMPLES = 3
# A question keeps the clock measured twice a minute; an order waits for a measurement only where none was
# made for so long that drift could matter: at 500 ppm, 0.3 s of the 1 s that the venue allows.
CLOCK_AGE_S = 30.0
SIGNING_AGE_S = 600.0
_ENDPOINTS = {
    CallClass.EXIT: Endpoints.EXITS,
    CallClass.CANCEL: Endpoints.CANCELS,
    CallClass.ENTRY: Endpoints.ENTRIES,
}
T = TypeVar("T")
NOWHERE = "http://127.0.0.1:9"  # python-binance's futures, margin and web addresses, which are never called


class _VenueClient(Client):  # type: ignore[misc]  # python-binance carries no types
    """python-binance's client at our address, with our signer and our session."""

    def __init__(
        self, *, rest_url: str, api_key: str, signer: Signer, pool: HTTPConnectionPool, clock: Clock
    ) -> None:
        # Instance attributes shadow the class's addresses before the base class formats them.
        self.API_URL = rest_url
        self.MARGIN_API_URL = self.WEBSITE_URL = self.FUTURES_URL = self.FUTURES_DATA_URL = NOWHERE
        self.FUTURES_COIN_URL = self.FUTURES_COIN_DATA_URL = self.OPTIONS_URL = self.PAPI_URL = NOWHERE
        self._pool = pool
        self._clock = clock
        self._signer = signer
        self.claimed_ms: int | None = None
        with _borrowed_loop():
            super().__init__(api_key, "", private_key=None if signer.is_hmac else "signed by us", ping=False)

    def _init_session(self) -> LeanSession:
        return LeanSession(self._pool, headers=self._get_headers(), clock=self._clock)

    def _init_private_key(self, private_key: str | None, _password: str | None = None) -> str | None:
        return private_key

    def _generate_signature(self, data: dict[str, Any], uri_encode: bool = True) -> str:  # noqa: FBT001, FBT002 -- as in the base class
        if self.claimed_ms is not None:
            data["timestamp"] = self.claimed_ms  # the base class has put the moment of signing
        query = "&".join(
            f"{name}={quote(value) if name == 'symbol' else value}"
            for name, value in self._order_params(data)
        )
        signature = self._signer.sign(query)
        return quote(signature, safe="") if uri_encode and not self._signer.is_hmac else signature


def _post_replacement(client: Any, params: encode.Params) -> object:
    """Post a cancel-replace; the refusal of one half or of both is an answer, with both halves in `data`."""
    try:
        return client._post("order/cancelReplace", True, data=params)
    except BinanceAPIException as error:
        if error.code not in faults.CODES_HALF_REPLACED:
            raise
        return decode.replace_refusal(error.response.json())


@contextlib.contextmanager
def _borrowed_loop() -> Iterator[None]:
    """Lend the base class the event loop that it would make and never close; REST has no use for it."""
    if asyncio._get_running_loop() is not None:
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class BinanceVenue(MarketQuestions, MoneyQuestions, KeyQuestions):
    """One account on one venue. Safe to use from several threads; make it after a fork, not before."""

    def __init__(
        self,
        *,
        rest_url: str,
        api_key: str,
        api_secret: str,
        throttle: Throttle,
        clock: Clock,
        private_key_file: str | None = None,
        recv_window_ms: int = 1500,
        timeout_s: float = 3.0,
    ) -> None:
        super().__init__()
        signer = Signer(api_secret=api_secret, private_key_file=private_key_file)
        self._pool = open_pool(rest_url)
        model = _VenueClient(rest_url=rest_url, api_key=api_key, signer=signer, pool=self._pool, clock=clock)
        model.REQUEST_RECVWINDOW = recv_window_ms
        model.REQUEST_TIMEOUT = timeout_s
        self._throttle = throttle
        self._clock = clock
        self._venue_clock = VenueClock(clock=clock)
        self._clock_lock = threading.Lock()
        self._line = Line(model, throttle=throttle, venue_clock=self._venue_clock, clock=clock)
        throttle.follow(self._venue_clock.venue_ms)

    def submit_order(self, intent: OrderIntent, *, claimed_at: datetime | None = None) -> ExecutionReport:
        """Send one order; the reply's fills are included."""
        report = self._change(
            lambda client: client._post("order", True, data=encode.order(intent)),
            decode.order_reply,
            call=CallClass.ENTRY if intent.role is OrderRole.ENTRY else CallClass.EXIT,
            orders=1,
            claimed_at=claimed_at,
        )
        if report.client_order_id != intent.client_order_id:
            raise VenueUncertain(f"the answer is about {report.client_order_id}, not about what was sent")
        return replace(report, request_left_at=self._line.left_at())

    def submit_list(
        self, intent: ListIntent, *, claimed_at: datetime | None = None
    ) -> Sequence[ExecutionReport]:
        """Send an order list; one report per order of it."""
        reports = self._change(
            lambda client: client._post(encode.LIST_PATHS[intent.kind], True, data=encode.order_list(intent)),
            decode.list_reply,
            call=CallClass.EXIT if intent.kind is ListKind.OCO else CallClass.ENTRY,
            orders=len(intent.orders),
            claimed_at=claimed_at,
        )
        left_at = self._line.left_at()
        return [replace(report, request_left_at=left_at) for report in reports]

    def cancel_order(self, symbol: str, client_order_id: str) -> Sequence[ExecutionReport]:
        """Cancel one order and give how it ended. Raises OrderNotFound when it is not open (any more).

        The cancel carries the order's own id, so that the order keeps it and stays findable by it.
        """
        params = {
            "symbol": symbol,
            "origClientOrderId": client_order_id,
            "newClientOrderId": client_order_id,
        }
        return self._cancel("order", params, lambda reply: (decode.cancel_reply(reply),))

    def cancel_list(self, symbol: str, client_list_id: str) -> Sequence[ExecutionReport]:
        """Cancel a list and give how its orders ended. Raises OrderNotFound when it is not open."""
        params = {"symbol": symbol, "listClientOrderId": client_list_id}
        return self._cancel("orderList", params, decode.cancel_list_reply)

    def replace_order(
        self, symbol: str, client_order_id: str, intent: OrderIntent, *, claimed_at: datetime | None = None
    ) -> Replacement:
        """Cancel one order, with its list, and place another in its stead, in one request."""
        replacement = self._change(
            lambda client: _post_replacement(client, encode.replacement(client_order_id, intent)),
            decode.replace_reply,
            call=CallClass.EXIT,
            orders=1,
            claimed_at=claimed_at,
        )
        placed = replacement.placed and replace(replacement.placed, request_left_at=self._line.left_at())
        return replace(replacement, placed=placed)

    def query_order(
        self, symbol: str, client_order_id: str, *, venue_order_id: int | None = None
    ) -> ExecutionReport:
        """Ask for one order, by the venue's id where it is known. Raises OrderNotFound. Carries no fills.

        Without our own id (empty) the report names the one that the venue tells.
        """
        params: dict[str, object] = {"symbol": symbol}
        if venue_order_id is None:
            params["origClientOrderId"] = client_order_id
        else:
            params["orderId"] = venue_order_id

        def read(payload: object) -> ExecutionReport:
            report = decode.order_query(payload)
            _demand_about(report, symbol, client_order_id, venue_order_id)
            return report

        report = self._ask_account(
            lambda client: client._get("order", True, data=params), read, weight=WEIGHT_QUERY
        )
        # A cancel from elsewhere gives the order the cancel's id; it is still the one asked for.
        return replace(report, client_order_id=client_order_id or report.client_order_id)

    def list_open_orders(self) -> Sequence[ExecutionReport]:
        """All open orders of the account, ours and foreign ones."""
        return self._ask_account(
            lambda client: client._get("openOrders", True, data={}),
            decode.open_orders,
            weight=WEIGHT_OPEN_ORDERS,
        )

    def server_time(self) -> datetime:
        """The venue's clock."""
        # A sale may wait for it, so it has the rank of one; no breaker, for none may stop a sale of its own.
        kind = Kind(CallClass.EXIT, None, WEIGHT_TIME, is_question=True)
        return self._line.call(
            lambda client: client._get("time"),
            decode_market.server_time,
            kind=kind,
            judge=faults.query_fault,
        )

    def sync_clock(self, *, samples: int = CLOCK_SAMPLES) -> float:
        """Measure how far the venue's clock is ahead of ours, and sign with it from now on.

        Returns:
            Milliseconds. Each sample bounds them by its own round trip; the narrowest bounds win.
        """
        for _ in range(samples):
            sent_s = self._venue_clock.steady_s()
            server_at = self.server_time()
            self._venue_clock.add(server_at, sent_s=sent_s, received_s=self._venue_clock.steady_s())
        reading = self._venue_clock.read()
        self._throttle.note(CLOCK, "clock", {**asdict(reading), "at_ms": to_ms(self._clock())})
        return reading.offset_ms

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._pool.close()

    def _cancel(
        self, path: str, params: dict[str, str], read: Callable[[object], Sequence[ExecutionReport]]
    ) -> Sequence[ExecutionReport]:
        return self._change(
            lambda client: client._delete(path, True, data=params), read, call=CallClass.CANCEL
        )

    def _change(
        self,
        send: Send,
        read: Callable[[object], T],
        *,
        call: CallClass,
        orders: int = 0,
        claimed_at: datetime | None = None,
    ) -> T:
        self._keep_clock(max_age_s=SIGNING_AGE_S)

        def send_as_claimed(client: Any) -> object:
            client.claimed_ms = to_ms(self._venue_moment(claimed_at)) if claimed_at is not None else None
            return send(client)

        kind = Kind(call, _ENDPOINTS[call], WEIGHT_ORDER, orders)
        return self._line.call(send_as_claimed, read, kind=kind, judge=faults.order_fault)

    def _ask_account(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        self._keep_clock(max_age_s=CLOCK_AGE_S)
        # What is not known about an order or a balance matters more than a new entry.
        kind = Kind(CallClass.CANCEL, Endpoints.ACCOUNT, weight, is_question=True)
        return self._line.call(send, read, kind=kind, judge=faults.query_fault)

    def _ask(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        kind = Kind(CallClass.DATA, Endpoints.DATA, weight, is_question=True)
        return self._line.call(send, read, kind=kind, judge=faults.query_fault)

    def _ask_price(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        self._throttle.count_price()
        return self._ask(send, read, weight=weight)

    def _take_limits(self, limits: Mapping[str, int]) -> None:
        self._throttle.announce(limits)

    def _venue_moment(self, at: datetime) -> datetime:
        return self._venue_clock.venue_moment(at)

    def _venue_now(self) -> datetime:
        return self._venue_moment(self._clock())

    def _keep_clock(self, *, max_age_s: float) -> None:
        """Measure the venue's clock where that is too long ago, or our own clock was set meanwhile."""
        if self._venue_clock.is_sound(max_age_s=max_age_s):
            return
        with self._clock_lock:
            if not self._venue_clock.is_sound(max_age_s=max_age_s):
                self.sync_clock(samples=1)


def _demand_about(
    report: ExecutionReport, symbol: str, client_order_id: str, venue_order_id: int | None
) -> None:
    """Raise UnknownMessage for the answer to another question, which a proxy may mix up with ours."""
    if venue_order_id is not None:
        is_about = report.venue_order_id == venue_order_id
    else:
        # A cancel gives the order an id of its own; an id of ours is another order of ours.
        is_renamed = report.status is OrderStatus.CANCELED and not report.client_order_id.startswith(
            ID_PREFIX
        )
        is_about = report.client_order_id == client_order_id or is_renamed
    if report.symbol != symbol or not is_about:
        raise UnknownMessage(f"an answer about {report.symbol} {report.client_order_id}")
