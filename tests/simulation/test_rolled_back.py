"""A store that comes back without its last writes: all is done again, and what only subscribers know is made good."""

from collections.abc import Iterator

import pytest

from resolvers import projecting
from resolvers.publication import State
from tests.simulation.checks import check, naive
from tests.simulation.parts import ROLLED_BACK, Outcome
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, World

SEEDS = 60


def runs(world: World, seeds: range) -> Iterator[tuple[Outcome, int]]:
    """Runs in which the store was rolled back, checked, with how many profiles only subscribers knew."""
    for seed in seeds:
        log = world.log(seed)
        simulation = Simulation(log, seed, world.rules, ROLLED_BACK)
        outcome = simulation.run()
        # Who came to be by a command alone that is decided otherwise when it is decided anew stays (docs/promises.md).
        if outcome.rollbacks and not simulation.nobodys:
            check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))
            yield outcome, simulation.strays


# Who was erased twice, before and after a store came back older, is not looked at (ADR 0009).
KEEPING = [world for world in WORLDS if world.name not in {"erasing", "governed"}]


@pytest.mark.parametrize("world", KEEPING, ids=lambda world: world.name)
def test_a_store_that_came_back_older(world: World) -> None:
    """At any moment, to any earlier one, with crashes: nobody is lost, doubled, or left behind as a phantom."""
    assert sum(1 for _ in runs(world, range(SEEDS))) > SEEDS / 10


def test_profiles_that_only_subscribers_know_are_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """They do come about, and without the safeguard they stay, beside the people that they were."""
    world = WORLDS[0]
    assert any(strays for _, strays in runs(world, range(SEEDS)))

    def as_it_is(state: State, *_: object) -> State:
        return state

    monkeypatch.setattr(projecting, "with_strays", as_it_is)
    with pytest.raises(AssertionError):
        list(runs(world, range(SEEDS)))
