"""Any interleaving, crash and zombie ends in what the log says (I1 to I4), in every world."""

from collections import Counter

import pytest

from tests.simulation.checks import answers, check, contents_of, naive, reported
from tests.simulation.parts import WEATHERS
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, World, days_of

SEEDS = 100
"""In each world and weather: 8,400 runs in all."""

COMMANDED = next(world for world in WORLDS if world.name == "commanded")

GOVERNED = next(world for world in WORLDS if world.name == "governed")

every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)


@every_world
@pytest.mark.parametrize("weather", WEATHERS)
def test_any_run_ends_in_what_the_log_says(world: World, weather: str) -> None:
    """Any interleaving of any number of workers, dying or outliving themselves: the people of the naive model."""
    for seed in range(SEEDS):
        log = world.log(seed)
        outcome = Simulation(log, seed, world.rules, WEATHERS[weather], days=days_of(seed)).run()
        check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))


FOUND = (
    ("erasing", 178, "rough", 0),  # names of profiles forgotten, and their worker dead before they were said anew
    ("erasing", 650, "rough", 0),  # a frozen worker said what had been answered before to another command of that id
    ("erasing", 950, "rough", 0),  # an erase said a dry run's answer anew behind what was decided under its id since
    ("governed", 852, "rough", 0),  # an unbind, taken back, and again: of two lives that are one, one is over
    ("commanded", 2605, "rough", 0),  # an owner with an old component took over what was taken over and dropped
    ("governed", 2000413, "calm", 92),  # a pattern met the second life of somebody erased, and blocked the first
    ("governed", 3000234, "calm", 1),  # the same, of a cookie
    ("governed", 3000107, "stormy", 2),  # dead before the tombstone of an identifier whose person goes on
    ("unbinding, loose, latest", 3000005, "calm", 92),  # a split left a life of its own identifier behind
    ("unbinding, loose, latest", 2000162, "calm", 1),  # the same, of an email
    ("governed", 3000306, "calm", 1),  # the same, of a device
    ("erasing", 3000192, "stormy", 0),  # invited in a life that was erased: counted under two names of it
    ("unbinding, loose, latest", 2000281, "calm", 0),  # a link of two hubs, one of them in its second life
    ("ruled, loose, drop", 2000315, "calm", 2),  # the same, and the two lives one since
    ("commanded, loose, first", 2000051, "calm", 2),  # an undo read where to before the ruling had moved in there
    ("governed", 3000035, "calm", 2),  # an unbind, taken back when the next life was erased: the one before was held
    ("erasing", 4000202, "calm", 1),  # a tombstone that was put off, in a component that moved into another
    ("reusing", 1122, "rough", 1),  # a name used again, found out only after who it names was given a home
    ("erasing", 9000380, "calm", 31),  # moved in by way of what an erase deleted next, and was in two components
    ("erasing", 70001262, "stormy", 200),  # a way that bore an erased name and led to somebody else was deleted
    ("unbinding, loose, latest", 72000413, "stormy", 92),  # a device contested by a hub's life that was over
    ("unbinding, loose, latest", 3000086, "calm", 200),  # a hub by two lives of a neighbour that were one since
)
"""Runs of `tests.simulation.long` that went wrong once, as long as their schedules are what they were.

The number at the end: how many days pass.
"""


@pytest.mark.parametrize(("name", "seed", "weather", "days"), FOUND)
def test_what_went_wrong_once(name: str, seed: int, weather: str, days: int) -> None:
    """A run whose bug was mended ends as the log says."""
    world = next(one for one in WORLDS if one.name == name)
    log = world.log(seed)
    outcome = Simulation(log, seed, world.rules, WEATHERS[weather], days=days).run()
    check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))


@every_world
def test_schedules_make_no_difference(world: World) -> None:
    """The same records under four schedules, two of them with faults: byte-identical contents.

    What was decided about commands in the first holds in all of them, as when a store is filled anew: it is then
    applied before or after any of the events that it was decided by.
    """
    for seed in range(20):
        log = world.log(seed)
        one = Simulation(log, 1000, world.rules).run()
        decided = one.store.content.decisions
        schedules = enumerate(("calm", "rough", "stormy"), 1001)
        runs = [Simulation(log, n, world.rules, WEATHERS[weather], decided=decided).run() for n, weather in schedules]
        first, *others = (contents_of(run.sent) for run in (one, *runs))
        assert all(other == first for other in others), seed
        assert sum(first.values()) > 0


def test_a_seed_is_a_run() -> None:
    """A seed decides everything: the same records in the same order, so that a failing seed can be looked at."""
    world = WORLDS[-1]
    log = world.log(7)
    one, other = (Simulation(log, 7, world.rules, WEATHERS["rough"]).run() for _ in range(2))
    assert one.sent == other.sent
    assert one.store.content == other.store.content


def test_the_worlds_meet_the_rules() -> None:
    """The logs are worth running: every rule that evidence can be refused by is met, and the weathers do harm."""
    met = {rule for world in WORLDS for seed in range(20) for *_, rule in naive(world.log(seed), world.rules).refused}
    assert met == {"hub", "drop", "unique", "limit", "weak_link", "unbound", "logged_out"}
    governed = [Simulation(GOVERNED.log(seed), seed).run() for seed in range(60)]
    done = Counter(one["type"] for run in governed for one in answers(run.sent).values() if one["status"] == "done")
    assert min(done[kind] for kind in ("erase", "unbind", "block", "unblock", "undo")) > 2
    assert any(rule == "blocked" for run in governed for *_, rule in reported(run.sent))
    ruled = [Simulation(COMMANDED.log(seed), seed).run() for seed in range(20)]
    assert any(rule == "split" for run in ruled for *_, rule in reported(run.sent))
    done = Counter(one["type"] for run in ruled for one in answers(run.sent).values() if one["status"] == "done")
    assert min(done[kind] for kind in ("merge", "split", "undo")) > 2
    world = WORLDS[1]
    rough = [Simulation(world.log(seed), seed, world.rules, WEATHERS["rough"]).run() for seed in range(20)]
    assert sum(run.crashes for run in rough) > 10
    assert sum(run.zombies for run in rough) > 3
    assert any(reported(run.sent) for run in rough)
