"""Moments too rare for random schedules, acted out, with and without the safeguard that is for them."""

import random
from collections.abc import Callable

import pytest

from resolvers import erasing
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.projecting import Rulebook, project
from resolvers.resolving import resolve
from resolvers.steps import (
    ClaimHome,
    Commit,
    DropPublication,
    ForgetComponent,
    ForgetHome,
    Freeze,
    Notice,
    Notify,
    Outgoing,
    Protocol,
    Publish,
    ReadComponent,
    Settle,
    Step,
)
from resolvers.uniting import finish, unite
from sinks.carrying import carry_in_memory
from tests.resolvers.building import Bench, arrived
from tests.resolvers.test_commanding import crashes
from tests.simulation.checks import applied
from tests.simulation.mutants import (
    EMPTY_KEPT,
    MARKS_FIRST,
    MOVES_ON,
    MOVES_TO_NOTHING,
    NAMES_ONLY,
    OLD_PUBLISHED,
    TOLD_ONCE,
    Mutant,
    put_in,
)

A, B, C = "card:main:A", "card:main:B", "card:main:C"


class Stage(Bench):
    """A bench with a log of what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Outgoing] = []

    def execute(self, step: Step) -> object:
        """Carry out a leaf step; notices are lost."""
        if isinstance(step, Publish):
            self.sent.extend(step.records)
            return list(range(len(step.records)))
        return None if isinstance(step, Notify) else self.store.execute(step)

    def project(self, name: str, version: int, cache: Cache) -> None:
        """Answer a notice."""
        rulebook = Rulebook(self.rules, frozenset(), lambda key, nth: f"{key}/{nth}")
        carry_in_memory(project([Notice(name, version, "e", "/s", 0)], cache, rulebook, 1), self.execute)


def marks_go_after_all_is_settled() -> None:
    """A mover dies between absorbing and settling; the survivor is projected; a helper then finds nothing to absorb."""
    stage = Stage()
    stage.resolve(arrived({"card": "A"}, 0), arrived({"card": "B"}, 1))
    protocol = unite(B, A, Cache())
    step = next(protocol)
    while not isinstance(step, Settle):
        step = protocol.send(stage.store.execute(step))
    protocol.close()
    stage.project(A, 0, Cache())
    survivor = stage.component(A)
    assert set(survivor.facets) == {A, B}
    assert not survivor.absorbed
    carry_in_memory(finish(B, Cache()), stage.store.execute)
    assert stage.component(A).fields() == survivor.fields()
    assert not stage.component(B).pending


def an_old_component_is_not_published() -> None:
    """A notice comes twice: to a worker that has gone on, then to one that remembers the component as it was."""
    stage = Stage()
    old, new = Cache(), Cache()
    carry_in_memory(resolve([arrived({"card": "A"}, 0)], old, stage.rules), stage.store.execute)
    carry_in_memory(resolve([arrived({"card": "A", "cookie": "k"}, 1)], new, stage.rules), stage.store.execute)
    stage.project(A, 2, new)
    old.publications.forget(A)  # they are remembered apart from components, and not as long
    stage.project(A, 1, old)
    (profile,) = applied(stage.sent, "profiles").values()
    assert [one["namespace"] for one in profile["identifiers"]] == ["card", "cookie"]


def a_ruling_is_told_by_who_repeats_it() -> None:
    """A worker dies between writing a ruling and telling the projection; the next one carries the command out again."""
    for desk, asked, _ in crashes({"id": "c", "type": "merge", "identifiers": ["card:B", "openid:o"]}):
        desk.cache = Cache(10)
        desk.obey(asked)
        assert desk.told[-1].component in {one.name for one in desk.at_rest()}


def nobody_moves_by_way_of_what_is_deleted() -> None:
    """C is on its way to B, which has moved into A; two helpers finish C while an erase deletes B, in many orders."""
    ends = set()
    for seed in range(400):
        stage, chance = Stage(), random.Random(seed)
        stage.resolve(*(arrived({"card": name, "cookie": f"k{name}"}, n) for n, name in enumerate("ABC")))
        stage.store.execute(Freeze(C, B))
        carry_in_memory(unite(B, A, Cache()), stage.store.execute)
        turns = [finish(C, Cache()), finish(C, Cache()), deleted(B)]
        replies: dict[int, object] = {id(one): None for one in turns}
        while turns:
            one = chance.choice(turns)
            try:
                replies[id(one)] = stage.store.execute(one.send(replies[id(one)]))
            except StopIteration:
                turns.remove(one)
        rest = {one.name: len(one.facets) for one in stage.at_rest()}
        assert rest in ({A: 6}, {A: 4, C: 2})
        ends.add(len(rest))
    assert ends == {1, 2}, "both were met: it was moved in, and its move was called off"


def who_has_come_to_a_deleted_name_stays() -> None:
    """An erase notes B as a way to A, deletes it and dies; somebody new has the name when it is carried out again."""
    stage = Stage()
    stage.resolve(arrived({"card": "A"}, 0), arrived({"card": "B"}, 1))
    stage.store.execute(Commit(A, stage.component(A).version, {f"s:{B}": b""}))
    carry_in_memory(erasing._emptied(A), stage.store.execute)
    assert (set(stage.component(B).facets), stage.component(A).stubs) == ({B}, frozenset())


def who_has_a_deleted_name_is_published() -> None:
    """An emptied component is projected and deleted; somebody comes whose home the dead had claimed there."""
    stage, cache = Stage(), Cache()
    stage.resolve(*(arrived({"card": "A"}, n) for n in range(3)))
    stage.store.execute(Commit(A, stage.component(A).version, {}, tuple(stage.component(A).fields())))
    version = stage.component(A).version
    stage.project(A, version, cache)
    stage.store.execute(ForgetHome(A))
    stage.store.execute(ForgetComponent(A, version))
    stage.store.execute(DropPublication(A))
    stage.store.execute(ClaimHome(B, A))
    stage.resolve(arrived({"card": "B"}, 9))
    assert stage.component(A).version < version
    stage.project(A, stage.component(A).version, cache)
    assert B in {record.key.decode() for record in stage.sent if record.topic == "identities"}


def deleted(name: str) -> Protocol[None]:
    """What an erase does with what has moved."""
    component: Component = yield ReadComponent(name)
    yield ForgetComponent(name, component.version)


SCENES = [
    (marks_go_after_all_is_settled, MARKS_FIRST),
    (an_old_component_is_not_published, OLD_PUBLISHED),
    (a_ruling_is_told_by_who_repeats_it, TOLD_ONCE),
    (nobody_moves_by_way_of_what_is_deleted, MOVES_ON),
    (nobody_moves_by_way_of_what_is_deleted, MOVES_TO_NOTHING),
    (who_has_come_to_a_deleted_name_stays, NAMES_ONLY),
    (who_has_a_deleted_name_is_published, EMPTY_KEPT),
]


@pytest.mark.parametrize(
    ("scene", "mutant"), SCENES, ids=lambda one: getattr(one, "name", getattr(one, "__name__", ""))
)
def test_rare_moment(scene: Callable[[], None], mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scene ends well, and would not without the safeguard."""
    scene()
    put_in(mutant, monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        scene()
