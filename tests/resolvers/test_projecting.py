"""What a worker keeps in mind of people whom it only looks at, because of the time or other rules."""

from typing import Any

import pytest
from msgspec.structs import replace

from resolvers import projecting
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.difference import Difference
from resolvers.namespaces import DEFAULT_RULES, IdentityRules
from resolvers.people import People, people
from resolvers.projecting import Rulebook, project, time_notice
from resolvers.pseudonyms import mint
from resolvers.steps import Notice, Notify, Publish, Reply, Step
from sinks.carrying import carry_in_memory
from tests.resolvers.building import NOON_US, Bench, arrived

RULEBOOK = Rulebook(DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"a key for tests", key, nth))


def carried(bench: Bench, cache: Cache, notice: Notice, now_us: int = NOON_US) -> list[Difference]:
    """What is published in answer to a notice."""

    def execute(step: Step) -> Reply:
        if isinstance(step, Publish):
            return [0] * len(step.records)
        return None if isinstance(step, Notify) else bench.store.execute(step)

    return carry_in_memory(project([notice], cache, RULEBOOK, now_us), execute)


@pytest.mark.parametrize("is_there", [True, False])
def test_who_is_only_looked_at_is_not_kept(*, is_there: bool) -> None:
    """A million people who are due would drive the others out of the cache; who is in it already stays in it."""
    bench = Bench()
    bench.resolve(arrived({"card": "C1"}))
    cache = bench.cache if is_there else Cache()
    [component] = bench.at_rest()
    [published] = carried(bench, cache, time_notice(component.name, NOON_US))
    assert published.sent
    assert (cache.components.get(component.name) is not None) is is_there
    assert (cache.publications.get(component.name) is not None) is is_there
    told = Notice(component.name, component.version, "e1", "/test", 0)
    carried(bench, cache, told)
    assert cache.components.get(component.name) is not None


def test_a_notice_that_was_answered_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is folded again for the version that was published, unless time or the notice asks for it."""
    bench = Bench()
    bench.resolve(arrived({"card": "C1"}))
    [component] = bench.at_rest()
    told = Notice(component.name, component.version, "e1", "/test", 0)
    [published] = carried(bench, bench.cache, told)
    folded: list[str] = []

    def counted(component: Component, rules: IdentityRules, now_us: int, *others: Any) -> People:  # noqa: ANN401
        folded.append(component.name)
        return people(component, rules, now_us, *others)

    monkeypatch.setattr(projecting, "people", counted)
    assert not carried(bench, bench.cache, told)
    assert not carried(bench, bench.cache, told, published.state.due_us - 1)
    assert not folded
    assert carried(bench, bench.cache, replace(told, again=True))
    assert not carried(bench, bench.cache, replace(told, version=0))
    assert not carried(bench, Cache(), told), "what others published in between is not known"
    assert len(folded) == 3
    assert carried(bench, bench.cache, told, published.state.due_us)
