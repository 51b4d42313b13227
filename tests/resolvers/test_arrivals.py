"""Arrivals: the evidence that an event is, and the facts that it adds."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.arrivals import Arrival, apply_facts
from resolvers.evidence import Pair
from resolvers.facets import Facet, decode, encode, sighted
from tests.resolvers.building import NOON_US, arrived

ORDER = {"order_id": "o1", "amount": "10.00", "currency": "CNY"}


def facet_of(*arrivals: Arrival) -> Facet:
    """The strongest identifier's facet after these events, in this order."""
    facet = sighted("x", 0).copied()
    for one in arrivals:
        apply_facts(facet, one)
    return facet


def test_evidence_is_a_star() -> None:
    """The strongest identifier is linked with each of the others, and with nothing else."""
    one = arrived({"cookie": "k", "openid": "o", "card": "C0", "unionid": "u"})
    assert one.strongest == "card:main:C0"
    assert one.pairs == tuple(Pair("card:main:C0", key) for key in ("unionid:main:u", "openid:main:o", "cookie:k"))
    assert one.asserted is None


def test_unbind_and_logout_are_no_evidence() -> None:
    """Their identifiers are seen, but not together."""
    for kind in ("card.unbind", "session.logout"):
        one = arrived({"card": "C0", "cookie": "k"}, kind=kind)
        assert one.keys == ("card:main:C0", "cookie:k")
        assert one.pairs == ()


def test_a_replaced_card_is_asserted() -> None:
    """Old and new card are one value; the old one is seen, and linked with nothing else by this event."""
    one = arrived({"card": "C1", "cookie": "k"}, kind="card.replaced", replaces="C0")
    assert one.keys == ("card:main:C1", "cookie:k", "card:main:C0")
    assert one.pairs == (Pair("card:main:C1", "cookie:k"), Pair("card:main:C0", "card:main:C1"))
    assert one.asserted is one.pairs[1]


def test_a_replaced_card_joins_the_card_of_its_scope() -> None:
    """Of two cards in the event, the one of the old card's programme took its place."""
    one = arrived({"card": ["main:C1", "plastic:C9"]}, kind="card.replaced", replaces="plastic:C0")
    assert one.asserted == Pair("card:plastic:C0", "card:plastic:C9")


def test_a_card_that_replaces_itself_replaces_nothing() -> None:
    """No evidence with itself."""
    one = arrived({"card": "C1", "cookie": "k"}, kind="card.replaced", replaces="C1")
    assert one.pairs == (Pair("card:main:C1", "cookie:k"),)
    assert one.asserted is None


def test_links_carry_no_facts() -> None:
    """Traits, counters and consents of `identity.link` and `session.logout` are ignored."""
    said: dict[str, Any] = {"traits": {"city": "X"}, "counters": {"n": 1}, "consents": {"sms": True}}
    for kind in ("identity.link", "session.logout"):
        facet = facet_of(arrived({"card": "C0"}, kind=kind, **said))
        assert facet == sighted("x", 0)


def test_consents_tie_to_no() -> None:
    """The latest answer; on a tie false, whichever came first."""
    yes = arrived({"card": "C0"}, 1, consents={"sms": True})
    no = arrived({"card": "C0"}, 2, consents={"sms": False})
    later = arrived({"card": "C0"}, 3, seconds=1, consents={"sms": True})
    for events in ((yes, no), (no, yes)):
        assert facet_of(*events).values.consents == {"sms": (NOON_US, False)}
    for three in ((yes, no, later), (later, no, yes)):
        assert facet_of(*three).values.consents == {"sms": (NOON_US + 1_000_000, True)}


def test_answers_are_traits_unless_the_event_says_otherwise() -> None:
    """A survey's answers are written as traits; where the event has the same trait, that one wins."""
    one = arrived(
        {"card": "C0"}, kind="survey.completed", answers={"size": "M", "city": "A"}, traits={"city": {"name": "B"}}
    )
    assert {path: write.value for path, write in facet_of(one).facts.traits.items()} == {
        "/size": "M",
        "/city/name": "B",
    }


def test_a_shipment_is_a_status_only() -> None:
    """`order.shipped` says no amount."""
    order = facet_of(arrived({"card": "C0"}, kind="order.shipped", order_id="o1")).values.orders["o1"]
    assert order.status is not None
    assert order.status.status == "shipped"
    assert order.paid is None


def test_value_facts_of_1970() -> None:
    """An event at the first instant of 1970 is a time like any other: value facts are dated, in any order."""
    epoch = -NOON_US // 1_000_000
    then = arrived({"mac": "aa:bb:cc:00:11:22"}, 1, seconds=epoch, consents={"sms": True})
    now = arrived({"mac": "aa:bb:cc:00:11:22"}, 2, consents={"sms": True})
    assert then.mark.time_us == 0
    for events in ((then, now), (now, then)):
        values = facet_of(*events).values
        assert (values.first_us, values.last_us) == (0, NOON_US)
    assert facet_of(then).values.dated
    assert not facet_of(arrived({"card": "C0"}, traits={"city": "X"})).values.dated


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("store.visited", {"counters": {"visits": 1, "weight": 0.1}}),
    ("member.update", {"traits": {"a": {"b": 1}}, "traits_once": {"first": "x"}}),
    ("member.update", {"traits": {"a": 2}, "consents": {"sms": True}}),
    ("member.update", {"traits_once": {"first": "y"}, "consents": {"sms": False}}),
    ("survey.completed", {"answers": {"size": "M"}}),
    ("order.paid", {"order": ORDER}),
    ("order.refunded", {"order": ORDER | {"amount": "3.00"}}),
    ("order.cancelled", {"order": {"order_id": "o1"}}),
    ("order.delivered", {"order_id": "o1"}),
]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2)), max_size=8), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_facts_in_any_order(said: list[tuple[tuple[str, dict[str, Any]], int]], rng: random.Random) -> None:
    """A facet's facts do not depend on the order in which its events were applied."""
    events = [
        arrived({"card": "C0"}, offset, kind=kind, seconds=seconds, **data)
        for offset, ((kind, data), seconds) in enumerate(said)
    ]
    facet, other = facet_of(*events), facet_of(*rng.sample(events, len(events)))
    assert facet.facts == other.facts
    assert facet.values == other.values
    assert decode(encode(facet)) == facet


def test_a_copy_is_its_own() -> None:
    """Changing a copy leaves the facet that it was made from as it was."""
    events = [arrived({"card": "C0"}, n, kind=kind, **data) for n, (kind, data) in enumerate(KINDS)]
    facet = facet_of(*events[:4])
    before = encode(facet)
    copy = facet.copied()
    for one in events:
        apply_facts(copy, one)
    copy.last_us = NOON_US * 2
    copy.fence[3] = 4
    assert encode(facet) == before
    assert encode(copy) != before
