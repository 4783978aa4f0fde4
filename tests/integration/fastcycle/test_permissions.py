"""Who may what, tried: every address, admin action and socket as each role; it makes docs/permissions.md.

`WRITE_PERMISSIONS=1 pytest tests/integration/fastcycle/test_permissions.py` writes the page anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import transaction
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from monitoring import consumers
from monitoring.models import Alert
from monitoring.roles import OPERATOR, VIEWER, grant
from tests.support.desk import Scene
from tests.support.trading import a_worker
from trading.models import BlacklistEntry, Incident
from trading.services import limits

pytestmark = [
    pytest.mark.usefixtures("always"),
    pytest.mark.skipif(
        os.environ.get("TEST_DATABASE") == "postgresql", reason="asks no question that a database answers"
    ),
]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "permissions.md"
ROLES = ("anonymous", "no role", "viewer", "operator", "administrator")
# Whose own business it is, or what everybody may do who reaches the page.
LEFT_OUT = {
    "admin:login", "admin:logout", "admin:password_change", "admin:password_change_done", "admin:jsi18n",
    "admin:view_on_site", "admin:autocomplete", "admin:app_list", "admin:index",
}  # fmt: skip
VALUES = {
    "admin:trading_worker_act": {"name": "stop"},
    "admin:trading_tradingcontrol_act": {"name": "entries"},
    "admin:trading_configsnapshot_act": {"name": "rollback"},
    "trading:worker": {"act": "stop"},
    "trading:trading_state": {"state": "reducing"},
    "trading:kill": {"level": "entries"},
    "monitoring:candles": {"symbol": "BTCUSDT"},
}
HEAD = """# Who may what

Written by `tests/integration/fastcycle/test_permissions.py`, which tries each line as each role and fails
where this page says something else. *yes*: let through. *no*: refused (403, or not offered). *login*: sent
to the login. *–*: there is nothing to answer. `/metrics` asks for its token instead of a login.

| role | how |
|---|---|
| anonymous | not logged in |
| no role | logged in, *Staff status*, in no group |
| viewer | *Staff status* and the group `viewer`: sees everything, changes nothing |
| operator | *Staff status* and the group `operator`: acts on workers, limits, stages, alerts, rolls back |
| administrator | superuser: users, groups and schedules too |

Whoever has no *Staff status* but a group reaches the dashboard and its pages, and not the admin.

"""


@pytest.fixture
def people(site: Scene) -> dict[str, Client]:
    """A client for each role, on an installation that has a row of most kinds."""
    grant(apps)
    a_worker(site)
    limits.set_limits("USDT", {"max_daily_loss": None}, actor="x", now=site.clock(), reason="x")
    now = site.clock()
    Incident.objects.create(opened_at=now, opened_by="x", cause="x")
    Alert.objects.create(uid="1", code="DISK_FREE", level="CRITICAL", points=1, opened_at=now, seen_at=now)
    BlacklistEntry.objects.create(symbol="ETHUSDT", reason="MANUAL", created_by="x", created_at=now)
    clients = {"anonymous": Client()}
    for name in ROLES[1:]:
        is_all = name == "administrator"
        user = User.objects.create_user(name, password="x", is_staff=True, is_superuser=is_all)
        if name in (VIEWER, OPERATOR):
            user.groups.add(Group.objects.get(name=name))
        clients[name] = Client()
        clients[name].force_login(user)
    return clients


def test_the_page_says_what_each_role_may(people: dict[str, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether somebody is let through is settled before a page is drawn, and drawing takes most of the time.
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    lines = ["| address | method | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 2) + "|"]
    lines += _table(people)
    lines += ["", "| admin action | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    lines += [f"| {what} | {' | '.join(may)} |" for what, may in sorted(_actions())]
    lines += ["", "| socket `/ws/dashboard` | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    lines += [f"| {what} | {' | '.join(_socket())} |" for what in ("connect", "message `snapshot`")]
    page = HEAD + "\n".join(lines) + "\n"

    if os.environ.get("WRITE_PERMISSIONS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


def _table(people: dict[str, Client]) -> list[str]:
    """Try every address; pages of the admin that answer alike stand in one line, with their models."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, route, address in sorted(_addresses(), key=lambda each: each[1]):
        for method in ("GET", "POST"):
            tried = [_try(people[role], method, address) for role in ROLES]
            if set(tried) != {"–"}:
                app, model, rest = _parts(name, route)
                found.setdefault((f"{app}{rest}", method, " | ".join(tried)), []).append(model)
    lines = []
    for (route, method, said), models in found.items():
        of_models = f" of {', '.join(dict.fromkeys(models))}" if models[0] else ""
        lines.append(f"| `/{route}`{of_models} | {method} | {said} |")
    return lines


def _parts(name: str, route: str) -> tuple[str, str, str]:
    words = _plain(route).split("/", 3)
    is_model = name.startswith("admin:") and len(words) == 4
    return (f"{words[0]}/{words[1]}/…/", words[2], words[3]) if is_model else ("", "", _plain(route))


def _addresses(patterns: Any = None, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str, str]]:
    """Give name, route and an address of everything that the site answers."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{each.namespace}:" if each.namespace else namespace
            yield from _addresses(each.url_patterns, route, inner)
        elif isinstance(each, URLPattern) and each.name and f"{namespace}{each.name}" not in LEFT_OUT:
            name = f"{namespace}{each.name}"
            values = {key: _value(name, key) for key in each.pattern.regex.groupindex}
            yield name, route, reverse(name, kwargs=values) + ("?ids=1" if "export" not in route else "")


def _value(name: str, key: str) -> Any:
    if key in VALUES.get(name, {}):
        return VALUES[name][key]
    for model in apps.get_models():
        if f":{model._meta.label_lower.replace('.', '_')}_" in name:
            row = model._default_manager.first()
            return row.pk if row is not None else 1
    return 1


def _try(client: Client, method: str, address: str) -> str:
    """Ask as the client, leave no trace, and give the answer in a word."""
    data = {"confirmed": "yes", "reason": "x"} if method == "POST" else {}
    client.raise_request_exception = False
    with transaction.atomic():
        response = client.generic(
            method,
            address,
            "&".join(f"{key}={value}" for key, value in data.items()),
            content_type="application/x-www-form-urlencoded",
        )
        transaction.set_rollback(True)
    assert response.status_code != 500, (method, address)
    is_nothing = response.headers.get("Location") == reverse("admin:index")  # no such row
    if response.status_code == 405 or is_nothing:
        return "–"
    if response.status_code == 401 or "/login/" in response.headers.get("Location", ""):
        return "login"
    return "no" if response.status_code == 403 else "yes"


def _plain(route: str) -> str:
    return route.replace("path:", "").replace("int:", "").replace("slug:", "").replace("str:", "")


def _users() -> list[Any]:
    return [AnonymousUser(), *(User.objects.get(username=name) for name in ROLES[1:])]


def _actions() -> Iterator[tuple[str, list[str]]]:
    for model, page in admin.site._registry.items():
        offered: list[set[str]] = []
        for user in _users():
            request = RequestFactory().get("/")
            request.user = user
            offered.append(set(page.get_actions(request)) if page.has_view_permission(request) else set())
        for name in set().union(*offered):
            yield f"{model._meta.label}: {name}", ["yes" if name in each else "no" for each in offered]


def _socket() -> list[str]:
    may = ["yes" if consumers._may_look({"user": user}) else "no" for user in _users()[1:]]
    return ["login", *may]
