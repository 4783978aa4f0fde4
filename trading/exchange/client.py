"""Signed REST client of one account on one Binance-shaped venue; implements domain.ports.Venue.

python-binance's synchronous Client speaks, signs and names the endpoints; this module gives it the address,
the budget, exact decimal text, and errors sorted by consequence. Used by trading.bootstrap only. It never
repeats a call, and never lets a key, a signature or a full URL into an error or a log.
"""

import asyncio
import contextlib
import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from binance.client import Client
from binance.exceptions import BinanceAPIException
from urllib3 import HTTPConnectionPool

from trading.domain.executions import ExecutionReport, Replacement
from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderStatus
from trading.domain.ports import Clock, VenueError, VenueUncertain
from trading.domain.values import ID_PREFIX, OrderRole, to_ms
from trading.exchange import decode, decode_market, encode, faults
from trading.exchange.fields import UnknownMessage
from trading.exchange.market_questions import MarketQuestions
from trading.exchange.money_questions import MoneyQuestions
from trading.exchange.session import LeanSession, open_pool
from trading.exchange.signing import Signer
from trading.exchange.throttle import CallClass, Throttle

log = logging.getLogger(__name__)

# Weights of binance-spot-api-docs rest-api.md, read 2026-07.
WEIGHT_ORDER = 1
WEIGHT_QUERY = 4
WEIGHT_OPEN_ORDERS = 80
WEIGHT_TIME = 1

CLOCK_SAMPLES = 3
CLOCK_AGE_S = 300.0
T = TypeVar("T")
Send = Callable[[Any], object]
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


class BinanceVenue(MarketQuestions, MoneyQuestions):
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
        self._model = _VenueClient(
            rest_url=rest_url, api_key=api_key, signer=signer, pool=self._pool, clock=clock
        )
        self._model.REQUEST_RECVWINDOW = recv_window_ms
        self._model.REQUEST_TIMEOUT = timeout_s
        self._throttle = throttle
        self._clock = clock
        self._local = threading.local()
        self._clock_lock = threading.Lock()
        self._synced_s: float | None = None

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
        return replace(report, request_left_at=self._left_at())

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
        left_at = self._left_at()
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
        placed = replacement.placed and replace(replacement.placed, request_left_at=self._left_at())
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
        return self._ask(
            lambda client: client._get("time"),
            decode_market.server_time,
            call=CallClass.CANCEL,
            weight=WEIGHT_TIME,
        )

    def sync_clock(self) -> float:
        """Measure how far the venue's clock is ahead of ours, and sign with it from now on.

        Returns:
            Milliseconds, from the sample with the shortest round trip, taken at its middle.
        """
        samples: list[tuple[float, float]] = []
        for _ in range(CLOCK_SAMPLES):
            started, sent_at = time.perf_counter(), self._clock()
            server_at = self.server_time()
            round_trip_ms = (time.perf_counter() - started) * 1000
            ahead_ms = (server_at - sent_at).total_seconds() * 1000 - round_trip_ms / 2
            samples.append((round_trip_ms, ahead_ms))
        offset_ms = min(samples)[1]
        self._model.timestamp_offset = offset_ms
        self._synced_s = time.monotonic()
        return offset_ms

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
        self._keep_clock(max_age_s=None)
        self._throttle.reserve(call, weight=WEIGHT_ORDER, orders=orders)

        def send_as_claimed(client: Any) -> object:
            client.claimed_ms = to_ms(self._venue_moment(claimed_at)) if claimed_at is not None else None
            return send(client)

        return self._exchange(send_as_claimed, read, judge=faults.order_fault)

    def _ask_account(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        # What is not known about an order or a balance matters more than a new entry.
        self._keep_clock(max_age_s=CLOCK_AGE_S)
        return self._ask(send, read, weight=weight, call=CallClass.CANCEL)

    def _ask(
        self, send: Send, read: Callable[[object], T], *, weight: int, call: CallClass = CallClass.DATA
    ) -> T:
        self._throttle.reserve(call, weight=weight)
        return self._exchange(send, read, judge=faults.query_fault)

    def _exchange(
        self, send: Send, read: Callable[[object], T], *, judge: Callable[[Exception], faults.Fault]
    ) -> T:
        client = self._client()
        started = time.perf_counter()
        fault: faults.Fault | None = None
        try:
            return read(send(client))
        except faults.CALL_ERRORS as error:
            fault = judge(error)
        finally:
            latency_ms = (time.perf_counter() - started) * 1000
            code = fault.code if isinstance(fault, VenueError) else None
            self._throttle.settle(client.response, latency_ms=latency_ms, code=code)
        if isinstance(fault, VenueError) and fault.code == faults.CODE_CLOCK:
            self._synced_s = None
        # Raised outside the handler: the library's error carries the signed request.
        raise fault

    def _venue_moment(self, at: datetime) -> datetime:
        return at + timedelta(milliseconds=float(self._model.timestamp_offset))

    def _venue_now(self) -> datetime:
        return self._venue_moment(self._clock())

    def _left_at(self) -> datetime:
        """Tell when this thread's last answered request was handed to the socket."""
        left_at: datetime = self._local.client.response.left_at
        return left_at

    def _client(self) -> Any:
        # One client per thread, because python-binance keeps the last answer on the object.
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = copy.copy(self._model)
        client.response = client.claimed_ms = None
        client.timestamp_offset = self._model.timestamp_offset
        return client

    def _keep_clock(self, *, max_age_s: float | None) -> None:
        """Measure the venue's clock where that was never done, failed the last time, or is too old."""
        if self._is_clock_fresh(max_age_s):
            return
        with self._clock_lock:
            if not self._is_clock_fresh(max_age_s):
                self.sync_clock()

    def _is_clock_fresh(self, max_age_s: float | None) -> bool:
        synced_s = self._synced_s
        return synced_s is not None and (max_age_s is None or time.monotonic() - synced_s < max_age_s)


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
