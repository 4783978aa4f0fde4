"""`python -m bench surface`: how soon pages are there, and how soon a price is on the screen.

A stack with a year of stored trades; Chromium with a processor slowed down four times and a cold cache. It
stands for a phone, whose processor is its own: where both want one here, the stack goes first.
The largest contentful paint is the browser's own, bytes those of the wire. Prices are timed from their
arrival in the feed (same clock) to the frame after the one that they were drawn in.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench.stack import Stack, start
from bench.stored_home import store_trades
from bench.visitor import log_in
from tests.support.browser import DESKTOP, FLAGS, PHONE, find_chromium

STORED = 100_000
SLOWED = 4
ROUNDS = 5
SETTLED_MS = 2500
# A page that is so late is a figure of this measurement, not its end.
LIMIT_MS = 120_000
NICENESS = 10
PRICES_S = 20
SYMBOLS = 50
# The synthetic market moves a symbol five times a second; for the prices ten times.
FASTER = "2"
PAGES = {
    "dashboard": "/",
    "worker list": "/admin/trading/worker/",
    "trade list": "/admin/trading/trade/",
    "analysis": "/analysis/?period=365",
}
LCP_BAR_MS, PIXEL_BAR_MS, BUSY_BAR = 500.0, 250.0, 0.3
WATCH_PAINT = """
window.largest = 0;
new PerformanceObserver((list) => { window.largest = list.getEntries().at(-1).startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
"""
WATCH_PRICES = """
window.ages = [];
const arrived = new Map(), known = new Map();
const Real = window.WebSocket;
window.WebSocket = class extends Real {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", (message) => {
      const { type, data } = JSON.parse(message.data);
      if (type !== "prices") return;
      for (const [symbol, bid, ask, ms] of data) {
        if (known.get(symbol) === `${bid} ${ask}`) continue; // what is shown already is not painted again
        known.set(symbol, `${bid} ${ask}`);
        if (!arrived.has(symbol)) arrived.set(symbol, ms);
      }
    });
  }
};
addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
  const rowOf = ({ target }) => target.parentElement?.closest?.("[data-symbol]")?.dataset.symbol;
  const rows = new Set(changes.map(rowOf));
  const painted = [...rows].filter((symbol) => arrived.has(symbol)).map((symbol) => arrived.get(symbol));
  rows.forEach((symbol) => arrived.delete(symbol));
  requestAnimationFrame(() => setTimeout(() => {
    const now = performance.timeOrigin + performance.now();
    window.ages.push(...painted.map((ms) => now - ms));
  }));
}).observe(document.getElementById("prices"), { subtree: true, childList: true, characterData: true }));
"""


def measure(*, stored: int = STORED) -> dict[str, Any]:
    """Give the largest paint and the bytes of each page, and the age of prices when they are painted."""
    program = find_chromium()
    if program is None:
        raise SystemExit("surface needs Chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="fc-surface-") as folder:
        home = Path(folder)
        store_trades(home, stored)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            _step_back(Path(program).name)
            with _stack(home) as stack:
                cookies = _cookies(stack)
                pages = {name: _paint(browser, stack, cookies, path) for name, path in PAGES.items()}
            with _stack(home, "--speed", FASTER) as stack:
                prices = _prices(browser, stack, _cookies(stack))
            browser.close()
    return {
        "stored_trades": stored,
        "slowed": SLOWED,
        "pages": pages,
        "prices": prices,
        "load_1m": os.getloadavg()[0],
        "bars": {"lcp_ms": LCP_BAR_MS, "pixel_p99_ms": PIXEL_BAR_MS, "busy": BUSY_BAR},
    }


@contextmanager
def _stack(home: Path, *options: str) -> Iterator[Stack]:
    """Run a stack on the home with one worker that watches all symbols."""
    names = ",".join(f"COIN{number}USDT" for number in range(SYMBOLS))
    with start(home, "--seed", "7", "--symbols", names, *options) as stack:
        name = "watches" + "".join(options)
        stack.create_worker(
            name, "--strategy", "DIP_REVERSION", "--quote-asset", "USDT", "--top", str(SYMBOLS),
            "--interval", "1m", "--trade-notional", "20", "--budget", "100", "--take-profit-bps", "50",
            "--stop-loss-bps", "50", "--max-hold-s", "600",
        )  # fmt: skip
        yield stack


def _cookies(stack: Stack) -> list[Any]:
    address = f"http://127.0.0.1:{stack.port}"
    return [{"name": each.name, "value": each.value, "url": address} for each in log_in(stack).cookies]


def _step_back(program: str) -> None:
    """Let the browser's processes, and those that they will start, go after all others."""
    ours = [each for each in psutil.Process().children(recursive=True) if each.name() == program]
    if not ours:
        raise SystemExit(f"surface finds no process of {program} that could step back")
    for process in ours:
        process.nice(NICENESS)
        autogroup = Path(f"/proc/{process.pid}/autogroup")
        # Shares of a session, which Linux looks at before niceness; one wish each is heard at once.
        if autogroup.exists() and os.getsid(process.pid) == process.pid:
            autogroup.write_text(str(NICENESS))


def _open(browser: Browser, stack: Stack, cookies: list[Any], size: tuple[int, int]) -> BrowserContext:
    width, height = size
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{stack.port}", viewport={"width": width, "height": height}
    )
    context.set_default_timeout(LIMIT_MS)
    context.add_cookies(cookies)
    return context


def _paint(browser: Browser, stack: Stack, cookies: list[Any], path: str) -> dict[str, float]:
    found = [_paint_once(browser, stack, cookies, path) for _ in range(ROUNDS)]
    return {
        "lcp_ms": statistics.median(lcp_ms for lcp_ms, _ in found),
        "worst_lcp_ms": max(lcp_ms for lcp_ms, _ in found),
        "transferred_kib": statistics.median(size for _, size in found) / 1024,
    }


def _paint_once(browser: Browser, stack: Stack, cookies: list[Any], path: str) -> tuple[float, float]:
    """Load a page on a phone with an empty cache; give its largest paint in ms and its bytes."""
    context = _open(browser, stack, cookies, PHONE)
    page = context.new_page()
    page.add_init_script(WATCH_PAINT)
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(path, wait_until="load")
    page.wait_for_timeout(SETTLED_MS)
    lcp_ms = float(page.evaluate("window.largest"))
    context.close()
    return lcp_ms, sum(sizes)


def _prices(browser: Browser, stack: Stack, cookies: list[Any]) -> dict[str, float]:
    context = _open(browser, stack, cookies, DESKTOP)
    page = context.new_page()
    page.add_init_script(WATCH_PRICES)
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto("/")
    page.locator("main[aria-busy=false]").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    before = _busy_s(session)
    page.evaluate("window.ages.length = 0")
    page.wait_for_timeout(PRICES_S * 1000)
    busy = (_busy_s(session) - before) / PRICES_S
    ages = sorted(_ages(page))
    context.close()
    if len(ages) < 100:
        raise SystemExit(f"only {len(ages)} prices were painted in {PRICES_S} s")
    return {
        "symbols": SYMBOLS,
        "painted_a_second": len(ages) / PRICES_S,
        "p50_ms": ages[len(ages) // 2],
        "p99_ms": ages[int(len(ages) * 0.99)],
        "main_thread_busy": busy,
    }


def _ages(page: Page) -> list[float]:
    ages: list[float] = page.evaluate("window.ages")
    return ages


def _busy_s(session: CDPSession) -> float:
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
