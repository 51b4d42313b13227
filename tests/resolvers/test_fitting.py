"""Fitting: whoever has very much of something is a record all the same, with sums that are right."""

import pytest

from resolvers.capped import CONSENTS, COUNTERS, OPEN_SHOWN, TRAITS
from resolvers.fitting import CONTENTS_BYTES_MAX, fitting
from tests.resolvers.building import Bench, arrived
from topics.catalogue import PROFILES
from topics.codec import canonical, decode

CARD = {"card": "H"}
ORDERS = 300
EVENTS = 60


def test_what_fits_is_told_whole() -> None:
    """To the last byte that fits nothing is left out, and nothing is said of it."""
    contents = {"traits": {"name": "Lin"}, "counters": {"visits": 1}}
    body = canonical(contents)
    assert fitting(contents, len(body)) == body


def test_parts_go_in_order_until_it_fits() -> None:
    """A part that is left out is empty and named; what is decided and summed stays; nothing goes without need."""
    contents = {
        "traits": {f"t{n}": "x" * 100 for n in range(100)},
        "counters": {f"c{n}": n for n in range(100)},
        "appointments": {"upcoming": [{"appointment_id": "A"}], "redeemed": 7},
        "lifetime_value": {"CNY": "5.00"},
    }
    told = decode(fitting(contents, 3_000))
    assert told == contents | {"traits": {}, "left_out": ["traits"]}
    told = decode(fitting(contents, 300))
    assert told["left_out"] == ["traits", "counters"]
    assert (told["counters"], told["lifetime_value"]) == ({}, {"CNY": "5.00"})


@pytest.mark.parametrize("reverse", [False, True])
def test_a_hostile_person_is_a_record(*, reverse: bool) -> None:
    """Thousands of traits, long ones too, counters, consents and orders: bounded, summed right, alike in any order."""
    # Each on a partition of its own, so that any order is possible.
    events = [
        arrived(
            CARD,
            partition=n,
            seconds=n,
            traits={f"t{n}-{at}": "x" * 1_000 for at in range(60)},
            counters={f"c{n}-{at}": 1 for at in range(60)},
            consents={f"s{n}-{at}": True for at in range(10)},
        )
        for n in range(EVENTS)
    ]
    events += [
        arrived(CARD, partition=EVENTS + n, seconds=EVENTS + n, traits={"long": {f"{n}": "y" * 60_000}})
        for n in range(EVENTS)
    ]
    for n in range(ORDERS):
        order = {"order_id": f"o{n:03}", "amount": "0.10", "currency": "CNY"}
        events.append(arrived(CARD, partition=2 * EVENTS + n, seconds=n, kind="order.paid", order=order))
    bench = Bench()
    bench.resolve(*(events[::-1] if reverse else events))
    [component] = bench.at_rest()
    [facet] = component.facets.values()
    assert (len(facet.facts.traits), len(facet.facts.counters)) == (TRAITS, COUNTERS)
    assert len(facet.values.consents) == CONSENTS
    [person] = bench.persons()
    told = decode(person.body)
    assert len(person.body) <= CONTENTS_BYTES_MAX < PROFILES.message_bytes
    assert (told["left_out"], told["traits"], len(told["counters"])) == (["traits"], {}, COUNTERS)
    assert told["lifetime_value"] == {"CNY": "30.00"}
    assert [one["order_id"] for one in told["orders"]["open"]] == [f"o{n}" for n in range(ORDERS - OPEN_SHOWN, ORDERS)]
