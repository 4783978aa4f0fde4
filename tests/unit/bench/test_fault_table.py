"""The published table of faults: complete, from a run, and clean."""

import json
import re

from bench.fault_page import CLEAN, PAGE, write_page
from bench.fault_rows import ROWS
from bench.faults import RESULTS
from trading.paper.fault_kinds import ALL_FAULTS
from trading.paper.faults import COMMON_SETTINGS

OUTCOMES = {
    int(cells[1]): cells[6]
    for line in PAGE.read_text().splitlines()
    if len(cells := [cell.strip() for cell in line.split("|")]) == 8 and cells[1].isdigit()
}


def test_every_fault_that_the_venue_knows_has_a_row() -> None:
    assert {kind.number for kind in ALL_FAULTS} <= OUTCOMES.keys()


def test_the_list_of_challenges_is_complete() -> None:
    assert set(range(1, 71)) <= OUTCOMES.keys()
    assert OUTCOMES.keys() == {row.number for row in ROWS}


def test_every_outcome_is_clean() -> None:
    assert {number: outcome for number, outcome in OUTCOMES.items() if outcome != CLEAN} == {}


def test_the_page_is_what_the_last_run_wrote() -> None:
    figures = json.loads(RESULTS.read_text())

    assert PAGE.read_text() == write_page(figures)
    assert figures["run"]["violations"] == []


def test_every_form_of_every_row_can_be_armed() -> None:
    kinds = {kind.number: kind for kind in ALL_FAULTS}
    for row in ROWS:
        for arm in row.arms if not row.provocation else ():
            for name, value in {**arm.params, **arm.quick}.items():
                assert {**COMMON_SETTINGS, **kinds[row.number].settings}[name].read(value) == value


def test_no_row_leaves_a_cell_empty() -> None:
    for row in ROWS:
        assert re.fullmatch(r"[^|\n]{10,}", row.title)
        assert re.fullmatch(r"[^|\n]{10,}", row.answer)
