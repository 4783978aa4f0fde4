"""One call and its reply, in the same shape for REST and the WS API.

The doors (rest.py, ws_api.py) make a Call, the dispatcher gives a Reply, the faults may look at both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from trading.paper.auth import Freshness
from trading.paper.errors import VenueError
from trading.paper.routes import Route

JSON = "application/json"


@dataclass(slots=True)
class Call:
    """A request as it came in.

    `payload` is the signed text; `is_authorised` marks a logged-on session, `is_done` that the venue has
    carried the call out; `session` answers instead of the venue where the call concerns its connection.
    """

    door: str
    route: Route
    params: dict[str, str]
    ip: str
    api_key: str | None = None
    payload: bytes = b""
    signature: str | None = None
    is_authorised: bool = False
    freshness: Freshness | None = None
    weight: int = 0
    is_done: bool = False
    session: Callable[[Call], Any] | None = None


@dataclass(slots=True)
class Reply:
    """An answer. A `body` of bytes goes out as it is; `is_cut` resets the connection instead of answering.

    `is_hung_up` ends it properly instead, `part` sends that much of the body and resets, `drip_s` is the time
    that the body takes, in small pieces; all three on REST only.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    is_cut: bool = False
    is_hung_up: bool = False
    part: float = 1.0
    drip_s: float = 0.0
    data: dict[str, Any] | None = None

    @property
    def raw(self) -> bytes:
        """Give the body as it goes out."""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)

    @property
    def is_unanswered(self) -> bool:
        """Tell whether the connection ends instead of an answer."""
        return self.is_cut or self.is_hung_up

    @property
    def is_accepted(self) -> bool:
        """Tell whether the venue did what was asked."""
        return self.status == 200


def refusal(error: VenueError) -> Reply:
    """Turn a refusal into a reply; `data` about waiting is told on the WS API only, as the venue does."""
    body: dict[str, Any] = {"code": error.code, "msg": error.message}
    if error.data is not None and "retryAfter" not in error.data:
        body["data"] = error.data
    return Reply(error.status, body, dict(error.headers or {}), data=error.data)
