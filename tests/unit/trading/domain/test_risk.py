"""The one check before an entry: every refusal has its code and its figures."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.builders import NOON, a_quote, an_instrument, some_facts, some_limits
from trading.domain.risk import AccountLimits, AtRisk, DenialCode, TradingState, check_entry


def test_nothing_speaks_against_a_good_entry() -> None:
    assert check_entry(some_facts(), some_limits()) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": TradingState.HALTED}, DenialCode.TRADING_HALTED),
        ({"state": TradingState.REDUCING}, DenialCode.TRADING_REDUCING),
        ({"user_stream_is_up": False}, DenialCode.USER_STREAM_DOWN),
        ({"instrument": an_instrument(status="HALT")}, DenialCode.SYMBOL_NOT_TRADING),
        ({"symbol_is_busy": True}, DenialCode.SYMBOL_BUSY),
        ({"cooldown_until": NOON + timedelta(seconds=1)}, DenialCode.SYMBOL_COOLDOWN),
        ({"quote": None}, DenialCode.QUOTE_MISSING),
        ({"quote": a_quote(at=NOON - timedelta(seconds=3))}, DenialCode.QUOTE_STALE),
        ({"quote": a_quote("101", "100")}, DenialCode.QUOTE_INSANE),
        ({"quote": a_quote("0", "100")}, DenialCode.QUOTE_INSANE),
        ({"quote": a_quote("99", "100")}, DenialCode.SPREAD_WIDE),
        ({"open_trades": 5}, DenialCode.WORKER_TRADES_FULL),
        ({"bound_notional": Decimal(401)}, DenialCode.WORKER_BUDGET_SPENT),
        ({"free_quote": None}, DenialCode.BALANCE_UNKNOWN),
        ({"free_quote": Decimal(99)}, DenialCode.BALANCE_SHORT),
    ],
)
def test_each_refusal_has_its_code(changes: dict[str, object], code: DenialCode) -> None:
    denial = check_entry(some_facts(**changes), some_limits())

    assert denial is not None
    assert denial.code is code


def test_a_denial_names_the_figure_and_the_limit() -> None:
    denial = check_entry(some_facts(quote=a_quote(at=NOON - timedelta(seconds=3))), some_limits())

    assert str(denial) == "QUOTE_STALE (3.000 s against 2.0 s)"


@pytest.mark.parametrize(
    ("limits", "at_risk", "text"),
    [
        (
            AccountLimits(max_exposure=Decimal(500)),
            AtRisk(exposure=Decimal("400.01")),
            "ACCOUNT_EXPOSURE_FULL (400.01 + 100 against 500)",
        ),
        (
            AccountLimits(max_symbol_exposure=Decimal(150)),
            AtRisk(symbol_exposure=Decimal(60)),
            "SYMBOL_EXPOSURE_FULL (60 + 100 against 150)",
        ),
        (
            AccountLimits(max_daily_loss=Decimal(25)),
            AtRisk(daily_loss=Decimal("25.00")),
            "DAILY_LOSS_REACHED (25 against 25)",
        ),
    ],
)
def test_a_limit_of_the_account_denies_with_figure_and_limit(
    limits: AccountLimits, at_risk: AtRisk, text: str
) -> None:
    assert str(check_entry(some_facts(at_risk=at_risk), some_limits(account=limits))) == text


def test_what_just_fits_into_the_accounts_limits_is_entered() -> None:
    limits = AccountLimits(Decimal(500), Decimal(100), Decimal(25))
    at_risk = AtRisk(exposure=Decimal(400), daily_loss=Decimal("24.99"))

    assert check_entry(some_facts(at_risk=at_risk), some_limits(account=limits)) is None


def test_a_limit_that_is_not_set_denies_nothing() -> None:
    much = AtRisk(Decimal(10**9), Decimal(10**9), Decimal(10**9))

    assert check_entry(some_facts(at_risk=much), some_limits()) is None


def test_the_operator_reads_the_widest_reason_first() -> None:
    facts = some_facts(state=TradingState.HALTED, symbol_is_busy=True, at_risk=AtRisk(daily_loss=Decimal(30)))
    limits = some_limits(account=AccountLimits(max_daily_loss=Decimal(25)))

    assert getattr(check_entry(facts, limits), "code", None) is DenialCode.TRADING_HALTED
