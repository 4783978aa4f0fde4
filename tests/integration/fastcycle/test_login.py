"""The login: a door that closes after wrong passwords, a second factor for who has one, strict answers."""

import re
import time

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from trading.models import JournalEntry

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
PASSWORD = "right and long"


@pytest.fixture
def user() -> User:
    """Somebody with a password."""
    return User.objects.create_superuser("anna", password=PASSWORD)


def _enter(client: Client, password: str = PASSWORD, code: str = "") -> int:
    answer = client.post(LOGIN, {"username": "anna", "password": password, "code": code, "next": "/"})
    return answer.status_code


def _code_of(user: User) -> str:
    device = TOTPDevice.objects.get(user=user)
    generator = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    generator.time = time.time()
    return f"{generator.token():06d}"


@pytest.fixture
def recovery_codes(user: User, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Codes of a user who has just set up a second factor."""
    call_command("second_factor", "on", "anna")
    said = capsys.readouterr().out
    assert "otpauth://totp/Fast-Cycle" in said
    return re.findall(r"\br[a-z2-7]{8}\b", said)


def test_five_wrong_passwords_close_the_door_for_this_address_alone(user: User, client: Client) -> None:
    assert [_enter(client, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]

    assert _enter(client) == 429
    assert _enter(Client(REMOTE_ADDR="192.0.2.7")) == 302


def test_a_right_password_forgets_the_wrong_ones(user: User, client: Client) -> None:
    for _ in range(3):
        assert [_enter(client, "wrong") for _ in range(4)] == [200] * 4
        assert _enter(client) == 302


def test_without_a_second_factor_no_code_is_asked_for(user: User, client: Client) -> None:
    assert _enter(client) == 302
    assert client.get("/").status_code == 200


def test_with_a_second_factor_the_password_is_not_enough(
    user: User, client: Client, recovery_codes: list[str]
) -> None:
    assert _enter(client) == 200
    assert _enter(client, code="rwrongone") == 200
    assert client.get("/").status_code == 302

    assert _enter(client, code=_code_of(user)) == 302
    assert client.get("/").status_code == 200


def test_a_code_opens_once(user: User, client: Client, recovery_codes: list[str]) -> None:
    code = _code_of(user)
    assert _enter(client, code=code) == 302
    assert _enter(Client(), code=code) == 200

    assert _enter(Client(), code=recovery_codes[0]) == 302
    assert _enter(Client(), code=recovery_codes[0]) == 200


def test_a_second_factor_is_taken_away_with_a_journal_row(
    user: User, client: Client, recovery_codes: list[str]
) -> None:
    call_command("second_factor", "off", "anna")

    assert _enter(client) == 302
    assert [row.action for row in JournalEntry.objects.order_by("pk")] == [
        "user.second_factor_on",
        "user.second_factor_off",
    ]
    with pytest.raises(CommandError, match="there is no user 'nobody'"):
        call_command("second_factor", "on", "nobody")


def test_secrets_of_a_second_factor_are_in_no_journal_row(user: User, recovery_codes: list[str]) -> None:
    row = str(JournalEntry.objects.values().get())

    assert TOTPDevice.objects.get().key not in row
    assert not any(code in row for code in recovery_codes)


@pytest.mark.parametrize("path", ["/", "/admin/", LOGIN, "/healthz"])
def test_every_answer_says_what_a_browser_may_load(user: User, client: Client, path: str) -> None:
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    headers = client.get(path).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert ("'unsafe-eval'" in policy["script-src"]) == path.startswith("/admin/")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
