"""`python -m bench lighthouse`: Lighthouse's marks for dashboard and admin index, as its own phone sees them.

Needs Chromium, and Node with `lighthouse` on the path or `npx` that may fetch it. Marks are of 100, and the
middle of several runs.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.stack import Stack, free_port, running
from bench.visitor import log_in
from tests.support.browser import FLAGS, find_chromium

VERSION = "13.5.0"
PAGES = {"dashboard": "/", "admin index": "/admin/"}
MARKS = ("performance", "accessibility")
SHOWN = (
    "first-contentful-paint",
    "largest-contentful-paint",
    "total-blocking-time",
    "cumulative-layout-shift",
)
ROUNDS = 3
LIMIT_S = 240
BAR = 95


def measure() -> dict[str, Any]:
    """Give the marks of each page, and the times that the performance mark is made of."""
    program, chromium = _program(), find_chromium()
    if chromium is None:
        raise SystemExit("lighthouse needs Chromium on this machine")
    with running("--seed", "7") as stack, tempfile.TemporaryDirectory(prefix="fc-lighthouse-") as folder:
        pages = {
            name: _middle([_run(program, chromium, stack, path, Path(folder)) for _ in range(ROUNDS)])
            for name, path in PAGES.items()
        }
    return {"pages": pages, "bar": BAR, "load_1m": os.getloadavg()[0]}


def _program() -> list[str]:
    if found := shutil.which("lighthouse"):
        return [found]
    if found := shutil.which("npx"):
        return [found, "--yes", f"lighthouse@{VERSION}"]
    raise SystemExit("lighthouse needs Node with lighthouse, or npx, on the path")


def _run(program: list[str], chromium: str, stack: Stack, path: str, folder: Path) -> dict[str, float]:
    """Let Lighthouse look with a new browser in which the operator is logged in, the WebSocket's too."""
    report, site, port = folder / "report.json", f"http://127.0.0.1:{stack.port}", free_port()
    cookies: list[Any] = [
        {"name": each.name, "value": each.value, "url": site} for each in log_in(stack).cookies
    ]
    command = [
        *program, f"{site}{path}", "--quiet", "--output=json", f"--output-path={report}",
        f"--only-categories={','.join(MARKS)}", f"--port={port}", "--disable-storage-reset",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder) as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=[*FLAGS, f"--remote-debugging-port={port}"]
        )
        browser.add_cookies(cookies)
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
        browser.close()
    if done.returncode:
        raise SystemExit(f"lighthouse: {done.stderr.decode()[-500:]}")
    said = json.loads(report.read_text(encoding="utf-8"))
    if "/login/" in said["finalDisplayedUrl"]:
        raise SystemExit("lighthouse was sent to the login")
    marks = {name: 100 * said["categories"][name]["score"] for name in MARKS}
    return marks | {name: said["audits"][name]["numericValue"] for name in SHOWN}


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
