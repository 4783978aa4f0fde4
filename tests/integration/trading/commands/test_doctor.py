"""`doctor`: what is unfit fails with its mend, what cannot be looked at is not called fine."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import DatabaseError

from trading import bootstrap
from trading.domain.ports import VenueUnavailable
from trading.exchange.key_questions import KeyRestrictions
from trading.management.doctor import ground, machine, venue
from trading.management.doctor.findings import Finding, Verdict, examine

SAFE_KEY = KeyRestrictions(
    may_withdraw=False, may_transfer=False, may_trade_spot=True, is_bound_to_addresses=True
)


class _Account:
    """A venue that answers as the test says."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"key_restrictions": SAFE_KEY, "may_trade": True, "sync_clock": 12.0, **answers}

    def __getattr__(self, name: str) -> Any:
        def answer(*_: object) -> Any:
            value = self.answers[name]
            if isinstance(value, Exception):
                raise value
            return value

        return answer


def _look(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> list[Finding]:
    account = _Account(**answers)
    monkeypatch.setattr(bootstrap, "get_venue", lambda: account)
    return list(venue.check_venue())


def _failures(findings: list[Finding]) -> list[str]:
    assert all(each.mend for each in findings if each.verdict is not Verdict.OK)
    return [each.text for each in findings if each.verdict is Verdict.FAIL]


@pytest.mark.usefixtures("db", "redis_client")
@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"key_restrictions": SAFE_KEY}, ""),
        ({"key_restrictions": KeyRestrictions(True, False, True, True)}, "may withdraw money"),
        ({"key_restrictions": KeyRestrictions(False, False, True, False)}, "from any address"),
        ({"key_restrictions": KeyRestrictions(False, False, False, True)}, "may not trade spot"),
        ({"may_trade": False}, "account may not trade"),
        ({"may_trade": VenueUnavailable("HTTP 401")}, "refuses our key"),
        ({"sync_clock": VenueUnavailable("no connection")}, "does not answer"),
        ({"sync_clock": -2500.0}, "-2500 ms"),
    ],
)
def test_what_the_venue_says_of_key_and_clock(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], said: str
) -> None:
    failures = _failures(_look(monkeypatch, **answers))

    assert len(failures) == (1 if said else 0)
    assert said in "".join(failures)


@pytest.mark.usefixtures("db", "redis_client")
def test_a_key_that_cannot_be_looked_at_fails_where_money_is_real(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    elsewhere = _look(monkeypatch, key_restrictions=None)
    settings.VENUE = settings.VENUE._replace(name="live")
    live = _look(monkeypatch, key_restrictions=None)

    assert not _failures(elsewhere)
    assert any("not checkable here" in each.text for each in elsewhere if each.verdict is Verdict.WARN)
    assert "not checkable here" in _failures(live)[0]


def test_a_redis_that_throws_things_away_fails(redis_client: redis.Redis) -> None:
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        failures = _failures(list(ground.check_redis()))
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")

    assert "allkeys-lru" in failures[0]
    assert not _failures(list(ground.check_redis()))


def test_a_database_that_cannot_be_written_fails(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("attempt to write a readonly database")

    assert not _failures(list(ground.check_database()))
    monkeypatch.setattr("django.db.models.query.QuerySet.update", refuse)
    assert "cannot be written: attempt to write a readonly" in _failures(list(ground.check_database()))[0]


def test_a_variable_that_nobody_reads_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "BINANCE_API_SECRETE", "x")

    findings = list(machine.check_variables())

    assert "nobody reads BINANCE_API_SECRETE" in findings[-1].text
    assert findings[-1].verdict is Verdict.WARN


def test_missing_files_of_pages_fail(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path

    assert "files of pages are missing" in _failures(list(machine.check_static_files()))[0]


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE", 1 << 62)

    assert "GiB free" in _failures(list(machine.check_disk()))[0]


def test_a_package_other_than_locked_fails(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("django==1.0 \\\n    --hash=x\nnothing-like-it==2.0\n")
    settings.BASE_DIR = tmp_path

    (failure,) = _failures(list(machine.check_versions()))

    assert "django 5.2" in failure
    assert "nothing-like-it missing" in failure


def test_a_check_that_breaks_is_a_line_and_hides_no_other() -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("surprise")

    fine = Finding("disk", Verdict.OK, "room")
    findings = list(examine([("redis", broken), ("disk", lambda: [fine])]))

    assert findings[0].verdict is Verdict.FAIL
    assert "RuntimeError: surprise" in findings[0].text
    assert findings[1] is fine


@pytest.mark.usefixtures("db", "redis_client")
def test_doctor_tells_json_and_exits_1_when_something_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = _Account(sync_clock=VenueUnavailable("no connection"))
    monkeypatch.setattr(bootstrap, "get_venue", lambda: account)

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["ok"]) == (1, False)
    assert {"area", "verdict", "text", "mend"} == set(told["findings"][0])
    assert {"venue", "streams"} <= {each["area"] for each in told["findings"] if each["verdict"] == "FAIL"}
