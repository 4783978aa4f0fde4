"""What the processes stand on: Redis and the database. Called by the doctor command; it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from trading import bootstrap
from trading.management.doctor.findings import Area, Finding
from trading.models import TradingControl

POLICY = "noeviction"
CROWDED_RATIO = 0.8


def check_redis() -> Iterator[Finding]:
    """Look whether Redis answers, keeps what it is given, and has room."""
    area = Area("redis")
    try:
        facts = _facts(bootstrap.get_redis())
    except redis.RedisError as error:
        if settings.REDIS_SOCKET is not None:
            yield area.fail("the private Redis does not run", "start the stack: manage.py up")
        else:
            yield area.fail(
                f"REDIS_URL does not answer: {type(error).__name__}", "start it, or mend REDIS_URL"
            )
        return
    yield area.ok(f"{facts.get('server_name', 'redis')} {facts['redis_version']} answers")
    yield from _look_into_redis(area, facts)


def _facts(client: redis.Redis) -> dict[str, Any]:
    client.ping()
    facts: dict[str, Any] = dict(client.info())
    try:
        facts["policy"] = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.ResponseError:  # a hosted Redis may keep its configuration to itself
        facts["policy"] = facts.get("maxmemory_policy")
    return facts


def _look_into_redis(area: Area, facts: Mapping[str, Any]) -> Iterator[Finding]:
    policy = facts["policy"]
    if policy != POLICY:
        yield area.fail(
            f"maxmemory-policy is {policy}: tasks and the request budget may be thrown away",
            f"set maxmemory-policy {POLICY}",
        )
    else:
        yield area.ok(f"maxmemory-policy {POLICY}; nothing in it needs to survive")
    if facts.get("rdb_last_bgsave_status", "ok") != "ok":
        yield area.fail("its last save failed; it may refuse writes", "make room on its disk, or set save ''")
    used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if most and used > CROWDED_RATIO * most:
        yield area.warn(f"{used / most:.0%} of maxmemory is used", "raise maxmemory")


def check_database() -> Iterator[Finding]:
    """Look whether the database can be written, is journalled, and has the tables of this version."""
    area = Area("database")
    try:
        with transaction.atomic():
            # It matches no row, and is refused where nothing may be written.
            TradingControl.objects.filter(pk=0).update(reason="")
    except DatabaseError as error:
        lines = str(error).splitlines() or [type(error).__name__]
        if "trading_tradingcontrol" in lines[0]:
            yield area.fail("the tables are missing", "manage.py migrate")
        else:
            yield area.fail(f"it cannot be written: {lines[0]}", "see DATABASE_URL, disk and permissions")
        return
    yield area.ok(f"{connection.vendor} {_version()} can be written")
    yield from _look_at_journal(area)
    yield _migrations(area)


def _version() -> str:
    return ".".join(map(str, connection.get_database_version()))


def _look_at_journal(area: Area) -> Iterator[Finding]:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
    if mode == "wal":
        yield area.ok("write-ahead log is on")
    else:
        yield area.fail(
            f"journal_mode is {mode}: readers and writers block each other",
            "keep the database on a local disk; a network folder allows no write-ahead log",
        )


def _migrations(area: Area) -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        return area.fail(f"{len(plan)} migrations are not applied: {names}", "manage.py backup, then migrate")
    return area.ok("all migrations are applied")
