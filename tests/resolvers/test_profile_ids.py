"""Profile ids: the contract's rules (a) to (e) by example, and their laws over random histories."""

import random

from hypothesis import given
from hypothesis import strategies as st

from resolvers.people import VALUES_OF, Person
from resolvers.profile_ids import Assigned, assign
from resolvers.publication import Published, State

KEYS = ("card:A", "card:B", "mac:M", "openid:o", "phone:p", "phone:q")
"""Strongest first, as far as these tests go: by name."""


def mint(key: str, nth: int) -> str:
    """A legible id."""
    return f"id({key},{nth})"


def person(*members: str) -> Person:
    """A person of these identifiers, held by the first."""
    members_shown = () if members[0].startswith(VALUES_OF) else members
    return Person(members[0], members_shown, b"{}", {}, keys=members_shown)


class History:
    """What was published so far, one change after the other."""

    def __init__(self) -> None:
        self.state = State()

    def publish(self, *persons: Person) -> list[str]:
        """Publish these people -> their ids."""
        assigned = assign(list(persons), self.state, mint)
        version = self.state.version + 1
        profiles = {}
        for one, profile_id in zip(persons, assigned.ids, strict=True):
            old = self.state.profiles.get(profile_id)
            born = version if old is None else old.born
            profiles[profile_id] = Published(one.holder, born, version, b"d", one.members)
        self.state = State(version, profiles, {**self.state.ended, **assigned.ended})
        return assigned.ids


def test_a_the_older_id_survives() -> None:
    """(a) When profiles merge, the id that was published first goes on, whoever holds it; the other ends in it."""
    history = History()
    (first,) = history.publish(person("phone:p"))
    assert history.publish(person("card:A"), person("phone:p")) == [mint("card:A", 0), first]
    assert history.publish(person("card:A", "phone:p")) == [first]
    assert history.state.ended == {mint("card:A", 0): first}


def test_b_a_late_event_changes_no_id() -> None:
    """(b) What was published last is what counts; an unchanged division keeps its ids however often it is told."""
    history = History()
    ids = history.publish(person("card:A", "phone:p"), person("card:B"))
    for _ in range(3):
        assert history.publish(person("card:A", "phone:p"), person("card:B")) == ids


def test_c_the_same_history_gives_the_same_ids() -> None:
    """(c) Ids are a function of what was published and of the key."""
    told = [[person("phone:p")], [person("card:A", "phone:p")], [person("card:A"), person("phone:p")]]
    one, other = History(), History()
    assert [one.publish(*some) for some in told] == [other.publish(*some) for some in told]


def test_d_the_id_stays_with_its_holder() -> None:
    """(d) When identifiers part, the id stays with the strongest identifier it was published for."""
    history = History()
    (first,) = history.publish(person("phone:p"))
    history.publish(person("card:A", "phone:p"))
    assert history.publish(person("card:A"), person("phone:p")) == [first, mint("phone:p", 1)]


def test_d_a_holder_that_moves_takes_the_id_along() -> None:
    """(d) A holder that goes over to another person brings its id into that merge; who is left gets a new one."""
    history = History()
    (elder,) = history.publish(person("card:A"))
    _, younger = history.publish(person("card:A"), person("openid:o", "phone:p"))
    assert history.publish(person("card:A", "openid:o"), person("phone:p")) == [elder, mint("phone:p", 0)]
    assert history.state.ended == {younger: elder}


def test_e_an_ended_id_never_comes_back() -> None:
    """(e) After a split, the part without an id gets a new one, not the one that ended."""
    history = History()
    history.publish(person("card:A"), person("phone:p"))
    history.publish(person("card:A", "phone:p"))
    for nth in (1, 2, 3):
        _, again = history.publish(person("card:A"), person("phone:p"))
        assert again == mint("phone:p", nth)
        history.publish(person("card:A", "phone:p"))


def test_a_second_profile_has_an_id_of_its_own() -> None:
    """A contested device's second profile is held by the device's mark; uncontested again, it ends in its person."""
    history = History()
    history.publish(person("card:A", "mac:M"), person("card:B"))
    _, _, aside = history.publish(person("card:A", "mac:M"), person("card:B"), person("!mac:M"))
    assert aside == mint("!mac:M", 0)
    ids = history.publish(person("card:B", "mac:M"), person("card:A"))
    assert history.state.ended == {aside: ids[0]}
    assert history.publish(person("card:B", "mac:M"), person("card:A"), person("!mac:M"))[2] == mint("!mac:M", 1)


def test_two_new_people_of_one_holder_do_not_meet() -> None:
    """Ids minted in one change are distinct, even if the mint says the same for both."""
    assigned = assign([person("card:A"), person("card:B")], State(), lambda _, nth: f"id{nth}")
    assert assigned == Assigned(["id0", "id1"], {})


def division(rng: random.Random) -> list[Person]:
    """The keys divided at random, and second profiles for the device now and then."""
    parts = [rng.randrange(4) for _ in KEYS]
    groups = [tuple(key for key, part in zip(KEYS, parts, strict=True) if part == at) for at in range(4)]
    persons = [person(*group) for group in groups if group]
    return persons + ([person("!mac:M")] if rng.random() < 0.3 else [])


@given(st.randoms(use_true_random=False), st.integers(2, 12))
def test_random_histories(rng: random.Random, changes: int) -> None:
    """Over any merges and splits: ids are distinct, stay with their holders, end once and never live again."""
    history = History()
    ever: set[str] = set()
    for _ in range(changes):
        persons = division(rng)
        before = history.state
        ids = history.publish(*persons)
        state = history.state
        assert len(set(ids)) == len(ids) == len(persons)
        at_holder = {key: one for one, some in zip(ids, persons, strict=True) for key in (some.holder, *some.members)}
        for old, published in before.profiles.items():
            now = at_holder.get(published.holder) or at_holder[published.holder.removeprefix(VALUES_OF)]
            assert now == (old if old in state.profiles else state.ended[old]), "an id left its holder"
            assert before.profiles.get(now, published).born <= published.born, "a younger id survived"
        new = set(ids) - before.profiles.keys()
        assert not new & ever, "an id came back"
        ever |= set(ids)
        assert not state.profiles.keys() & state.ended.keys()
        assert set(state.ended) == ever - state.profiles.keys()
        for ended in state.ended:
            assert survivor(ended, state) in state.profiles


def survivor(one: str, state: State) -> str:
    """Where an id leads."""
    for _ in range(len(state.ended) + 1):
        one = state.ended.get(one, one)
    return one
