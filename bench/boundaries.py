"""Every line at which a process can die so that it matters: each SQL statement, each request to the venue.

A Gate stands at these boundaries, counts them by name, and kills its process with SIGKILL at a chosen one.
A name says which function of the services was at work and what was about to happen or had just happened:
`submit.claim: after UPDATE trading_order`.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from unittest.mock import patch

from django.db import connection
from urllib3.connection import HTTPConnection

SERVICES = os.path.join("trading", "services") + os.sep
TABLE = re.compile(r'(?:FROM|INTO|UPDATE)\s+"(\w+)"')
READS = ("SELECT",)


@dataclass(frozen=True, slots=True, order=True)
class Boundary:
    """The n-th time (from 1) that a process comes to the boundary of this name."""

    name: str
    number: int = 1

    @property
    def place(self) -> str:
        """The function of the services that was at work."""
        return self.name.partition(":")[0]


@dataclass(slots=True)
class Gate:
    """Counts the boundaries that are passed; the process ends at `fatal`."""

    fatal: Boundary | None = None
    passed: list[Boundary] = field(default_factory=list)
    _numbers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def come_to(self, what: str) -> None:
        """Count one boundary, or die there."""
        name = f"{_place()}: {what}"
        with self._lock:
            self._numbers[name] += 1
            here = Boundary(name, self._numbers[name])
            self.passed.append(here)
            if here == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def on_sql(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 -- as Django calls it
        context: dict[str, Any],
    ) -> Any:
        """Stand around a statement. A read changes nothing, so one boundary after it is enough."""
        what = _statement(sql)
        if not what.startswith(READS):
            self.come_to(f"before {what}")
        result = execute(sql, params, many, context)
        self.come_to(f"after {what}")
        return result

    def around(self, what: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """Stand around a call without arguments of its own, such as the commit."""

        def acting(*args: Any, **kwargs: Any) -> Any:
            self.come_to(f"before {what}")
            result = act(*args, **kwargs)
            self.come_to(f"after {what}")
            return result

        return acting


@contextmanager
def standing(gate: Gate) -> Iterator[None]:
    """Put the gate at every boundary of this process until the block ends."""
    send, hear = HTTPConnection.request, HTTPConnection.getresponse
    commit: Callable[..., Any] = getattr(connection, "_commit")  # noqa: B009 -- the stubs leave it out

    def request(self: HTTPConnection, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        what = f"{method} {url.partition('?')[0]}"
        self.fc_request = what  # type: ignore[attr-defined]  # the answer is named after its request
        gate.come_to(f"before {what}")
        send(self, method, url, *args, **kwargs)
        gate.come_to(f"after {what} left")

    def getresponse(self: HTTPConnection) -> Any:
        answer = hear(self)
        gate.come_to(f"after {self.fc_request} was answered")  # type: ignore[attr-defined]  # as above
        return answer

    with (
        connection.execute_wrapper(gate.on_sql),
        patch.object(connection, "_commit", gate.around("COMMIT", commit)),
        patch.object(HTTPConnection, "request", request),
        patch.object(HTTPConnection, "getresponse", getresponse),
    ):
        yield


def _statement(sql: str) -> str:
    """Give the kind of a statement and its first table."""
    words = sql.split(None, 1)[0].upper()
    table = TABLE.search(sql)
    if table is not None and words == "SELECT" and " FOR UPDATE" in sql:
        words = "SELECT FOR UPDATE"
    return f"{words} {table[1]}" if table is not None else words


def _place() -> str:
    """Name the innermost function of the services that is at work, in the thread that came here."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if SERVICES in path and not name.startswith("<"):
            return f"{os.path.basename(path).removesuffix('.py')}.{name}"
        frame = frame.f_back
    return "outside"
