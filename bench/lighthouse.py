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

from bench.stack import Stack, running
from bench.visitor import cookie_header, log_in
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
        headers = Path(folder) / "headers.json"
        headers.write_text(json.dumps({"Cookie": cookie_header(log_in(stack))}), encoding="utf-8")
        pages = {
            name: _middle([_run(program, chromium, stack, path, headers) for _ in range(ROUNDS)])
            for name, path in PAGES.items()
        }
    return {"pages": pages, "bar": BAR, "load_1m": os.getloadavg()[0]}


def _program() -> list[str]:
    if found := shutil.which("lighthouse"):
        return [found]
    if found := shutil.which("npx"):
        return [found, "--yes", f"lighthouse@{VERSION}"]
    raise SystemExit("lighthouse needs Node with lighthouse, or npx, on the path")


def _run(program: list[str], chromium: str, stack: Stack, path: str, headers: Path) -> dict[str, float]:
    report = headers.with_name("report.json")
    command = [
        *program, f"http://127.0.0.1:{stack.port}{path}", "--quiet", "--output=json",
        f"--output-path={report}",
        f"--only-categories={','.join(MARKS)}", f"--extra-headers={headers}",
        f"--chrome-flags=--headless=new {' '.join(FLAGS)}",
    ]  # fmt: skip
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise SystemExit(f"lighthouse: {done.stderr.decode()[-500:]}")
    said = json.loads(report.read_text(encoding="utf-8"))
    if said["finalDisplayedUrl"].endswith("/login/"):
        raise SystemExit("lighthouse was sent to the login")
    marks = {name: 100 * said["categories"][name]["score"] for name in MARKS}
    return marks | {name: said["audits"][name]["numericValue"] for name in SHOWN}


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
