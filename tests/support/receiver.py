"""A web server of the test's own that takes what the product sends, and refuses when told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Receipt:
    """One request that came."""

    at_s: float
    method: str
    path: str
    body: dict[str, Any]


@dataclass(slots=True)
class Receiver:
    """What came, oldest first. `refusals` are answered with 500 before anything is taken."""

    port: int
    receipts: list[Receipt] = field(default_factory=list)
    refused: int = 0
    refusals: int = 0

    @property
    def url(self) -> str:
        """Address for Apprise."""
        return f"json://127.0.0.1:{self.port}/hook"

    def titles(self) -> list[str]:
        """Titles of the messages, in order."""
        return [receipt.body["title"] for receipt in self.receipts if receipt.method == "POST"]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Take requests on a port of this machine until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._take(body)

        def do_GET(self) -> None:
            self._take({})

        def _take(self, body: dict[str, Any]) -> None:
            if receiver.refusals > 0:
                receiver.refusals -= 1
                receiver.refused += 1
                self.send_response(500)
            else:
                receiver.receipts.append(Receipt(time.time(), self.command, self.path, body))
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
