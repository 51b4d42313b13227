"""Hostile records, a short seeded run: each is refused with its reason or does no harm, and its neighbours count.

The long one, a million of them through a real worker, is `make fuzz`; its result is benchmarks/results/fuzz.json.
"""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

from resolvers.admission import Admission
from resolvers.cache import Cache
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import mint
from resolvers.steps import Reply, Step
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from stream.chunks import Chunk
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.metrics import Metrics
from stream.project import Projecting
from stream.resolve import Resolving
from stream.session import Parts
from stream.waking import Pages
from tests.fuzz.broken_text import text_of
from tests.fuzz.corpus import ADMISSION, APPEND_MS, MUTATORS, kept, taken
from tests.fuzz.hostile import CANARY, Sent, hostile
from topics.codec import decode
from topics.envelope import Limits
from topics.records import Record
from topics.refusals import RefusalCode

SEED = 20_261_122
AT_THE_DOOR = 12_000
THROUGH_THE_ENGINE = 2_000
BATCH = 250
NEIGHBOUR_EVERY = 20
SLOW_SECONDS = 1.0
"""A record that takes as long as this stops a worker; the largest take some milliseconds on an idle machine."""


class Memory:
    """A store as stages have it."""

    def __init__(self) -> None:
        self._store = MemoryStore(lambda: APPEND_MS * 1_000)

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """One after the other."""
        return [self._store.execute(step) for step in steps]

    async def clock_us(self) -> int:
        """When the records were appended."""
        return self._store.clock_us()


def test_there_are_enough_ways_to_be_hostile() -> None:
    """At least 30 mutators, and each code is what several records must be refused with."""
    assert len(MUTATORS) >= 30
    assert {mutator.code for mutator in MUTATORS.values()} == {*RefusalCode, None}


def test_what_was_found_once_stays_as_it_was_decided() -> None:
    """The kept corpus: every record of it gets the answer that it got when it was kept."""
    corpus = list(kept())
    assert {one.name for one in corpus} >= {name for name in MUTATORS if name not in TOO_LARGE}
    assert [(one.name, taken(one.sent)) for one in corpus] == [(one.name, one.code) for one in corpus]


TOO_LARGE = {name for name, mutator in MUTATORS.items() if mutator.code is RefusalCode.TOO_LARGE}


def test_each_is_refused_for_its_own_reason_or_does_no_harm() -> None:
    """The code is that of what was broken, the message repeats nothing, and none takes long."""
    resolving = _resolving(Metrics())
    wrong, loud = Counter[tuple[str, str]](), []
    slowest = 0.0
    for number, (name, code, sent) in enumerate(islice(hostile(SEED, MUTATORS), AT_THE_DOOR)):
        began = time.perf_counter()
        taken_in = resolving.prepare([_chunk([sent], number)])
        slowest = max(slowest, time.perf_counter() - began)
        refused = next(iter(taken_in.refused), None)
        assert len(taken_in.arrivals) == (refused is None)
        if code is not None and refused != code:
            wrong[name, str(refused)] += 1
        if refused is not None:
            [letter] = taken_in.reports
            added = letter.headers[len(sent.headers) :]
            assert (letter.value, letter.headers[: len(sent.headers)]) == (sent.value, sent.headers)
            loud += [name for _, text in added if CANARY.encode() in text]
    assert not wrong
    assert not loud, "a message repeats what a publisher sent"
    assert slowest < SLOW_SECONDS


async def test_neighbours_of_hostile_records_become_people() -> None:
    """Through both stages: every ordinary event among them is a person, and every record is an event or a letter."""
    log, metrics = MemoryLog(), Metrics()
    resolving = _resolving(metrics)
    rulebook = Rulebook(ADMISSION.rules, frozenset(), lambda key, nth: mint(b"i" * 32, key, 0, nth))
    projecting = Projecting(rulebook, metrics, Pages())
    parts = Parts(cast("Any", Memory()), cast("Any", log), Cache())
    sent: list[Sent] = []
    for number, one in enumerate(islice(hostile(SEED + 1, MUTATORS), THROUGH_THE_ENGINE)):
        sent.append(one.sent)
        if number % NEIGHBOUR_EVERY == 0:
            sent.append(neighbour(number))
    for at in range(0, len(sent), BATCH):
        finish = await resolving.begin(resolving.prepare([_chunk(sent[at : at + BATCH], at)]), parts)
        await finish()
    for changes in log.topic("changes"):
        finish = await projecting.begin(projecting.prepare([Chunk("changes", 0, 0, 0, changes, 0, 0)]), parts)
        await finish()
    identities = [decode(one.value or b"") for partition in log.topic("identities") for one in partition]
    named = {one["token"] for one in identities if one["namespace"] == "card"}
    neighbours = {f"main:N{number}" for number in range(0, THROUGH_THE_ENGINE, NEIGHBOUR_EVERY)}
    assert neighbours <= named
    letters = sum(map(len, log.topic("touchpoints.dlq")))
    [family] = metrics.events.collect()
    counted = {one.labels["result"]: one.value for one in family.samples if one.name.endswith("_total")}
    assert (counted["refused"], sum(counted.values())) == (letters, len(sent))


def neighbour(number: int) -> Sent:
    """An ordinary event of somebody whom no hostile record names."""
    event = {
        "id": f"n{number}",
        "source": "/neighbour",
        "type": "store.visited",
        "time": "2026-08-01T10:00:00Z",
        "data": {"identifiers": {"card": f"N{number}", "phone": f"1380{number:07}"}},
    }
    return Sent(text_of(event), (), b"key")


def _resolving(metrics: Metrics, admission: Admission = ADMISSION) -> Resolving:
    return Resolving(admission, Limits(), metrics, Flood(metrics, DeadLetterLimit()))


def _chunk(sent: Sequence[Sent], first: int) -> Chunk:
    records = [
        Record("touchpoints", 0, first + at, APPEND_MS, one.key, one.value, one.headers) for at, one in enumerate(sent)
    ]
    return Chunk("touchpoints", 0, first, first + len(records), records, 0, 0)
