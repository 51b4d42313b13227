"""Sums are exact: no order of additions and no split over facets gives another one."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.amounts import add, join, minus, money, number, plus

COUNT_MAX = 10**12
counts = st.one_of(
    st.integers(-COUNT_MAX, COUNT_MAX), st.floats(-COUNT_MAX, COUNT_MAX, allow_nan=False, allow_infinity=False)
)
amounts = st.decimals(0, 10**12, places=6)


def summed(values: list[float]) -> int | str:
    """One facet's sum."""
    total: int | str = 0
    for value in values:
        total = add(total, value)
    return total


@given(st.lists(counts, max_size=8), st.randoms(use_true_random=False), st.integers(0, 8))
def test_sums_are_exact_in_any_order(values: list[float], rng: random.Random, cut: int) -> None:
    """Any order and any split over two facets gives one sum, the fraction that the decimal texts say."""
    shuffled = rng.sample(values, len(values))
    total = summed(values)
    assert summed(shuffled) == total
    assert join(summed(shuffled[:cut]), summed(shuffled[cut:])) == total
    assert Fraction(total) == sum((Fraction(repr(value)) for value in values), Fraction(0))


def test_whole_sums_are_integers() -> None:
    """Halves that make a whole are an integer; nothing becomes a float on the way."""
    assert add(add(0, 0.5), 0.5) == 1
    assert isinstance(add(add(0, 0.5), 0.5), int)
    assert summed([0.1] * 3) == "0.3"
    assert number(summed([0.1, 0.2])) == 0.3
    assert number(7) == 7


@given(st.lists(amounts, max_size=10))
def test_money_is_the_sum_of_its_texts(values: list[Decimal]) -> None:
    """Amounts add up to the exact sum, written with two decimals at least and no further trailing zero."""
    total = Decimal(0)
    for value in values:
        total = plus(total, value)
    text = money(total)
    assert Fraction(text) == sum((Fraction(value) for value in values), Fraction(0))
    whole, _, decimals = text.partition(".")
    assert whole.isdigit()
    assert len(decimals) == 2 or not decimals.endswith("0")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("-0.00", "0.00"), ("10.5", "10.50"), ("1.2345", "1.2345"), ("1E+3", "1000.00"), ("7", "7.00")],
)
def test_money_reads_as_consumers_expect(amount: str, text: str) -> None:
    """Two decimals at least, none beyond without need, no exponent, no minus zero."""
    assert money(Decimal(amount)) == text


def test_a_refund_first_makes_a_negative_value() -> None:
    """Differences may be negative and stay exact."""
    assert money(minus(Decimal(0), Decimal("3.5"))) == "-3.50"
