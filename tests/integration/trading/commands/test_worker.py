"""`manage.py worker`: what the admin can do; JSON alone on standard output; one line for what is wrong."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.models import Trade, Worker

pytestmark = pytest.mark.usefixtures("always")
CREATE = ["create", "--name", "dips", "--strategy", "DIP_REVERSION", "--trade-notional", "50", "--json"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run the command and read its JSON."""
    call_command("worker", *arguments)
    return json.loads(capsys.readouterr().out)


def test_create_makes_a_worker_of_exactly_what_was_said(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = run(capsys, *CREATE, "--symbols", "BTCUSDT,ETHUSDT", "--param", "z_entry=3", "--interval", "1s")

    assert (answer["name"], answer["state"], answer["version"]) == ("dips", "STOPPED", 1)
    assert answer["config"]["universe"] == {"symbols": ["BTCUSDT", "ETHUSDT"]}
    assert (answer["config"]["parameters"]["z_entry"], answer["config"]["budget"]) == (3.0, "250.00000000")


def test_create_by_rule_and_start_at_once(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, *CREATE, "--quote-asset", "USDT", "--top", "3", "--start")

    assert answer["state"] == "ACTIVE"
    assert answer["config"]["universe"]["top"] == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--symbols", "NOPE"], "--symbols: NOPE is not traded"),
        (["--quote-asset", "USDT", "--top", "0"], "--top: a whole number from 1"),
        (["--symbols", "BTCUSDT", "--interval", "7m"], "--interval: one of 1s"),
        (["--symbols", "BTCUSDT", "--param", "z_entry=99"], "--param: DIP_REVERSION.z_entry must be"),
        (["--symbols", "BTCUSDT", "--param", "nonsense=1"], "--param: DIP_REVERSION has no parameter"),
        (["--symbols", "BTCUSDT", "--budget", "1"], "--budget: at least"),
    ],
)
def test_a_wrong_value_names_its_option(site: Scene, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match="--") as caught:
        call_command("worker", *CREATE, *arguments)

    assert caught.value.returncode == 2
    assert says in str(caught.value)


def test_an_unknown_strategy_is_answered_with_those_there_are(site: Scene) -> None:
    with pytest.raises(CommandError, match=r"--strategy: invalid choice: 'MAGIC'.*DIP_REVERSION"):
        call_command("worker", *CREATE, "--symbols", "BTCUSDT", "--strategy", "MAGIC")


@pytest.mark.parametrize("amount", ["1e400", "-1", "0.000000001", "NaN", "much"])
def test_an_amount_that_cannot_be_kept_is_answered_in_one_line(site: Scene, amount: str) -> None:
    arguments = [*CREATE, "--symbols", "BTCUSDT", f"--trade-notional={amount}"]

    with pytest.raises(CommandError, match="argument --trade-notional"):
        call_command("worker", *arguments)


def test_states_change_by_name_and_by_id(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    worker = a_worker(site)

    assert run(capsys, "stop", worker.name, "--json")["state"] == "STOPPED"
    assert run(capsys, "start", str(worker.pk), "--json")["state"] == "ACTIVE"
    assert run(capsys, "drain", worker.name, "--json")["state"] == "DRAINING"
    assert [row["id"] for row in run(capsys, "list", "--json")] == [worker.pk]


def test_a_refusal_is_exit_1_and_an_unknown_worker_exit_2(site: Scene) -> None:
    worker = a_worker(site)

    with pytest.raises(CommandError, match="stop it first") as refused:
        call_command("worker", "delete", worker.name)
    with pytest.raises(CommandError, match="no worker has") as unknown:
        call_command("worker", "start", "nobody")

    assert (refused.value.returncode, unknown.value.returncode) == (1, 2)


def test_flatten_sells_and_tells_what_is_left(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    worker = a_worker(site)
    turn(site)
    site.pump()

    answer = run(capsys, "flatten", worker.name, "--json")

    assert (answer["state"], answer["open_trades"]) == ("STOPPED", 0)
    assert Trade.objects.get().state == "CLOSED"
    assert Worker.objects.get().state == "STOPPED"
