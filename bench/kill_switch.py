"""The kill switch on the real stack: from pulling it to the last entry and to flat, by the venue's stamps.

Ten symbols are held by one worker while another one enters and leaves on ten more all the time. Pulled once
from the dashboard's address and once by the command, each time with the report compared with the venue's
ledger: what it names as left is what the venue holds, to the last place.
"""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http.cookiejar import CookieJar
from typing import Any

from bench.latency import SYMBOLS, WILLING
from bench.stack import Stack, ledger_differences, running, wait_until

HELD = SYMBOLS.split(",")[:10]
BUSY = SYMBOLS.split(",")[10:]
OPEN = ("NEW", "PENDING_NEW", "PARTIALLY_FILLED")
# Time for a straggler to show itself, and for the watchdog to sell it.
AFTERMATH_S = 6.0


def measure() -> dict[str, Any]:
    """Pull the switch twice and give what it took."""
    with running("--symbols", SYMBOLS, "--seed", "7", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        _create(stack, "holder", HELD, "--take-profit-bps", "2000", "--stop-loss-bps", "2000")
        _create(stack, "busy", BUSY, "--take-profit-bps", "12", "--stop-loss-bps", "12", "--max-hold-s", "5")
        page = Page(stack)
        by_dashboard = _pull(stack, lambda: page.post("/act/kill/flatten")["lines"])
        page.post("/act/trading-state/active")
        by_command = _pull(stack, lambda: _by_command(stack))
        return {
            "dashboard": by_dashboard,
            "command": by_command,
            "ledger_differences": ledger_differences(stack),
        }


def _create(stack: Stack, name: str, symbols: list[str], *options: str) -> None:
    stack.create_worker(
        name,
        *("--strategy", "DIP_REVERSION", "--symbols", ",".join(symbols), "--interval", "1s"),
        *("--trade-notional", "100", "--budget", "100000", "--max-open-trades", "100"),
        *("--max-spread-bps", "100", *(part for each in WILLING for part in ("--param", each)), *options),
    )


def _by_command(stack: Stack) -> list[str]:
    left = json.loads(stack.manage("kill", "--level", "flatten", "--json"))["left"]
    return [f"{each['symbol'] or each['asset']}: {each['qty']}" for each in left]


def _pull(stack: Stack, pull: Callable[[], list[str]]) -> dict[str, Any]:
    def is_loaded() -> bool:
        """ten held symbols"""
        rows = stack.rows("select symbol from trading_trade where state = 'OPEN'")
        return {symbol for (symbol,) in rows} >= set(HELD)

    wait_until(is_loaded, limit_s=120)
    open_trades = stack.rows("select count(*) from trading_trade where state in ('OPENING', 'OPEN')")[0][0]
    pulled_ms = time.time() * 1000
    lines = pull()
    answered_ms = time.time() * 1000
    reported = _reported(lines)
    time.sleep(AFTERMATH_S)
    venue = Ledger(stack.ask_venue("/paper/ledger"))
    return {
        "open_trades": open_trades,
        "halted_ms": round(_halted_ms(stack) - pulled_ms),
        "last_entry_ms": round(venue.last_ms("BUY") - pulled_ms),
        "flat_ms": round(venue.last_ms("SELL") - pulled_ms),
        "answered_ms": round(answered_ms - pulled_ms),
        "orders_left_at_venue": venue.open_orders(),
        "reported_left": len(lines),
        "report_differences": _differences(reported, venue.held()),
    }


def _halted_ms(stack: Stack) -> float:
    """Give when the trading state was set, by our own stamp; entries checked after its commit are denied."""
    text = stack.rows("select changed_at from trading_tradingcontrol where state = 'HALTED'")[0][0]
    seconds = stack.rows("select (julianday(?) - 2440587.5) * 86400.0", text)[0][0]
    return float(seconds) * 1000


def _reported(lines: list[str]) -> dict[str, Decimal]:
    """Read amounts by asset from the report's lines, say `BTCUSDT: 0.1 BTC held` or `BTC: 0.1, dust`."""
    held: dict[str, Decimal] = {}
    for line in lines:
        name, amount = re.match(r"(\w+): ([\d.]+)", line).groups()  # type: ignore[union-attr]  # always so
        asset = name.removesuffix("USDT")
        held[asset] = held.get(asset, Decimal(0)) + Decimal(amount)
    return held


def _differences(ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> dict[str, tuple[str, str]]:
    return {
        asset: (str(ours.get(asset, 0)), str(theirs.get(asset, 0)))
        for asset in sorted(ours.keys() | theirs.keys())
        if ours.get(asset, Decimal(0)) != theirs.get(asset, Decimal(0))
    }


@dataclass(frozen=True)
class Ledger:
    """The venue's own truth."""

    content: dict[str, Any]

    def last_ms(self, side: str) -> float:
        """Give the venue's moment of the last fill on a side."""
        return max(float(fill["time"]) for fill in self.content["fills"] if fill["side"] == side)

    def open_orders(self) -> int:
        """Count orders that still live."""
        return sum(order["status"] in OPEN for order in self.content["orders"])

    def held(self) -> dict[str, Decimal]:
        """Give what trading left in every asset but the one that is paid with."""
        began = self.content["initial_balances"]
        held = {
            asset: Decimal(each["free"]) + Decimal(each["locked"]) - Decimal(began.get(asset, 0))
            for asset, each in self.content["balances"].items()
            if asset != "USDT"
        }
        return {asset: amount for asset, amount in held.items() if amount}


class Page:
    """The operator's browser, as far as it takes to press a button."""

    def __init__(self, stack: Stack) -> None:
        said = (stack.home / "said.txt").read_text()
        password = re.search(r"\(shown this once\): (\S+)", said).group(1)  # type: ignore[union-attr]  # a first start
        self._address = f"http://127.0.0.1:{stack.port}"
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self._open("/admin/login/")
        self._open("/admin/login/?next=/", {"username": "operator", "password": password})

    def post(self, path: str) -> dict[str, Any]:
        """Press a button and give its answer."""
        answer: dict[str, Any] = json.loads(self._open(path, {"reason": "bench"}))
        return answer

    def _open(self, path: str, form: dict[str, str] | None = None) -> bytes:
        token = next((cookie.value for cookie in self._cookies if cookie.name == "csrftoken"), None)
        fields = None if form is None else {**form, "csrfmiddlewaretoken": token or ""}
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        with self._opener.open(self._address + path, body) as reply:
            content: bytes = reply.read()
        return content
