"""The audit is silent about what any run of the engine leaves, and hears of what is then broken."""

import asyncio
import random

import pytest

from resolvers.audit import Finding
from sinks.memory_store import MemoryStore
from stream.operating.auditing import Auditing
from tests.contract.conftest import AwaitedMemory
from tests.simulation.parts import WEATHERS
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, World

SEEDS = 10


def audited(store: MemoryStore, world: World) -> list[Finding]:
    """What an audit of everything finds."""
    auditing = Auditing(AwaitedMemory(store), world.rules, lambda _done, _of: None)
    return asyncio.run(auditing.run(None, 0.0)).findings


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_what_a_run_leaves_is_whole(world: World) -> None:
    """Crashes, zombies, hubs, unions and cuts: when everything is done, nothing is wrong."""
    for seed in range(SEEDS):
        for faults in WEATHERS.values():
            outcome = Simulation(world.log(seed), seed, world.rules, faults).run()
            assert audited(outcome.store, world) == [], seed


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_lost_field_is_heard_of(world: World) -> None:
    """Any facet that is lost at random, from any store, is a finding."""
    rng = random.Random(1)
    for seed in range(SEEDS):
        store = Simulation(world.log(seed), seed, world.rules).run().store
        fields = [(name, one) for name, record in store.content.components.items() for one in record if one[:2] == "f:"]
        name, field = rng.choice(sorted(fields))
        del store.content.components[name][field]
        assert field.split(":", 2)[2] in {key for one in audited(store, world) for key in one.keys}
