"""People: whatever order events come in, and however people part, each fact is told once."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers import ledger
from resolvers.arrivals import Arrival
from resolvers.component import Component
from resolvers.evidence import Pair
from resolvers.namespaces import Caps, IdentityRules, Policy
from resolvers.people import VALUES_OF, Person, people
from tests.resolvers.building import NOON_US, Bench, arrived, rules_with
from topics.codec import decode

PHONES = [f"1381234560{n}" for n in range(3)]
VALUES = st.sampled_from(
    [("card", f"C{n}") for n in range(3)]
    + [("phone", phone) for phone in PHONES]
    + [("openid", "o0"), ("mac", "aa:bb:cc:00:11:22"), ("cookie", "k0"), ("cookie", "k1")]
)
ORDER = {"order_id": "o1", "amount": "10.00", "currency": "CNY"}
SAID: list[tuple[str, dict[str, Any]]] = [
    ("store.visited", {}),
    ("member.update", {"traits": {"a": {"b": 1}}, "traits_once": {"first": "x"}, "consents": {"sms": True}}),
    ("member.update", {"traits": {"a": None}, "consents": {"sms": False}}),
    ("order.paid", {"order": ORDER}),
    ("order.refunded", {"order": ORDER | {"amount": "3.00"}}),
    ("card.replaced", {"replaces": "C2"}),
]


@st.composite
def histories(draw: st.DrawFn) -> list[Arrival]:
    """Up to ten events, each on a partition of its own, so that any order of them is a possible one."""
    events = []
    for number in range(draw(st.integers(1, 10))):
        identifiers = dict(draw(st.lists(VALUES, min_size=1, max_size=3)))
        kind, data = draw(st.sampled_from(SAID))
        if kind == "card.replaced":
            identifiers["card"] = "C1"
        data = {"counters": {"n": 1, "weight": 0.1}, **data}
        seconds = draw(st.integers(0, 2))
        events.append(arrived(identifiers, 0, partition=number, kind=kind, seconds=seconds, **data))
    return events


def told(person: Person) -> dict[str, Any]:
    """The contents."""
    contents: dict[str, Any] = decode(person.body)
    return contents


def after(events: list[Arrival], rules: IdentityRules) -> list[Person]:
    """Everybody after these events one by one."""
    bench = Bench(rules)
    for event in events:
        bench.resolve(event)
    return bench.persons()


@given(histories(), st.randoms(use_true_random=False), st.sampled_from([Caps(), Caps(weak=2, other=3)]))
@settings(deadline=None, max_examples=150)
def test_any_order_gives_the_same_people(events: list[Arrival], rng: random.Random, caps: Caps) -> None:
    """Permuted and delivered twice, one by one or in batches: equal people, hubs or not."""
    rules = rules_with(caps=caps)
    expected = after(events, rules)
    again = events + rng.sample(events, rng.randint(0, len(events)))
    rng.shuffle(again)
    assert after(again, rules) == expected
    bench = Bench(rules)
    while again:
        size = rng.randint(1, len(again))
        bench.resolve(*again[:size])
        again = again[size:]
    assert bench.persons() == expected


@given(histories(), st.sampled_from([Caps(), Caps(weak=2, other=3)]), st.sampled_from(["latest", "first"]))
@settings(deadline=None, max_examples=150)
def test_what_is_kept_makes_no_difference(events: list[Arrival], caps: Caps, policy: Policy) -> None:
    """A component that comes from the one before is divided and folded as one that was read from the store."""
    rules = rules_with(caps=caps, policy=policy)
    bench = Bench(rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "KEPT_FROM", 1)
        for event in events:
            for changed in bench.resolve(event).changed:
                component = changed.component
                afresh = people(
                    Component.parse(component.name, bench.component(component.name).fields()), rules, NOON_US
                )
                assert people(component, rules, NOON_US) == afresh
                assert component.ledgers.keys() <= {person.holder for person in afresh.persons}


@given(histories())
@settings(deadline=None)
def test_parts_add_up(events: list[Arrival]) -> None:
    """Counters of all people add up to all events: a split takes along its own facts and no others."""
    everybody = after(events, rules_with())
    total: Counter[str] = Counter()
    for person in everybody:
        total.update({name: round(value * 10) for name, value in told(person)["counters"].items()})
    assert total == {"n": 10 * len(events), "weight": len(events)}
    held = [key for person in everybody for key in person.members]
    assert sorted(held) == sorted({key for event in events for key in event.keys})


def one_component(*events: Arrival, rules: IdentityRules | None = None) -> Component:
    """The component that these events make."""
    bench = Bench(rules or rules_with())
    bench.resolve(*events)
    (component,) = bench.at_rest()
    return component


MAC = "aa:bb:cc:00:11:22"


def shared_device() -> Component:
    """A phone's device, seen with a second phone; it has paid for an order by itself, and has counted itself."""
    return one_component(
        arrived({"phone": PHONES[0], "mac": MAC}, 0),
        arrived({"phone": PHONES[1], "mac": MAC}, 1, seconds=1),
        arrived({"mac": MAC}, 2, kind="order.paid", order=ORDER, counters={"n": 1}, consents={"sms": True}),
    )


