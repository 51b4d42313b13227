"""Unbinds and logouts: what they take away, what they leave, and that neither order nor repetition matters."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from resolvers.facets import UNBOUND_MAX, decode, encode, sighted
from resolvers.namespaces import DEFAULT_RULES
from resolvers.partition import Refused, partition
from tests.resolvers.building import Bench, Sight, arrived, graph, sights_of

CARD, OTHER_CARD, COOKIE = "card:main:A", "card:main:B", "cookie:k"
Said = tuple[dict[str, Any], str, int]
"""Identifiers, event type, seconds after noon."""

SEEN: Said = ({"card": "A", "cookie": "k"}, "store.visited", 10)
UNBOUND: Said = ({"card": "A", "cookie": "k"}, "card.unbind", 10)
LOGGED_OUT: Said = ({"cookie": "k"}, "session.logout", 10)
SEEN_LATER: Said = ({"card": "A", "cookie": "k"}, "store.visited", 11)


def groups(*said: Said) -> list[tuple[str, ...]]:
    """Who is one person after these events, each a batch of its own."""
    bench = Bench()
    for offset, (identifiers, kind, seconds) in enumerate(said):
        bench.resolve(arrived(identifiers, offset, kind=kind, seconds=seconds))
    return [person.members for person in bench.persons()]


@pytest.mark.parametrize("cut", [UNBOUND, LOGGED_OUT])
def test_what_was_not_seen_since_does_not_count(cut: Said) -> None:
    """An event of the same time is not newer; one a second later joins them again, whichever was processed first."""
    assert groups(SEEN, cut) == groups(cut, SEEN) == [(CARD,), (COOKIE,)]
    assert groups(SEEN, cut, SEEN_LATER) == groups(SEEN_LATER, SEEN, cut) == [(CARD, COOKIE)]


@pytest.mark.parametrize("cut", [UNBOUND, LOGGED_OUT])
def test_a_person_of_the_fast_way_is_parted(cut: Said) -> None:
    """What a division without a look at the evidence said does not outlive a cut."""
    bench = Bench()
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 0))
    assert len(bench.persons()) == 1
    resolved = bench.resolve(arrived(cut[0], 1, kind=cut[1]))
    assert all(changed.component.division is None for changed in resolved.changed)
    assert len(bench.persons()) == 2


def test_an_unbind_takes_off_what_it_names_and_nothing_else() -> None:
    """The other identifiers of the card stay; those that were named stay with each other."""
    seen = ({"card": "A", "phone": "13812345678", "openid": "o", "cookie": "k"}, "store.visited", 0)
    friends = ({"openid": "o", "cookie": "k"}, "page.viewed", 0)
    unbind = ({"card": "A", "openid": "o", "cookie": "k"}, "card.unbind", 5)
    found = groups(seen, friends, unbind)
    assert sorted(len(members) for members in found) == [2, 2]
    assert ("openid:main:o", COOKIE) in found


def test_an_unbind_holds_for_the_replaced_number_too() -> None:
    """Old and new number are one value: what is taken off the one is taken off the other."""
    bench = Bench()
    bench.resolve(arrived({"card": "B", "cookie": "k"}, 0))
    bench.resolve(arrived({"card": "A"}, 1, kind="card.replaced", replaces="B"))
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 2, kind="card.unbind"))
    assert [person.members for person in bench.persons()] == [(CARD, OTHER_CARD), (COOKIE,)]


def test_a_logout_leaves_strong_links() -> None:
    """Only the links of its weak identifiers are cut, though all of its identifiers are seen."""
    seen = ({"card": "A", "phone": "13812345678", "cookie": "k"}, "store.visited", 0)
    logout = ({"card": "A", "phone": "13812345678", "cookie": "k"}, "session.logout", 1)
    assert sorted(len(members) for members in groups(seen, logout)) == [1, 2]


def test_a_namespace_that_became_weak_was_logged_out_before() -> None:
    """Which namespaces are weak is a live setting, so a logout is kept of all identifiers and judged by the rules."""
    edges = graph(("openid:main:o", "cookie:k"))
    sights = sights_of(edges) | {"openid:main:o": Sight(0, logged_out_us=0)}
    assert len(partition(sights, edges, DEFAULT_RULES).groups) == 1
    namespaces = DEFAULT_RULES.namespaces
    weak = replace(namespaces["openid"], weak=True)
    rules = replace(DEFAULT_RULES, namespaces={**namespaces, "openid": weak})
    assert partition(sights, edges, rules).refused == (Refused(next(iter(edges)), "logged_out"),)


@pytest.mark.parametrize("kind", ["card.unbind", "session.logout"])
def test_identifiers_of_a_cut_need_not_hang_together(kind: str) -> None:
    """Known ones in components of their own and new ones: each is seen and cut where it is, and nothing is united."""
    bench = Bench()
    bench.resolve(arrived({"card": "A", "phone": "13812345678"}, 0), arrived({"cookie": "k", "openid": "o"}, 1))
    cut = {"card": "A", "cookie": "k", "mac": "aa:bb:cc:00:11:22"}
    bench.resolve(arrived({"card": "A", "login": "l"}, 2), arrived(cut, 3, kind=kind), arrived(cut, 4, kind=kind))
    facets = [key for component in bench.at_rest() for key in component.facets]
    assert len(facets) == len(set(facets)) == 6
    assert len(bench.at_rest()) == 3
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 5, seconds=-1))
    assert len(bench.at_rest()) == 2
    parted = {"card.unbind": 3, "session.logout": 4}  # the logout parts the browser from the openid too
    assert len(bench.persons()) == parted[kind]


@given(
    st.lists(st.sampled_from([SEEN, SEEN_LATER, UNBOUND, LOGGED_OUT, (*UNBOUND[:2], 12)]), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
def test_any_order_and_any_repetition(said: list[Said], rng: random.Random) -> None:
    """The groups are a function of the events, not of the order or number of times in which they are processed."""
    again = [*said, *rng.sample(said, 2)]
    rng.shuffle(again)
    assert sorted(groups(*said)) == sorted(groups(*again))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=60), st.randoms(use_true_random=False))
def test_a_card_remembers_the_latest_unbinds(unbinds: list[tuple[int, int]], rng: random.Random) -> None:
    """However many are named, in whatever order: the latest of each, and of these the latest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("resolvers.facets.UNBOUND_MAX", 4)
        shuffled = rng.sample(unbinds, len(unbinds))
        one, other = sighted("x", 0), sighted("x", 0)
        for facet, order in ((one, unbinds), (other, shuffled)):
            for key, time_us in order:
                facet.unbind(f"cookie:{key:02}", time_us)
    assert one.unbound == other.unbound
    assert len(one.unbound) <= 4 < UNBOUND_MAX
    assert decode(encode(one)) == one
    assert one.copied() == one
    assert one.cuts == bool(unbinds)
