"""Who may look at pages that tell of money: whoever is logged in and holds a role. All our pages use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse

from monitoring.roles import LOOK


def viewers_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Send strangers to the login, and refuse those without a role (403)."""
    guarded: Callable[..., Any] = login_required(permission_required(LOOK, raise_exception=True)(view))
    return guarded
