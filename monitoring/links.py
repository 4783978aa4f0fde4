"""Where a message leads: the address of the page on which something can be done about it.

Called by everybody who writes messages. Only `PUBLIC_URL` knows how the site is reached from outside; without
it a message names no page.
"""

from __future__ import annotations

from django.conf import settings

ALERTS = "/#alerts-card"
RECONCILES = "/admin/trading/reconcilerun/"
UNANSWERED_ORDERS = "/admin/trading/order/?status__exact=SUBMITTED"
TODAY = "/analysis/?period=1"


def incident(pk: int) -> str:
    """Give the page of an incident."""
    return f"/admin/trading/incident/{pk}/change/"


def report(pk: int) -> str:
    """Give the place of a report on its page."""
    return f"/reports/#report-{pk}"


def lines(path: str) -> list[str]:
    """Give the line that a message ends with: none where nobody knows the site's address."""
    return [f"Look: {settings.PUBLIC_URL}{path}"] if settings.PUBLIC_URL else []
