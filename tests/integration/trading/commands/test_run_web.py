"""What the site says at once, however much it is, reaches the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.stack import free_port
from tests.support.loud_site import LENGTH
from tests.support.servers import wait_until

ROOT = Path(__file__).parents[4]


@pytest.mark.usefixtures("redis_client")
def test_a_snapshot_of_thousands_of_workers_is_one_message(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "FASTCYCLE_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "fastcycle.settings",
    }
    site = subprocess.Popen(
        [sys.executable, "-m", "tests.support.loud_site", str(port)], cwd=ROOT, env=environment
    )
    heard: list[str | bytes] = []

    def listen() -> bool:
        try:
            with connect(f"ws://127.0.0.1:{port}/", max_size=None, open_timeout=2) as socket:
                heard.append(socket.recv(timeout=10))
        except (OSError, WebSocketException):
            return False
        return True

    try:
        wait_until(listen, limit_s=30, what="what the site says")
    finally:
        site.terminate()
        site.wait(timeout=20)
    assert len(heard[0]) == LENGTH
