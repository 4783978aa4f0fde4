"""`limits`: what is limited, what counts against it, and wrong values told in a line each."""

import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.domain.values import to_text
from trading.models import AccountLimit, JournalEntry, Trade

pytestmark = pytest.mark.usefixtures("always")


def test_set_changes_what_is_named_and_shows_what_holds(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("limits", "set", "--quote", "USDT", "--max-exposure", "500", "--max-daily-loss", "20")
    capsys.readouterr()

    call_command("limits", "set", "--quote", "USDT", "--max-daily-loss", "none", "--reason", "calm", "--json")

    row = json.loads(capsys.readouterr().out)[0]
    assert (row["quote_asset"], row["max_exposure"], row["max_daily_loss"]) == ("USDT", "500", None)
    assert JournalEntry.objects.filter(action="limits.changed", reason="calm", actor="command").count() == 1


def test_show_tells_what_counts_against_the_limits(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("limits", "show")
    assert "no limit is set" in capsys.readouterr().out
    a_worker(site)
    turn(site)
    call_command("limits", "set", "--quote", "USDT", "--max-exposure", "500")
    told = capsys.readouterr().out

    assert f"  at risk      {to_text(Trade.objects.get().entry_notional)} of 500" in told
    assert "on BTCUSDT of no limit" in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--quote", "USDT", "--max-exposure", "-5"], "--max-exposure: more than 0"),
        (["--quote", "NOSUCH", "--max-exposure", "5"], "--quote: nothing is paid with NOSUCH"),
        (["--quote", "USDT"], "nothing to change"),
        (["--quote", "USDT", "--max-exposure", "much"], "not a decimal number"),
        (["--quote", "USDT", "--max-daily-loss", "1e-9"], "at most 8 decimals"),
    ],
)
def test_a_wrong_value_is_told_and_changes_nothing(site: Scene, options: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says) as caught:
        call_command("limits", "set", *options)

    assert caught.value.returncode in (1, 2)
    assert not AccountLimit.objects.exists()


def test_an_amount_is_kept_exactly(site: Scene) -> None:
    call_command("limits", "set", "--quote", "USDT", "--max-exposure", "123.45678901")

    assert AccountLimit.objects.get().max_exposure == Decimal("123.45678901")
