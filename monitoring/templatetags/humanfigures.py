"""How pages write figures: thousands apart, no needless zeros, and what is not known as such."""

from __future__ import annotations

from decimal import Decimal

from django import template

register = template.Library()
UNKNOWN = "not known"
MINUS = "−"


@register.filter
def count(number: int | None) -> str:
    """Write a whole number."""
    return UNKNOWN if number is None else f"{number:,}"


@register.filter
def amount(number: Decimal | None, unknown: str = UNKNOWN) -> str:
    """Write an exact amount or price, as many places as it has."""
    if number is None:
        return unknown
    text = f"{abs(number):,f}"
    return _signed(number, text.rstrip("0").rstrip(".") if "." in text else text)


@register.filter
def figure(number: float | Decimal | None) -> str:
    """Write a measured figure with as many places as help a person."""
    if number is None:
        return UNKNOWN
    size = abs(float(number))
    return _signed(
        number,
        f"{size:,.0f}" if size >= 1000 else f"{size:.2f}" if size >= 0.1 or not size else f"{size:.4f}",
    )


@register.filter
def money(number: Decimal | None, unknown: str = UNKNOWN) -> str:
    """Write an amount with two decimals, four where it is below one, as the dashboard does."""
    if number is None:
        return unknown
    size = abs(number)
    return _signed(number, f"{size:,.2f}" if size >= 1 or not size else f"{size:,.4f}")


@register.filter
def gain(number: Decimal | None) -> str:
    """Write a gain or a loss with its sign."""
    text = money(number)
    return f"+{text}" if number and number > 0 and text.strip("0.,") else text


@register.filter
def percent(ratio: float | None) -> str:
    """Write a share of 1 in percent."""
    return UNKNOWN if ratio is None else f"{100 * ratio:.1f} %"


@register.filter
def bps(number: float | None) -> str:
    """Write a return in bps with its sign."""
    if number is None:
        return UNKNOWN
    return f"{'+' if number > 0 else ''}{_signed(number, f'{abs(number):.1f}')} bps"


@register.filter
def duration(seconds: float | None) -> str:
    """Write a length of time in the unit that fits."""
    if seconds is None:
        return UNKNOWN
    for length, unit in ((172_800, "d"), (7200, "h"), (120, "min")):
        if seconds >= length:
            return f"{seconds / {'d': 86_400, 'h': 3600, 'min': 60}[unit]:.1f} {unit}"
    return f"{seconds:.1f} s"


@register.filter
def tone(number: Decimal | float | None) -> str:
    """Give the class of a gain or a loss."""
    return "" if not number else "gain" if number > 0 else "loss"


@register.filter
def plaincode(code: str) -> str:
    """Write a code in small letters and with blanks."""
    return code.replace("_", " ").lower()


def _signed(number: float | Decimal, text: str) -> str:
    return f"{MINUS}{text}" if number < 0 and text.strip("0.,") else text
