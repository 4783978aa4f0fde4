"""`manage.py train`: a version with the hash of its data, once; what is too little is one line."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from bench.promotion import a_market
from intelligence.models import ModelVersion
from tests.support.markets import walk, write_candles

pytestmark = pytest.mark.django_db


def test_model_is_kept_once_with_its_worth_and_shown(tmp_path: Path, admin_client: Client) -> None:
    for each in a_market(1, kind="hinted").histories:
        write_candles(tmp_path, f"{each.symbol}-15m-x.csv.gz", each.candles.part(0, 21_500))
    options = ["--data", str(tmp_path), "--strategy", "CAPITULATION", "--json"]
    out = StringIO()

    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            call_command("train", *options, "--plot", str(tmp_path / "plot.svg"), stdout=out)
        assert ended.value.code == 1  # so few signals prove nothing

    version = ModelVersion.objects.get()
    first, again = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["is_proven"] is version.is_proven is False
    assert first["digest"] == again["digest"] == version.digest
    assert (tmp_path / "plot.svg").exists()
    page = admin_client.get("/admin/intelligence/modelversion/").content.decode()
    assert version.digest[:8] in page


def test_too_few_signals_are_one_line(tmp_path: Path) -> None:
    write_candles(tmp_path, "AAAUSDT-1m-x.csv.gz", walk(1_000, seed=1))

    with pytest.raises(CommandError, match="0 signals are too few"):
        call_command("train", "--data", str(tmp_path), "--strategy", "CAPITULATION")
