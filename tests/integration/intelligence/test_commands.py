"""The commands: the keys that scripts rely on, one line for what is wrong, a plot that can be read."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.support.markets import walk, write_candles
from trading.models import Worker

KEYS = {
    "trades",
    "win_rate",
    "profit_factor",
    "net_return",
    "expectancy_bps",
    "max_drawdown",
    "sharpe",
    "bars",
    "bars_per_s",
    "per_symbol",
}
LOOSE = ("--param", "reward_bps=60", "--param", "z_entry=1.4")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candles")
    for seed, symbol in ((1, "AAAUSDT"), (2, "BBBUSDT")):
        write_candles(folder, f"{symbol}-1m-x.csv.gz", walk(9_000, seed=seed))
    return folder


def told(name: str, *options: object) -> str:
    out = StringIO()
    call_command(name, *map(str, options), stdout=out)
    return out.getvalue()


def asked(name: str, *options: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(told(name, *options, "--json"))
    return answer


def test_backtest_answers_with_the_agreed_keys_and_symbols_add_up(data: Path) -> None:
    answer = asked("backtest", "--data", data, "--strategy", "DIP_REVERSION", *LOOSE)

    assert set(answer) == KEYS
    assert answer["bars"] == 18_000
    assert answer["trades"] > 0
    assert answer["trades"] == sum(each["trades"] for each in answer["per_symbol"].values())
    alone = asked("backtest", "--data", data, "--strategy", "DIP_REVERSION", *LOOSE, "--symbols", "BBBUSDT")
    assert alone["per_symbol"] == {"BBBUSDT": answer["per_symbol"]["BBBUSDT"]}


def test_what_is_not_known_is_null_and_costs_are_paid(data: Path) -> None:
    nothing = asked("backtest", "--data", data, "--strategy", "CAPITULATION")
    cheap, dear = (
        asked("backtest", "--data", data, "--strategy", "DIP_REVERSION", *LOOSE, "--fee-bps", fee)
        for fee in (0, 50)
    )

    assert (nothing["trades"], nothing["win_rate"], nothing["profit_factor"]) == (0, None, None)
    assert dear["expectancy_bps"] == pytest.approx(cheap["expectancy_bps"] - 100.0, abs=2.0)


def test_table_and_plot_can_be_read(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"

    text = told("backtest", "--data", data, "--strategy", "DIP_REVERSION", *LOOSE, "--plot", path)

    assert "AAAUSDT" in text
    assert "profit factor" in text
    assert ET.parse(path).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("options", "complaint", "code"),
    [
        (("--data", "nowhere", "--strategy", "DIP_REVERSION"), "nowhere: no such folder", 2),
        (("--strategy", "HOPE"), "no strategy 'HOPE'", 2),
        (("--strategy", "DIP_REVERSION", "--param", "z_entry=99"), "z_entry must be a number from", 2),
        (("--strategy", "DIP_REVERSION", "--symbols", "ZZZ"), "no 1m candles of ZZZ", 2),
        (("--strategy", "DIP_REVERSION", "--from", "2030-01-01"), "no 1m candle between", 2),
        (("--strategy", "DIP_REVERSION", "--plot", "x.doc"), "must end in .svg", 2),
    ],
)
def test_wrong_option_is_one_line_and_exit_2(
    data: Path, options: tuple[str, ...], complaint: str, code: int
) -> None:
    with pytest.raises(CommandError, match=complaint) as caught:
        told("backtest", "--data", data, *options)

    assert caught.value.returncode == code
    assert "\n" not in str(caught.value)


def test_bad_file_is_exit_1(tmp_path: Path) -> None:
    path = write_candles(tmp_path, "AAAUSDT-1m-x.csv", walk(5, seed=1))
    path.write_text("open_time,open,high,low,close,volume\n1,2,3\n")

    with pytest.raises(CommandError, match=r"x\.csv:2: 3 columns instead of 6") as caught:
        told("backtest", "--data", tmp_path, "--strategy", "DIP_REVERSION")

    assert caught.value.returncode == 1


@pytest.mark.django_db
def test_unknown_worker_names_those_there_are(data: Path) -> None:
    with pytest.raises(CommandError, match="no worker 7; there are none") as caught:
        told("backtest", "--data", data, "--worker", 7)

    assert caught.value.returncode == 2


def test_evaluate_says_no_where_nothing_was_traded(data: Path) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("evaluate", "--data", str(data), "--json", stdout=out)
    answer = json.loads(out.getvalue())

    assert caught.value.code == 1
    assert set(answer) >= KEYS
    assert answer["verdict"]["is_met"] is False
    assert set(answer["baselines"]) == {"random_entries", "buy_and_hold", "no_trading"}


@pytest.mark.django_db
def test_replay_of_the_live_services_gives_the_trades_of_the_back_test(tmp_path: Path) -> None:
    for seed, symbol in ((1, "AAAUSDT"), (2, "BBBUSDT")):
        data = walk(700, seed=seed, size=4e-3)
        hole = np.where(np.arange(700) >= 500, 7_200_000, 0)  # two hours of downtime
        write_candles(tmp_path, f"{symbol}-1m-x.csv.gz", replace(data, open_ms=data.open_ms + hole))
    loose = ["reward_bps=20", "z_entry=1.2", "z_length=10", "rsi_entry=60", "trend_length=20"]
    options: list[object] = ["--data", tmp_path, "--strategy", "DIP_REVERSION", "--param", "volume_ratio=20"]
    options += ["--param", "trend_fall_bps=2000"]
    for each in loose:
        options += ["--param", each]

    replayed, tested = asked("replay", *options), asked("backtest", *options)

    assert replayed["trades"] >= 10
    assert replayed["differences"] == 0
    assert {name: replayed[name] for name in ("trades", "win_rate")} == {
        name: tested[name] for name in ("trades", "win_rate")
    }
    assert replayed["expectancy_bps"] == pytest.approx(tested["expectancy_bps"])
    assert not Worker.objects.exists()  # nothing of the installation is touched
