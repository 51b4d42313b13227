"""Any interleaving, crash and zombie ends in what the log says (I1 to I4)."""

import pytest

from tests.simulation.checks import check, naive_people
from tests.simulation.logs import random_log
from tests.simulation.scheduler import Faults, Simulation


@pytest.mark.parametrize("block", range(4))
def test_no_faults(block: int) -> None:
    """Any interleaving of any number of workers ends in the people that the naive model finds."""
    for seed in range(block * 50, block * 50 + 50):
        log = random_log(seed)
        outcome = Simulation(log, seed).run()
        check(outcome, log, naive_people(log))


@pytest.mark.parametrize("block", range(4))
def test_crashes_and_zombies(block: int) -> None:
    """The same with workers that die at any step, and workers that go on after they were replaced."""
    for seed in range(block * 50, block * 50 + 50):
        log = random_log(seed)
        outcome = Simulation(log, seed, faults=Faults(crash=0.01, zombie=0.005)).run()
        check(outcome, log, naive_people(log))
