"""A position beside a plain account: fills in any order, again and again; none is lost, none counts twice."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.builders import a_fill
from trading.domain.executions import Fill
from trading.domain.orders import Side
from trading.domain.positions import Position, fold

QTY = st.decimals(min_value="0.00001", max_value="100", places=5)
PRICE = st.decimals(min_value="0.01", max_value="100000", places=2)
ASSET = st.sampled_from(["BTC", "USDT", "BNB"])
FEE = st.decimals(min_value=0, max_value="0.001", places=8)


class OnePosition(RuleBasedStateMachine):
    """The venue executes; its fills arrive late and repeated. `account` is what the venue moves."""

    def __init__(self) -> None:
        super().__init__()
        self.position = Position(base_asset="BTC", quote_asset="USDT")
        self.waiting: list[Fill] = []
        self.heard: list[Fill] = []
        self.account = {"BTC": Decimal(0), "USDT": Decimal(0), "BNB": Decimal(0)}

    @rule(side=st.sampled_from(list(Side)), qty=QTY, price=PRICE, fee=FEE, asset=ASSET)
    def execute(self, side: Side, qty: Decimal, price: Decimal, fee: Decimal, asset: str) -> None:
        """The venue fills something."""
        number = len(self.waiting) + len(self.heard) + 1
        self.waiting.append(
            a_fill(side, str(qty), str(price), fee=f"{fee:f}", fee_asset=asset, fill_id=number)
        )

    @precondition(lambda self: bool(self.waiting))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """Any of the waiting fills arrives."""
        fill = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        self.heard.append(fill)
        self.position = self.position.apply(fill)
        sign = 1 if fill.side is Side.BUY else -1
        self.account["BTC"] += sign * fill.qty
        self.account["USDT"] -= sign * fill.notional
        self.account[fill.fee_asset] -= fill.fee

    @precondition(lambda self: bool(self.heard))
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        """A fill that was heard before arrives again."""
        self.position = self.position.apply(data.draw(st.sampled_from(self.heard)))

    @invariant()
    def it_is_what_the_account_says(self) -> None:
        """Quantity, cash and fees are conserved."""
        assert self.position.qty == self.account["BTC"]
        assert self.position.cash_flow() == self.account["USDT"]
        assert -sum(fee for _, fee in self.position.other_fees) == self.account["BNB"]

    def teardown(self) -> None:
        """All fills at once give the same position, whatever their order."""
        assert fold(sorted(self.heard, key=_id), base_asset="BTC", quote_asset="USDT") == self.position


def _id(fill: Fill) -> int:
    return fill.venue_fill_id


OnePosition.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
TestOnePosition = OnePosition.TestCase
