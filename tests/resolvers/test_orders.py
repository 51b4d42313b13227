"""Orders: one order however it is told, twice, in pieces, backwards."""

import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.ledger import EMPTY
from resolvers.orders import Order, Payment, Refund, Status, all_orders, joined

statuses = st.sampled_from(["placed", "paid", "cancelled", "shipped", "delivered"])
stamps = st.tuples(st.integers(1, 3), st.sampled_from(["e1", "e2", "e3"]))
currencies = st.sampled_from(["CNY", "USD"])


def text_of(amount: int) -> str:
    """Cents as decimal text."""
    return f"{amount // 100}.{amount % 100:02}"


def pieces() -> st.SearchStrategy[list[Order]]:
    """What some events say of one order; an event says one thing, so its stamp decides its content."""
    told = st.dictionaries(stamps, st.tuples(statuses, st.integers(0, 999), currencies), max_size=6)
    return told.map(lambda events: [piece(stamp, *said) for stamp, said in events.items()])


def piece(stamp: tuple[int, str], status: str, cents: int, currency: str) -> Order:
    """One event's: a payment, a refund in the place of `delivered`, or a status."""
    time_us, id_ = stamp
    if status == "paid":
        return Order(Status(time_us, id_, "s", status), Payment(time_us, id_, "s", text_of(cents), currency))
    if status == "delivered":
        return Order(refunds={f"s\0{id_}{time_us}": Refund(text_of(cents), currency)})
    return Order(Status(time_us, id_, "s", status))


def summary(orders: dict[str, Order]) -> dict[str, Any]:
    """The profile's `orders`."""
    shown: dict[str, Any] = EMPTY.moved([orders]).shown["orders"]
    return shown


def value(order: Order) -> dict[str, str]:
    """What one order comes to."""
    return EMPTY.moved([{"o": order}]).value


def fold(some: list[Order]) -> Order:
    """All of them joined."""
    order = Order()
    for one in some:
        order = joined(order, one)
    return order


@given(pieces(), pieces(), pieces(), st.randoms(use_true_random=False))
def test_joins_do_not_care(a: list[Order], b: list[Order], c: list[Order], rng: random.Random) -> None:
    """`joined` is associative, idempotent and, on what one log says, commutative."""
    x, y, z = fold(a), fold(b), fold(c)
    assert joined(joined(x, y), z) == joined(x, joined(y, z))
    assert joined(x, x) == x
    assert fold(rng.sample(a, len(a)) + rng.sample(a, len(a) // 2)) == x


def test_a_refund_before_its_payment() -> None:
    """A refund that comes first is counted when its payment comes, in any order; until then the value is negative."""
    refund = Order(refunds={"s\0r": Refund("3.00", "CNY")})
    payment = Order(Status(1, "p", "s", "paid"), Payment(1, "p", "s", "10.00", "CNY"))
    assert value(refund) == {"CNY": "-3.00"}
    for order in (joined(refund, payment), joined(payment, refund)):
        assert value(order) == {"CNY": "7.00"}


def test_the_latest_payment_is_the_amount() -> None:
    """Paid twice is paid once, by the later event time; ties by id."""
    early = Order(paid=Payment(1, "z", "s", "5.00", "CNY"))
    late = Order(paid=Payment(2, "a", "s", "7.00", "CNY"))
    tied = Order(paid=Payment(2, "b", "s", "8.00", "CNY"))
    assert value(fold([late, early])) == {"CNY": "7.00"}
    assert value(fold([tied, late, early])) == {"CNY": "8.00"}


def test_an_order_in_two_facets_counts_once() -> None:
    """The same order id seen through two identifiers is one order."""
    payment = Order(Status(1, "p", "s", "paid"), Payment(1, "p", "s", "10.00", "CNY"))
    orders = all_orders([{"o": payment}, {"o": payment, "other": payment}])
    assert (summary(orders)["count"], summary(orders)["paid"]) == (2, {"CNY": "20.00"})


@pytest.mark.parametrize(
    ("events", "count", "is_open"),
    [
        (["placed"], 0, True),
        (["placed", "paid"], 1, True),
        (["placed", "paid", "shipped"], 1, True),
        (["placed", "paid", "shipped", "delivered"], 1, False),
        (["paid", "cancelled"], 0, False),
    ],
)
def test_count_and_open_follow_the_status(events: list[str], count: int, is_open: bool) -> None:  # noqa: FBT001
    """A cancel takes the order out of the count and changes no amount; delivered is closed."""
    told = [Order(Status(at, "e", "s", status)) for at, status in enumerate(events)]
    if "paid" in events:
        told.append(Order(paid=Payment(0, "e", "s", "4.00", "CNY")))
    orders = {"o": fold(told)}
    shown = summary(orders)
    assert shown["count"] == count
    assert shown["open"] == ([{"order_id": "o", "status": events[-1]}] if is_open else [])
    assert shown["paid"] == ({"CNY": "4.00"} if "paid" in events else {})


def test_refunded_in_full_is_closed() -> None:
    """Refunds that add up to the payment, in its currency, close the order; another currency's do not."""
    payment = Order(Status(1, "p", "s", "paid"), Payment(1, "p", "s", "10.00", "CNY"))
    halves = [Order(refunds={f"s\0r{n}": Refund("5.00", "CNY")}) for n in range(2)]
    other = Order(refunds={"s\0u": Refund("99.00", "USD")})
    for told, is_open in ([[payment, halves[0]], True], [[payment, *halves], False], [[payment, other], True]):
        orders = {"o": fold(told)}  # type: ignore[arg-type]
        assert bool(summary(orders)["open"]) is is_open


def test_times_are_the_payments() -> None:
    """`first_at`, `last_at`: of the payments that count, by event time."""
    orders = {f"o{n}": Order(paid=Payment(n * 1_000_000, "p", "s", "1.00", "CNY")) for n in (3, 1, 2)}
    shown = summary(orders)
    assert (shown["first_at"], shown["last_at"]) == ("1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z")


def test_refunds_under_one_name_are_joined_alike_in_any_order() -> None:
    """A publisher that uses a name again, for another refund, must not make people depend on who was read first."""
    told = [Order(refunds={"s\0r": Refund(amount, "CNY")}) for amount in ("10.00", "20.00", "5.00")]
    assert len({str(fold(list(order))) for order in permutations(told)}) == 1
