"""The account's lock: its control row, which entries, stops and limits take before they decide.

Called by the services that do. Nothing else is taken before it, so nobody waits in a circle.
"""

from datetime import datetime

from trading.domain.risk import TradingState
from trading.models import TradingControl


def lock_account(*, now: datetime) -> TradingControl:
    """Lock the row until the caller's transaction ends, and give it; who asks first of all makes it.

    Where another process makes it at the same moment, this waits for the end of that one's transaction.
    """
    control, _ = TradingControl.objects.select_for_update().get_or_create(
        pk=1,
        defaults={"state": TradingState.ACTIVE.value, "changed_at": now, "changed_by": "first start"},
    )
    return control
