"""Exact unmerge: the parts of a split add up to the whole, a merge puts back exactly that, and rules say the same."""

import random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resolvers.arrivals import Arrival
from resolvers.judging import Rulebook
from resolvers.people import Person, people
from stream.config.rules_file import PACKAGED_FILE, read_rules
from tests.resolvers.building import NOON_US
from tests.resolvers.test_commanding import Desk
from tests.resolvers.test_member_facts import histories, sums
from topics.codec import decode

MEMBER = Rulebook(read_rules(PACKAGED_FILE)[0].rules, ZoneInfo("Asia/Shanghai"))


def judged(desk: Desk) -> list[Person]:
    """Everybody, judged by the default rules, by holder."""
    found = [
        person
        for one in desk.at_rest()
        for person in people(one, desk.rules, NOON_US, frozenset(), MEMBER).persons
        if one.facets
    ]
    return sorted(found, key=lambda person: person.holder)


def bodies(persons: list[Person]) -> list[dict[str, Any]]:
    """Their contents."""
    return [decode(person.body) for person in persons]


def named(key: str) -> str:
    """An identifier as a command names it."""
    namespace, _, token = key.partition(":")
    return f"{namespace}:~{token}"


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_split_then_merge_is_as_if_nothing_had_been(events: list[Arrival], rng: random.Random) -> None:
    """The two halves hold what the whole held; merged again they are the same profile, decisions included."""
    desk = Desk()
    for event in events:
        desk.resolve(event)
    before = judged(desk)
    several = [one for one in before if len(one.members) > 1]
    assume(several)
    whole = rng.choice(several)
    together = frozenset(_with(desk, whole))
    assume(sum(together.issuperset(one.members) for one in before) == 1)
    half = rng.sample(whole.members, rng.randint(1, len(whole.members) - 1))
    assert desk.say("split", *map(named, half), name="s").status == "done"
    parted = judged(desk)
    assert sums(bodies(parted)) == sums(bodies(before))
    assert any(set(one.members) == set(half) for one in parted)
    [rest] = [key for key in whole.members if key not in half][:1]
    assert desk.say("merge", named(half[0]), named(rest), name="m").status == "done"
    after = judged(desk)
    others = [key for key in whole.members if not any({key, half[0]} <= set(one.members) for one in after)]
    if others:  # the halves fell apart further: their own links had gone through each other
        assert desk.say("merge", *(named(key) for key in (half[0], *others)), name="m2").status == "done"
        after = judged(desk)
    assert [(one.members, one.body) for one in after] == [(one.members, one.body) for one in before]


def _with(desk: Desk, person: Person) -> list[str]:
    """All identifiers of the component that a person is in."""
    return next([*one.facets] for one in desk.at_rest() if person.members[0] in one.facets)


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_order_and_copies_make_no_difference_to_decisions(events: list[Arrival], rng: random.Random) -> None:
    """Tags, stage with its instant, tier, segments and occasions follow from the log, in whatever order it came."""
    one, other = Desk(), Desk()
    for event in events:
        one.resolve(event)
    again = events + rng.sample(events, rng.randint(0, len(events)))
    rng.shuffle(again)
    for event in again:
        other.resolve(event)
    first, second = judged(one), judged(other)
    assert [person.body for person in first] == [person.body for person in second]
    assert [person.due_us for person in first] == [person.due_us for person in second]
    assert [list(found.judged.occasions) for found in first if found.judged is not None] == [
        list(found.judged.occasions) for found in second if found.judged is not None
    ]
