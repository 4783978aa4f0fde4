"""Messages lead to a page that is there, and on which the thing they tell of can be seen."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from monitoring import links, live, reports, rows
from monitoring.alert_kinds import KINDS
from monitoring.alert_rules import Change, Finding, Step, Watched
from monitoring.watch import write_message
from tests.support.builders import NOON
from tests.support.desk import Scene
from trading.services import incidents

SITE = "https://bot.example.org"


def a_message(code: str) -> str:
    """Give what is sent when this alert opens."""
    watched = Watched(Finding(code, "", 10, "It is so"), first_at=NOON, seen_at=NOON, uid="u" * 32)
    return write_message(Change(Step.TOLD, watched), score=50, now=NOON).body


def shown_by(client: Client, address: str) -> str:
    """Follow a link; give the page, which must hold what the link points at."""
    parts = urlsplit(address.removeprefix(SITE))
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 200, address
    page = answer.content.decode()
    assert f'id="{parts.fragment}"' in page or not parts.fragment
    return page


def test_every_alert_leads_to_a_page_that_opens(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", SITE)
    addresses = {a_message(code).splitlines()[-1] for code in KINDS}

    assert len(addresses) > 3
    for address in addresses:
        assert address.startswith(f"Look: {SITE}/")
        shown_by(operator, address.removeprefix("Look: "))


def test_a_report_and_an_incident_are_found_by_their_messages(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", SITE)
    made = reports.make("HOURLY", now=live.utc_now() + timedelta(hours=1))
    assert made is not None
    (message,) = rows.take_reports("here:1", now=live.utc_now())
    incident = incidents.open_incident_and_halt("it burns", {}, by="guard", desk=site.desk)

    shown_by(operator, message.body.splitlines()[-1].removeprefix("Look: "))
    assert "it burns" in shown_by(operator, links.incident(incident.pk))


@pytest.mark.parametrize("code", ["FEED_DOWN", "LEDGER_DIFFERS"])
def test_without_an_address_of_the_site_a_message_names_no_page(code: str) -> None:
    assert "Look:" not in a_message(code)
