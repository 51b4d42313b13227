"""The check behind every benchmark's figures: it lets pass what is right, and nothing that is wrong."""

from typing import Any, Final

import orjson
import pytest

from benchmarks.costs import NOW_S, Core
from benchmarks.peers.networkx_batch import People
from benchmarks.peers.touchpoints import Reader
from benchmarks.sample import Log, compare_engine, compare_labels, compare_rival
from benchmarks.workload import events
from resolvers.steps import Notify, Publish, Reply, Step
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from stream.cli.console import CommandFailedError
from tests.naive.decoding import Record as NaiveRecord
from topics.records import Record

EVENTS: Final = 600
PEOPLE: Final = 60
KEY: Final = "a key of the benchmark's own"

Profiles = dict[bytes, dict[str, Any]]


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    """Events of households that share devices."""
    return list(events(EVENTS, PEOPLE, skewed=False, seed=2, start_s=NOW_S - 86_400))


@pytest.fixture(scope="module")
def log(values: list[bytes]) -> Log:
    """They, as the naive model reads them."""
    return [NaiveRecord("idweave.touchpoints", 0, n, NOW_S * 1_000, None, one, ()) for n, one in enumerate(values)]


@pytest.fixture(scope="module")
def published(values: list[bytes]) -> Profiles:
    """What the engine makes of them, over the store in memory."""
    core, store, last = Core(counting=False), MemoryStore(lambda: NOW_S * 1_000_000), dict[bytes, bytes | None]()

    def answer(step: Step) -> Reply:
        if isinstance(step, Publish):
            last.update({one.key: one.value for one in step.records if one.topic.endswith("profiles")})
            return [-1] * len(step.records)
        return None if isinstance(step, Notify) else store.execute(step)

    records = [Record("idweave.touchpoints", 0, n, NOW_S * 1_000, None, one, ()) for n, one in enumerate(values)]
    resolved = carry_in_memory(core.resolving(core.taken(records)), answer)
    carry_in_memory(core.projecting(resolved), answer)
    return {key: orjson.loads(value) for key, value in last.items() if value is not None}


@pytest.fixture(scope="module")
def people(values: list[bytes]) -> list[dict[str, Any]]:
    """What a rival makes of them: components, whatever the rules say."""
    made = People().add([Reader(KEY).touchpoint(one) for one in values])
    return [orjson.loads(one) for one in made.values() if one is not None]


def test_the_engine_is_right(log: Log, published: Profiles) -> None:
    """Everybody is sampled where people are few."""
    assert compare_engine(log, published, KEY) > PEOPLE / 2


def test_a_wrong_person_is_found(log: Log, published: Profiles) -> None:
    """One field of one profile is enough; so is a profile that is not there, or a visit too many."""
    key, one = next((key, one) for key, one in published.items() if one["lifetime_value"])
    for wrong in (one | {"lifetime_value": {"CNY": "0.01"}}, one | {"identifiers": one["identifiers"][:1]}):
        with pytest.raises(CommandFailedError, match="sampled people are not"):
            compare_engine(log, published | {key: wrong}, KEY)
    with pytest.raises(CommandFailedError, match="600 events went in"):
        compare_engine(log, {name: other for name, other in published.items() if name != key}, KEY)
    with pytest.raises(CommandFailedError, match="tell of 601"):
        compare_engine(log, published | {key: one | {"counters": {"visits": one["counters"]["visits"] + 1}}}, KEY)


def test_a_rival_is_right_but_for_rules(log: Log, people: list[dict[str, Any]]) -> None:
    """Some households are joined over a device, which rules would prevent, and nothing else is wrong."""
    said = compare_rival(log, people, KEY)
    assert not said.startswith("0 of")
    assert " 0 joined" not in said


def test_a_rival_that_is_wrong_is_found(log: Log, people: list[dict[str, Any]]) -> None:
    """One visit too few of everybody."""
    wrong = [one | {"counters": {"visits": one["counters"]["visits"] - 1}} for one in people]
    with pytest.raises(CommandFailedError, match="one is wrong"):
        compare_rival(log, wrong, KEY)


def test_labels_are_told_apart(log: Log, people: list[dict[str, Any]]) -> None:
    """One label for each component is right; one identifier with a label of its own is not."""
    names = [[f"{one['namespace']}:{one['token']}" for one in person["identifiers"]] for person in people]
    labels: dict[str, bytes | None] = {name: all_of[0].encode() for all_of in names for name in all_of}
    assert "people right" in compare_labels(log, labels, KEY)
    for all_of in names:
        labels[all_of[-1]] = b"alone"
    with pytest.raises(CommandFailedError, match="several labels"):
        compare_labels(log, labels, KEY)
