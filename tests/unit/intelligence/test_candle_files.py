"""Candle files: read exactly, and every kind of bad data is one line that names file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from intelligence.candle_files import (
    CandleFileError,
    NoSuchCandles,
    choose_interval,
    list_files,
    read_histories,
)
from tests.support.markets import START_MS, walk, write_candles

HEADER = "open_time,open,high,low,close,volume"
GOOD = [f"{START_MS + row * 60_000},1.5,1.75,1.25,1.5,10" for row in range(4)]


def write(folder: Path, lines: list[str], name: str = "AAAUSDT-1m-x.csv.gz") -> Path:
    path = folder / name
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    return path


def read(folder: Path) -> None:
    list(read_histories(list_files(folder), interval="1m"))


def test_numbers_come_back_exactly_with_their_steps_and_gaps(tmp_path: Path) -> None:
    data = walk(500, seed=1)
    write_candles(tmp_path, "BBBUSDT-1m-late.csv.gz", data.part(300, 500))
    write_candles(tmp_path, "BBBUSDT-1m-early.csv.gz", data.part(0, 280))

    (found,) = read_histories(list_files(tmp_path), interval="1m")

    kept = np.r_[0:280, 300:500]
    for name in ("open_ms", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(found.candles, name), getattr(data, name)[kept])
    assert (found.symbol, found.gaps, found.ticks_per_unit, found.steps_per_unit) == ("BBBUSDT", 1, 100, 1000)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({2: GOOD[0]}, ":3: the same open_time as the line before"),
        ({3: GOOD[0]}, ":4: earlier than the line before"),
        ({2: GOOD[1].replace("1.75", "high")}, ":3: high must be a number, not 'high'"),
        ({2: GOOD[1].replace("1.75", "nan")}, ":3: high must be a number, not 'nan'"),
        ({4: GOOD[3].replace(",10", ",")}, ":5: volume is missing"),
        ({2: "5,6"}, ":3: 2 columns instead of 6"),
        ({2: GOOD[1].replace("1.75", "1.4")}, ":3: low may not be above, nor high below"),
        ({2: GOOD[1].replace("1.25", "-1")}, ":3: prices must be above 0"),
        ({2: GOOD[1].replace(",10", ",-1")}, ":3: volume must be 0 or more"),
        ({2: GOOD[1].replace("00000,", "00001,")}, ":3: open_time must be a multiple of 60 s"),
        ({1: GOOD[0].replace("0000,", "0,")}, ":2: open_time must be milliseconds"),
        ({1: GOOD[0].replace("0000,", "0000.5,")}, ":2: open_time must be a whole number"),
        ({0: "open_time,open,high,low,close"}, ":1: no column volume; the header must be"),
    ],
)
def test_bad_row_is_named(tmp_path: Path, change: dict[int, str], complaint: str) -> None:
    lines = [HEADER, *GOOD]
    for place, line in change.items():
        lines[place] = line
    path = write(tmp_path, lines)

    with pytest.raises(CandleFileError) as caught:
        read(tmp_path)

    assert str(caught.value).startswith(f"{path}{complaint}")
    assert "\n" not in str(caught.value)


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [HEADER, *GOOD])
    write(tmp_path, [HEADER, *GOOD[2:]], "AAAUSDT-1m-y.csv.gz")

    with pytest.raises(CandleFileError, match=r"y\.csv\.gz:2: begins before .*x\.csv\.gz ends"):
        read(tmp_path)


def test_file_that_is_cut_short_or_empty_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, [HEADER, *GOOD])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CandleFileError, match="cannot be read"):
        read(tmp_path)
    write(tmp_path, [HEADER])
    with pytest.raises(CandleFileError, match=":2: no candle"):
        read(tmp_path)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSuchCandles, match="no such folder"):
        list_files(tmp_path / "nowhere")
    with pytest.raises(NoSuchCandles, match="no file named like"):
        list_files(tmp_path)
    write(tmp_path, [HEADER, *GOOD])
    files = list_files(tmp_path)
    with pytest.raises(NoSuchCandles, match="no 1m candles of ZZZUSDT"):
        list(read_histories(files, interval="1m", symbols=["ZZZUSDT"]))
    assert choose_interval(files) == "1m"
