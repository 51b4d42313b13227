"""Exact numbers: counters and money never pass through a float.

Rule: a float in an event stands for the decimal number its shortest text says. Sums have room for the digits of the
smallest double (the last of them the 340th after the point) below what 2^64 events of 10^12 add up to, so that
addition is exact and associative: no order of events gives another sum. Digits that a sum does not have cost nothing.
"""

from decimal import Context, Decimal

_EXACT = Context(prec=400)
CENT = Decimal("0.01")
CENT_EXPONENT = -2


def add(total: int | str, value: float) -> int | str:
    """A counter's sum after one more value: an int where it is whole, else a decimal text."""
    if isinstance(total, int) and isinstance(value, int):
        return total + value
    return _plain(_EXACT.add(Decimal(total), Decimal(repr(value) if isinstance(value, float) else value)))


def join(a: int | str, b: int | str) -> int | str:
    """The sum of two facets' sums."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    return _plain(_EXACT.add(Decimal(a), Decimal(b)))


def number(total: int | str) -> float:
    """A sum as a JSON number."""
    return total if isinstance(total, int) else float(total)


def money(total: Decimal) -> str:
    """An amount as consumers read it: exact, at least two decimals, further ones without trailing zeros."""
    normal = total.normalize(_EXACT)
    exponent = normal.as_tuple().exponent
    if isinstance(exponent, int) and exponent > CENT_EXPONENT:
        normal = normal.quantize(CENT, context=_EXACT)
    return f"{abs(normal) if normal == 0 else normal:f}"


def plus(a: Decimal, b: Decimal) -> Decimal:
    """The exact sum."""
    return _EXACT.add(a, b)


def minus(a: Decimal, b: Decimal) -> Decimal:
    """The exact difference."""
    return _EXACT.subtract(a, b)


def _plain(value: Decimal) -> int | str:
    return int(value) if value == value.to_integral_value() else f"{value.normalize(_EXACT):f}"
