"""A paper venue on a free port for tests, and hands to speak with it: python-binance, REST, sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson
import requests
from aiohttp import web
from binance.client import Client

from trading.paper.config import PaperConfig
from trading.paper.server import VENUE, build_app
from trading.paper.venue import Venue

KEY = "paper"
SECRET = "paper"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
BALANCES = {"USDT": Decimal(100_000), "BTC": Decimal(2), "BNB": Decimal(10)}


class PaperServer:
    """A venue in a thread of its own."""

    def __init__(self, config: PaperConfig | None = None) -> None:
        self._config = config or PaperConfig(port=0, symbols=SYMBOLS, balances=BALANCES)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._closing = contextlib.ExitStack()
        self.url = ""
        self.venue: Venue

    def __enter__(self) -> PaperServer:
        self._thread.start()
        assert self._ready.wait(20), "the paper venue did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self._closing.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        app = build_app(self._config)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.venue = app[VENUE]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    @property
    def ws_url(self) -> str:
        """Give the address for sockets."""
        return self.url.replace("http", "ws", 1)

    def client(self, **options: Any) -> Client:
        """Give python-binance's own client, pointed here."""
        urls = {
            "API_URL": f"{self.url}/api",
            "WS_API_URL": f"{self.ws_url}/ws-api/v3",
            "MARGIN_API_URL": f"{self.url}/sapi",
            "WEBSITE_URL": self.url,
        }
        kind = type("PaperClient", (Client,), urls)
        # python-binance makes an event loop where there is none and never closes it
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        made = kind(KEY, SECRET, **{"requests_params": {"timeout": 20}, "ping": False, **options})
        asyncio.set_event_loop(None)
        self._closing.callback(loop.close)
        self._closing.callback(made.close_connection)
        made.REQUEST_RECVWINDOW = 5000
        return made

    def control(self, **acts: Any) -> Any:
        """Use the control port."""
        return _answer(requests.post(f"{self.url}/paper/control", json=acts, timeout=20))

    def arm(self, fault: int | str, *, count: int | None = 1, **params: Any) -> dict[str, Any]:
        """Arm a fault."""
        body = {"fault": fault, "count": count, "params": params}
        return _answer(requests.post(f"{self.url}/paper/faults", json=body, timeout=20))

    def paper(self, what: str) -> dict[str, Any]:
        """Read faults, ledger or status."""
        return _answer(requests.get(f"{self.url}/paper/{what}", timeout=20))

    def disarm(self) -> None:
        """Clear every fault."""
        requests.delete(f"{self.url}/paper/faults", timeout=20)

    def signed(self, method: str, path: str, params: dict[str, Any], **overrides: Any) -> requests.Response:
        """Send a signed REST request; `key`, `secret` and `signature` override what is right."""
        payload = urlencode({"timestamp": now_ms(), "recvWindow": 5000, **params})
        signature = overrides.get("signature") or sign(payload, overrides.get("secret", SECRET))
        return requests.request(
            method,
            f"{self.url}/api/v3/{path}?{payload}&signature={signature}",
            headers={"X-MBX-APIKEY": overrides.get("key", KEY)},
            timeout=20,
        )


def _answer(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def now_ms() -> int:
    """Give the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def sign(payload: str, secret: str = SECRET) -> str:
    """Sign with HMAC."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def ws_request(method: str, request_id: int | str = 1, *, signed: bool = False, **params: Any) -> str:
    """Write a WS API request."""
    if signed:
        params = {"apiKey": KEY, "timestamp": now_ms(), **params}
        params["signature"] = sign("&".join(f"{name}={params[name]}" for name in sorted(params)))
    return orjson.dumps({"id": request_id, "method": method, "params": params}).decode()


def wait_until(condition: Callable[[], bool], *, limit_s: float = 5.0) -> None:
    """Wait for a condition; fail after the limit."""
    ends = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < ends, "the condition did not come true"
        pause.wait(0.01)
