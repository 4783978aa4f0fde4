"""One look at the account, shared by everything in a round that needs it: open orders and balances.

Both questions are dear (weight 80 and 20), and a round may have many unknown orders.
"""

from dataclasses import dataclass
from datetime import datetime

from trading.domain.executions import AssetBalance, ExecutionReport
from trading.services.context import Desk


@dataclass(slots=True)
class AccountLook:
    """What the venue says of the account; each part is asked for when it is first wanted."""

    desk: Desk
    _open: dict[str, ExecutionReport] | None = None
    _balances: dict[str, AssetBalance] | None = None
    _balances_at: datetime | None = None

    def open_orders(self) -> dict[str, ExecutionReport]:
        """Give all open orders of the account by our id. Raises VenueError."""
        if self._open is None:
            self._open = {each.client_order_id: each for each in self.desk.venue.list_open_orders()}
        return self._open

    def balances(self, *, since: datetime | None = None) -> dict[str, AssetBalance]:
        """Give the balances by asset, asked for at `since` or later. Raises VenueError."""
        is_late = since is not None and self._balances_at is not None and self._balances_at < since
        if self._balances is None or is_late:
            self._balances_at = self.desk.clock()
            self._balances = {each.asset: each for each in self.desk.venue.balances()}
        return self._balances
