"""Every code that an operator can meet has its words and its stage."""

from __future__ import annotations

import pytest

from trading.domain.risk import DenialCode
from trading.domain.strategy import STRATEGIES
from trading.domain.trades import ExitReason
from trading.domain.words import DECISION_WORDS, EXIT_WORDS, STAGE_WORDS, Stage, decision_words, stage_of

CODES = sorted({code for spec in STRATEGIES.values() for code in spec.reasons} | set(DenialCode))


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_a_decision_is_said_in_words(code: str) -> None:
    assert DECISION_WORDS[code].endswith(".")
    assert stage_of(code) in Stage


def test_every_exit_and_every_stage_is_said_in_words() -> None:
    assert set(EXIT_WORDS) == {reason.value for reason in ExitReason}
    assert set(STAGE_WORDS) == set(Stage)


def test_a_code_that_nobody_knows_speaks_for_itself() -> None:
    assert decision_words("MOON_TOO_FULL") == "Moon too full."
    assert stage_of("MOON_TOO_FULL") is Stage.SIGNAL
