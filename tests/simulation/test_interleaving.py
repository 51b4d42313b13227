"""Any interleaving, crash and zombie ends in what the log says (I1 to I4), in every world."""

import pytest

from tests.simulation.checks import check, contents_of, naive, reported
from tests.simulation.scheduler import Faults, Simulation
from tests.simulation.worlds import WORLDS, World

FAULTS = Faults(crash=0.01, zombie=0.005)
SEEDS = 160
"""A world and kind of fault: 2,240 runs in all."""

every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)


@every_world
def test_no_faults(world: World) -> None:
    """Any interleaving of any number of workers ends in the people that the naive model finds."""
    for seed in range(SEEDS):
        log = world.log(seed)
        check(Simulation(log, seed, world.rules).run(), log, naive(log, world.rules))


@every_world
def test_crashes_and_zombies(world: World) -> None:
    """The same with workers that die at any step, and workers that go on after they were replaced."""
    for seed in range(SEEDS):
        log = world.log(seed)
        check(Simulation(log, seed, world.rules, FAULTS).run(), log, naive(log, world.rules))


@every_world
def test_schedules_make_no_difference(world: World) -> None:
    """The same records under four schedules, two of them with faults: byte-identical contents."""
    for seed in range(20):
        log = world.log(seed)
        runs = [Simulation(log, 1000 + n, world.rules, FAULTS if n % 2 else None).run() for n in range(4)]
        first, *others = (contents_of(run.sent) for run in runs)
        assert all(other == first for other in others), seed
        assert sum(first.values()) > 0


def test_a_seed_is_a_run() -> None:
    """A seed decides everything: the same records in the same order, so that a failing seed can be looked at."""
    log = WORLDS[-1].log(7)
    one, other = (Simulation(log, 7, WORLDS[-1].rules, FAULTS).run() for _ in range(2))
    assert one.sent == other.sent
    assert one.store.content == other.store.content


def test_the_worlds_meet_the_rules() -> None:
    """The logs are worth running: every rule that evidence can be refused by is met."""
    met = {rule for world in WORLDS for seed in range(20) for *_, rule in naive(world.log(seed), world.rules).refused}
    assert met == {"hub", "drop", "unique", "limit", "weak_link"}
    crowd = WORLDS[1]
    assert reported(Simulation(crowd.log(3), 3, crowd.rules).run().sent)
