"""What a worker keeps in mind of people whom it only looks at, because of the time or other rules."""

import pytest

from resolvers.cache import Cache
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook, project, time_notice
from resolvers.pseudonyms import mint
from resolvers.steps import Notice, Notify, Publish, Reply, Step
from sinks.carrying import carry_in_memory
from tests.resolvers.building import NOON_US, Bench, arrived

RULEBOOK = Rulebook(DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"a key for tests", key, nth))


@pytest.mark.parametrize("is_there", [True, False])
def test_who_is_only_looked_at_is_not_kept(*, is_there: bool) -> None:
    """A million people who are due would drive the others out of the cache; who is in it already stays in it."""
    bench = Bench()
    bench.resolve(arrived({"card": "C1"}))

    def execute(step: Step) -> Reply:
        if isinstance(step, Publish):
            return [0] * len(step.records)
        return None if isinstance(step, Notify) else bench.store.execute(step)

    cache = bench.cache if is_there else Cache()
    [component] = bench.at_rest()
    [published] = carry_in_memory(project([time_notice(component.name, NOON_US)], cache, RULEBOOK, NOON_US), execute)
    assert published.sent
    assert (cache.components.get(component.name) is not None) is is_there
    assert (cache.publications.get(component.name) is not None) is is_there
    told = Notice(component.name, component.version, "e1", "/test", 0)
    carry_in_memory(project([told], cache, RULEBOOK, NOON_US), execute)
    assert cache.components.get(component.name) is not None