def test_a_contested_devices_value_facts_stay_behind() -> None:
    """Orders and consents of a shared device are an anonymous profile of their own; its counters go with it."""
    found = people(shared_device(), rules_with(), NOON_US)
    persons = {person.holder: person for person in found.persons}
    device = next(key for key in shared_device().facets if key.startswith("mac:"))
    aside = persons.pop(VALUES_OF + device)
    assert aside.members == ()
    assert told(aside)["known"] is False
    assert told(aside)["identifiers"] == []
    assert told(aside)["lifetime_value"] == {"CNY": "10.00"}
    assert told(aside)["counters"] == {}
    (owner,) = (person for person in persons.values() if device in person.members)
    assert told(owner)["known"] is True
    assert told(owner)["lifetime_value"] == {}
    assert told(owner)["consents"] == {}
    assert told(owner)["counters"] == {"n": 1}


def test_an_uncontested_devices_value_facts_come_along() -> None:
    """With one known person, what the device says counts for that person; there is no second profile."""
    component = one_component(
        arrived({"phone": PHONES[0], "mac": MAC}, 0), arrived({"mac": MAC}, 1, kind="order.paid", order=ORDER)
    )
    (person,) = people(component, rules_with(), NOON_US).persons
    assert told(person)["lifetime_value"] == {"CNY": "10.00"}


def test_a_contested_device_without_value_facts_has_no_second_profile() -> None:
    """Nothing to keep apart, nothing to publish."""
    component = one_component(
        arrived({"phone": PHONES[0], "mac": MAC}, 0), arrived({"phone": PHONES[1], "mac": MAC}, 1)
    )
    assert not any(person.holder.startswith(VALUES_OF) for person in people(component, rules_with(), NOON_US).persons)


def test_seen_is_of_its_identifiers() -> None:
    """First and last seen: the earliest and latest of the group's identifiers, by event time."""
    component = one_component(
        arrived({"card": "C0", "cookie": "k0"}, 0, seconds=5), arrived({"cookie": "k0"}, 1, seconds=9)
    )
    (person,) = people(component, rules_with(), NOON_US).persons
    of_card, of_cookie = told(person)["identifiers"]
    assert told(person)["first_seen"] == of_card["first_seen"] == of_card["last_seen"]
    assert told(person)["last_seen"] == of_cookie["last_seen"] > of_card["last_seen"]


def test_blocked_values_leave_their_person() -> None:
    """A blocked phone keeps its own facts on a profile of its own."""
    component = one_component(arrived({"card": "C0", "phone": PHONES[0]}, 0))
    phone = next(key for key in component.facets if key.startswith("phone:"))
    found = people(component, rules_with(), NOON_US, frozenset({phone}))
    assert [person.members for person in found.persons] == [("card:main:C0",), (phone,)]
    assert [one.rule for one in found.refused] == ["blocked"]
    assert found.refused[0].pair == Pair("card:main:C0", phone)
