"""Questions behind the venue's second address, /sapi, which not every venue has: testnets do not.

Used by the question modules of exchange.client, inside a call of its line.
"""

from http import HTTPStatus
from typing import Any

from binance.exceptions import BinanceAPIException


def ask_wallet(client: Any, path: str, *, signed: bool) -> object:
    """Give the answer to GET /sapi/v1/<path>; None where the venue has no such question (404).

    The client's API key goes along as a header, signed or not.
    """
    origin = client.API_URL.removesuffix("/api")
    try:
        return client._request("get", f"{origin}/sapi/v1/{path}", signed, data={})
    except BinanceAPIException as error:
        if error.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None
