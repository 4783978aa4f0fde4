"""What every test may lean on: private servers, a clean Redis, a fixed moment, no network outside."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.settings import POSTGRES_SOCKETS
from tests.support.servers import run_postgres, run_redis

# A busy machine is slow, which says nothing about what is tested.
hypothesis_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("suite")
ON_POSTGRES = os.environ.get("TEST_DATABASE") == "postgresql"
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL keep the database-bound tests only; the others say nothing new there."""
    if not ON_POSTGRES:
        return
    bound = [item for item in items if _needs_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in bound])
    items[:] = bound


def _needs_database(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    return bool(names & DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session", autouse=ON_POSTGRES)
def postgres_server() -> Iterator[None]:
    """A private cluster for the session, in a folder of its own."""
    with run_postgres(POSTGRES_SOCKETS):
        yield


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The private cluster is thrown away whole; a drop would fail on the connection of a thread."""
    return ON_POSTGRES


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[str]:
    """A private Redis on the socket that the settings name; gives its address."""
    assert settings.REDIS_SOCKET is not None
    with run_redis(settings.REDIS_SOCKET):
        yield settings.REDIS_URL


@pytest.fixture
def redis_client(redis_server: str) -> Iterator[redis.Redis]:
    """A client of an empty private Redis."""
    client = redis.Redis.from_url(redis_server)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def now() -> datetime:
    """The moment of the test; code under test takes it as an argument."""
    return datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_network_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def connect_nearby(self: socket.socket, address: Any) -> None:
        is_near = self.family == socket.AF_UNIX or str(address[0]) in {"127.0.0.1", "::1", "localhost"}
        assert is_near, f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_nearby)
