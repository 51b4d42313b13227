"""Who publishes first makes no difference: the same events, appended in any order, end in the same contents.

What came at one instant is told apart by log position, as the contract says; so here every event has a time of its own.
"""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.simulation.checks import check, contents_of, naive
from tests.simulation.logs import START_MS, TOPIC
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, World
from topics.codec import decode, encode
from topics.records import Record

SEEDS = 25
UNCOMMANDED = [world for world in WORLDS if not world.name.startswith(("commanded", "erasing", "unbind", "block"))]
EVENTS_ONLY = [world for world in UNCOMMANDED if not world.name.startswith(("governed", "ruled"))]


def at_different_times(log: list[Record]) -> list[bytes]:
    """The values of a log's records, with no two different events at one instant."""
    found: dict[str, bytes] = {}
    values: list[bytes] = []
    for record in log:
        event = decode(record.value or b"")
        event["time"] = (datetime.fromisoformat(event["time"]) + timedelta(microseconds=len(found) + 1)).isoformat()
        values.append(found.setdefault(event["id"], encode(event)))
    return values


def published(values: list[bytes], partitions: int) -> list[Record]:
    """A log that got these values in this order."""
    offsets: Counter[int] = Counter()
    log: list[Record] = []
    for number, value in enumerate(values):
        at = number % partitions
        log.append(Record(TOPIC, at, offsets[at], START_MS + number, None, value, ()))
        offsets[at] += 1
    return log


@pytest.mark.parametrize("world", EVENTS_ONLY, ids=lambda world: world.name)
def test_any_publishing_order_gives_the_same_contents(world: World) -> None:
    """As they came, backwards, and shuffled; on one partition or three; each as the naive model says too."""
    for seed in range(SEEDS):
        values = at_different_times(world.log(seed))
        shuffled = random.Random(seed).sample(values, len(values))
        contents = []
        for order, partitions in ((values, 1), (values[::-1], 3), (shuffled, 2)):
            log = published(order, partitions)
            outcome = Simulation(log, seed, world.rules).run()
            check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))
            contents.append(contents_of(outcome.sent))
        assert contents[0] == contents[1] == contents[2], seed
