"""Hostile records, a short seeded run: each is refused with its reason or does no harm, and its neighbours count.

The long one, a million of them through a real worker, is `make fuzz`; its result is benchmarks/results/fuzz.json.
"""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from stream.chunks import Chunk
from tests.fuzz.corpus import ADMISSION, APPEND_MS, MUTATORS, kept, taken
from tests.fuzz.hostile import CANARY, Sent, hostile, neighbour
from tests.stream.small_stages import SmallStages
from topics.codec import decode
from topics.records import Record
from topics.refusals import RefusalCode

SEED = 20_261_122
AT_THE_DOOR = 12_000
THROUGH_THE_ENGINE = 2_000
BATCH = 250
NEIGHBOUR_EVERY = 20
SLOW_SECONDS = 1.0
"""A record that takes as long as this stops a worker; the largest take some milliseconds on an idle machine."""


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
    resolving = SmallStages(ADMISSION, APPEND_MS).resolving
    wrong, loud = Counter[tuple[str, str]](), []
    slowest = 0.0
    for number, (name, code, sent) in enumerate(islice(hostile(SEED, MUTATORS), AT_THE_DOOR)):
        began = time.perf_counter()
        taken_in = resolving.prepare([Chunk("touchpoints", 0, 0, 1, _records([sent], number), 0, 0)])
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
    stages = SmallStages(ADMISSION, APPEND_MS)
    sent: list[Sent] = []
    for number, one in enumerate(islice(hostile(SEED + 1, MUTATORS), THROUGH_THE_ENGINE)):
        sent.append(one.sent)
        if number % NEIGHBOUR_EVERY == 0:
            sent.append(neighbour(number, b"key"))
    for at in range(0, len(sent), BATCH):
        await stages.feed(_records(sent[at : at + BATCH], at))
    identities = [decode(one.value or b"") for partition in stages.log.topic("identities") for one in partition]
    named = {one["token"] for one in identities if one["namespace"] == "card"}
    neighbours = {f"main:N{number}" for number in range(0, THROUGH_THE_ENGINE, NEIGHBOUR_EVERY)}
    assert neighbours <= named
    letters = sum(map(len, stages.log.topic("touchpoints.dlq")))
    counted = stages.counted("idweave_events", "result")
    assert (counted["refused"], sum(counted.values())) == (letters, len(sent))


def _records(sent: Sequence[Sent], first: int) -> list[Record]:
    return [
        Record("touchpoints", 0, first + at, APPEND_MS, one.key, one.value, one.headers) for at, one in enumerate(sent)
    ]
