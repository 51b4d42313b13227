"""Ledgers: one that was moved from version to version of the orders is equal to one made afresh."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from resolvers import ledger
from resolvers.ledger import EMPTY, Bought, Ledger, added
from resolvers.orders import Order, Payment, Refund, Shipment, Status
from tests.simulation.mutants import Mutant, put_in
from topics.instants import DAY_US

SEEDS = range(1500)


def some_order(rng: random.Random) -> Order:
    """Anything that may be said of one."""
    amounts, currencies = ("0.00", "10", "7.50", "0.001", "999999999999.99"), ("CNY", "CNY", "USD")

    def time_us() -> int:
        return rng.randrange(3) * DAY_US

    status = rng.choice([None, "paid", "cancelled", "shipped"])
    categories = tuple(rng.choices(["eye", "skin"], k=rng.randrange(3)))
    payment = Payment(time_us(), "p", "s", rng.choice(amounts), rng.choice(currencies), categories)
    return Order(
        None if status is None else Status(time_us(), "e", "s", status),
        rng.choice([None, payment, payment]),
        {f"r{at}": Refund(rng.choice(amounts), rng.choice(currencies)) for at in range(rng.randrange(3))},
        rng.choice([None, Shipment(time_us(), "h", "s", rng.random() < 0.5, "SF", "1")]),
    )


def versions(rng: random.Random) -> Iterator[list[dict[str, Order]]]:
    """What up to two facets know of the orders, a few times; an order that did not change stays the same object."""
    facets: list[dict[str, Order]] = [{}, {}]
    for _ in range(rng.randint(1, 5)):
        for _ in range(rng.randrange(4)):
            at, name = rng.randrange(2), rng.choice("xyz")
            if rng.randrange(4):
                facets[at] = {**facets[at], name: some_order(rng)}
            else:
                facets[at] = {one: order for one, order in facets[at].items() if one != name}
        yield [one for one in facets if one]


def everything(one: Ledger) -> dict[str, Any]:
    """All that a ledger says or remembers, but for whose orders they are; of sums 1.0 is as good as 1.00."""
    return {name: getattr(one, name) for name in Ledger.__slots__ if name != "_sources"}


def test_a_ledger_that_was_moved_is_one_made_afresh() -> None:
    """Orders that come, change and go, seen through one facet or two, in any sequence; and what was left is unhurt."""
    for seed in SEEDS:
        moved, made = EMPTY, []
        for orders in versions(random.Random(seed)):
            moved = moved.moved(orders)
            made.append((moved, orders))
            assert moved.moved(orders) is moved
        for one, orders in made:
            assert everything(one) == everything(EMPTY.moved(orders))
    assert everything(EMPTY.moved([{"x": Order()}]).moved([])) == everything(EMPTY) == everything(Ledger())


MUTANTS = (
    Mutant("what is gone stays", Ledger.moved, "(*gone, *changed)", "changed"),
    Mutant("what has changed is added", Ledger.moved, "moved._count(name, order, -1)", "pass"),
    Mutant("sums are shared", Ledger._copied, "self._paid.copy()", "self._paid"),
    Mutant("lists are shared", Ledger._copied, "copy._open = self._open.copy()", "copy._open = self._open"),
    Mutant("a currency of nothing is told", ledger._add, "if of + number == 0:", "if False:"),
    Mutant("a day keeps its cancelled ones", Ledger._count_day, "(by if counts else 0)", "1"),
    Mutant("a day's refunds are shared", Ledger._count_day, "refunded = refunded.copy()", "pass"),
    Mutant("categories are only added", ledger._count_category, "+ by", "+ 1"),
    Mutant("it is not told again", Ledger.moved, "if changed or gone or not before:", "if not before:"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_ledger_that_was_moved_wrongly_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a step taken out, some sequence ends in another ledger."""
    put_in(mutant, monkeypatch)
    with pytest.raises((AssertionError, IndexError, KeyError)):
        test_a_ledger_that_was_moved_is_one_made_afresh()


def test_days_add_up() -> None:
    """What was bought on several days: all numbers and sums, by currency."""
    orders = {
        "x": Order(paid=Payment(0, "p", "s", "1.00", "CNY"), refunds={"r": Refund("0.25", "USD")}),
        "y": Order(Status(1, "c", "s", "cancelled"), Payment(DAY_US, "p", "s", "2.00", "CNY")),
    }
    days = EMPTY.moved([orders]).days
    assert sorted(days) == [0, 1]
    total = added(list(days.values()))
    assert (total.number, total.counted) == (2, 1)
    assert (ledger.texts(total.paid), ledger.left(total.paid, total.refunded)) == (
        {"CNY": "3.00"},
        {"CNY": "3.00", "USD": "-0.25"},
    )
    assert added([Bought(1, 1, {}, {})]) == Bought(1, 1, {}, {})
