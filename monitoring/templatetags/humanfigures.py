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
def plaincode(code: str) -> str:
    """Write a code in small letters and with blanks."""
    return code.replace("_", " ").lower()


def _signed(number: float | Decimal, text: str) -> str:
    return f"{MINUS}{text}" if number < 0 and text.strip("0.,") else text
