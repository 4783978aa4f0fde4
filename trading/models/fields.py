"""One precision policy for every amount in the database.

Facts (prices, quantities, fees as the venue gave them: at most 8 decimals) are kept exactly on every
database. SQLite has no decimal type and would keep 15 digits of a float, so they are text there; they
are compared for equality and summed in Python, never by SQL. Conclusions (notional, PnL, averages) are
ordinary decimals, which SQL may sort and sum.
"""

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _Number = models.DecimalField[Any, Any]
else:
    _Number = models.DecimalField


# More digits than the field has places for: a quantize here never rounds a figure away.
_WIDE = Context(prec=60)


class ExactDecimalField(_Number):
    """A decimal of the venue, exact to 8 places on every database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 30)
        kwargs.setdefault("decimal_places", 8)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        """Name a type of our own, so that the backend's float converter stays out."""
        return "ExactDecimalField"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Give text on SQLite and numeric elsewhere."""
        if connection.vendor == "sqlite":
            return "text"
        return f"numeric({self.max_digits}, {self.decimal_places})"

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Write the number plainly, with all its places."""
        if isinstance(value, Decimal):
            value = value.quantize(Decimal(1).scaleb(-self.decimal_places), context=_WIDE)
            return format(value, "f") if connection.vendor == "sqlite" else value
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, expression: object, connection: object) -> Decimal | None:
        """Read what either database gives back."""
        return None if value is None else Decimal(str(value))


class FigureField(_Number):
    """A conclusion in the quote asset: notional, PnL, average price. SQL may sort and sum it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 30)
        kwargs.setdefault("decimal_places", 8)
        super().__init__(*args, **kwargs)
