"""A lean HTTP session over urllib3, in the shape that python-binance's client expects of requests.

Used by exchange.client alone. Connections are kept alive and shared by all threads of the process, so a
thread's first order finds a warm one. It never retries, never follows a redirect, never reads proxies
from the environment, and bounds the whole of an answer by the time-out, not only each of its pieces.
"""

import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import certifi
import orjson
import urllib3

from trading.domain.ports import Clock

POOL_SIZE = 32
PIECE_BYTES = 1 << 16


class Reply:
    """What python-binance reads of an answer, and when its request was handed to the socket."""

    def __init__(self, response: urllib3.BaseHTTPResponse, body: bytes, *, left_at: datetime) -> None:
        self.left_at = left_at
        self.status_code = response.status
        self.headers: Mapping[str, str] = response.headers
        self._body = body

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes are replaced."""
        return self._body.decode("utf-8", "replace")

    def json(self) -> object:
        """The body as JSON values.

        Raises:
            ValueError: The body is not JSON.
        """
        return orjson.loads(self._body)


def open_pool(url: str) -> urllib3.HTTPConnectionPool:
    """Give a pool of connections to the host of `url`; nothing is opened yet."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        return urllib3.HTTPSConnectionPool(host, port, maxsize=POOL_SIZE, ca_certs=certifi.where())
    return urllib3.HTTPConnectionPool(host, port, maxsize=POOL_SIZE)


class LeanSession:
    """get, post, put and delete on one host, as requests.Session has them."""

    def __init__(self, pool: urllib3.HTTPConnectionPool, *, headers: Mapping[str, str], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._headers = headers

    def get(self, url: str, *, params: str | None = None, **options: Any) -> Reply:
        """Send a GET; `params` is a query that is already encoded."""
        return self._send("GET", f"{url}?{params}" if params else url, **options)

    def post(self, url: str, **options: Any) -> Reply:
        """Send a POST."""
        return self._send("POST", url, **options)

    def put(self, url: str, **options: Any) -> Reply:
        """Send a PUT."""
        return self._send("PUT", url, **options)

    def delete(self, url: str, **options: Any) -> Reply:
        """Send a DELETE."""
        return self._send("DELETE", url, **options)

    def close(self) -> None:
        """Keep the pool, which other threads use: python-binance closes when a thread's client is dropped."""

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: str | list[tuple[str, str]] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        left_at, started_s = self._clock(), time.monotonic()
        response = self._pool.urlopen(
            method,
            url[url.index("/", len("https://")) :],
            body=data if data is None or isinstance(data, str) else urlencode(data),
            headers={**self._headers, **(headers or {})},
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        ends_s = math.inf if timeout is None else started_s + timeout
        return Reply(response, _read(response, ends_s=ends_s), left_at=left_at)


def _read(response: urllib3.BaseHTTPResponse, *, ends_s: float) -> bytes:
    """Read a body to its end; an answer that trickles may not hold up a sale behind it.

    Raises:
        urllib3.exceptions.HTTPError: The body broke off, could not be unpacked, or took too long.
    """
    pieces = []
    while piece := response.read1(PIECE_BYTES):
        pieces.append(piece)
        if time.monotonic() > ends_s:
            response.close()
            raise urllib3.exceptions.TimeoutError("the answer took too long to its end")
    return b"".join(pieces)
