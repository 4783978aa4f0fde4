"""People and a desk for tests of pages, commands and the dashboard."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from monitoring.roles import VIEWER, grant
from tests.support.desk import Scene, a_scene
from tests.support.trading import always, prepare
from trading import bootstrap

__all__ = ["always"]


@pytest.fixture
def site(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A desk on the venue's engine that the entrances find in bootstrap."""
    scene = a_scene()
    prepare(scene)
    scene.quote("BTCUSDT", "100.00", "100.01")
    monkeypatch.setattr(bootstrap, "get_desk", lambda: scene.desk)
    monkeypatch.setattr(bootstrap, "utc_now", scene.clock)
    return scene


@pytest.fixture
def operator(transactional_db: None) -> Client:
    """Somebody who may do everything, logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="x"))
    return client


@pytest.fixture
def viewer(transactional_db: None) -> Client:
    """Somebody who may look at everything and act on nothing, logged in."""
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    grant(apps)
    user.groups.add(Group.objects.get(name=VIEWER))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(autouse=True, scope="session")
def _static_folder() -> None:
    """Static files are collected by `up`; here the folder only has to be there."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)
