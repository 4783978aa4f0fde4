"""What a browser may load and do on our pages, told with every answer.

Pages of ours load from this site alone and run no inline script. The admin's own scripts (Alpine) build
functions from text, and its styles are partly inline; only its pages allow that. A constant text by path is
all that is needed, so no library is used for it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_SAME = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; connect-src 'self'; "
)
PAGES = _SAME + "script-src 'self'; style-src 'self' 'unsafe-inline'"
ADMIN = _SAME + "script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
FEATURES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class PolicyMiddleware:
    """Adds the policies to every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the policy of the page's part of the site."""
        response = self._get_response(request)
        policy = ADMIN if request.path.startswith("/admin/") else PAGES
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", FEATURES)
        return response
