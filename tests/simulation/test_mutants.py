"""The simulation is worth something: it catches each committed mutant of the engine within a few seeds."""

from itertools import product

import pytest

from tests.simulation.checks import check, naive
from tests.simulation.mutants import MUTANTS, Mutant, put_in
from tests.simulation.parts import WEATHERS
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, days_of


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_caught(mutant: Mutant) -> None:
    """Without this safeguard, a run of some world, seed and weather ends in something else than the log says."""
    assert caught_at(mutant) is not None, f"nobody notices: {mutant.name}"


def caught_at(mutant: Mutant) -> tuple[str, int, str] | None:
    """World, seed and weather of the first run that goes wrong."""
    worlds = [world for world in WORLDS if world.name.startswith(mutant.world)]
    weathers = [weather for weather in WEATHERS if weather.startswith(mutant.weather)]
    with pytest.MonkeyPatch.context() as patch:
        put_in(mutant, patch)
        for seed, world, weather in product(range(mutant.first, mutant.first + mutant.seeds), worlds, weathers):
            log = world.log(seed)
            try:
                outcome = Simulation(log, seed, world.rules, WEATHERS[weather], days=days_of(seed)).run(20_000)
                check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))
            except (AssertionError, LookupError, ValueError):
                return world.name, seed, weather
    return None
