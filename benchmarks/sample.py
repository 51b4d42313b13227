"""Is what was published right? A sample of people against the naive model, and everybody's visits against the input.

The benchmark's events link people of one household only, so that a sample of households is a log of its own: the naive
model, written apart from the engine, is run on it. Two people of a household share a device in the contested events;
what a program without rules makes of that is one person, and is told apart from what is wrong.
Must not know: which program published.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from stream.cli.console import CommandFailedError
from tests.live.against_model import Published, canonical
from tests.live.engine import Output
from tests.naive.decoding import Record
from tests.naive.model import run

EVENTS_MAX: Final = 3_000
LARGE_EVENTS: Final = 300
LARGE_ROOM: Final = 1_000
PEOPLE_MAX: Final = 400
SECONDS: Final = 120.0
READ_SECONDS: Final = 0.05
_PERSON = re.compile(rb'"(?:139|main:oX|88)(\d{8,10})"|"mac":"0a:(..):(..):(..):(..):01"')

Log = list[Record]


class Read(NamedTuple):
    """A topic's records, of each partition in offset order: key and value are what a consumer gets."""

    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None


class Simple(NamedTuple):
    """What every rival says of a person: identifiers, visits, counted orders, what they came to, and points."""

    identifiers: frozenset[str]
    visits: int
    orders: int
    paid: str
    points: int


def read(brokers: str, topic: str) -> Iterator[Read]:
    """Every record of a topic.

    Raises:
        CommandFailedError: the broker stopped handing them out.
    """
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"{topic}-sample", "enable.auto.commit": False})
    try:
        for partition in range(len(consumer.list_topics(topic, SECONDS).topics[topic].partitions)):
            place = TopicPartition(topic, partition, OFFSET_BEGINNING)
            at, end = consumer.get_watermark_offsets(place, timeout=SECONDS)
            consumer.assign([place])
            deadline = time.monotonic() + SECONDS
            while at < end:
                if time.monotonic() > deadline:
                    raise CommandFailedError(f"{topic} has {end:,} records, and the broker hands out {at:,}.")
                for message in consumer.consume(1_000, timeout=READ_SECONDS):  # it waits for so many, or for so long
                    at = (message.offset() or 0) + 1
                    yield Read(partition, at - 1, message.timestamp()[1], message.key(), message.value())
    finally:
        consumer.close()


def log_of(brokers: str, topic: str) -> Log:
    """Every record of a topic of events."""
    return [
        Record(topic, one.partition, one.offset, one.append_ms, one.key, one.value, ()) for one in read(brokers, topic)
    ]


def households(log: Log) -> Log:
    """The events of some households, few enough for the naive model, and every event of each.

    Most of them are taken evenly out of all; then one that has as many events as there is room for.
    """
    by_household: dict[int, Log] = {}
    for record in log:
        by_household.setdefault(_household(record.value or b""), []).append(record)
    large = {one for one, events in by_household.items() if len(events) > LARGE_EVENTS}
    small = sorted(by_household.keys() - large)
    chosen: Log = []
    for household in small[:: max(1, len(small) // PEOPLE_MAX)]:
        if len(chosen) + len(by_household[household]) <= EVENTS_MAX - LARGE_ROOM:
            chosen += by_household[household]
    fitting = [one for one in large if len(by_household[one]) <= LARGE_ROOM]
    return chosen + by_household.get(max(fitting, key=lambda one: len(by_household[one]), default=-1), [])


def _household(value: bytes) -> int:
    found = _PERSON.search(value)
    assert found is not None, "an event of the benchmark names somebody by number"
    number = found[1] or b"".join(found.groups(b"")[1:])
    return int(number, 10 if found[1] else 16) // 2


def require_all_visits(last: Iterable[Mapping[str, Any]], events: int) -> None:
    """Every event adds one visit to one person: so many there must be in the last profiles.

    Raises:
        CommandFailedError: these are others.
    """
    told = sum(profile.get("counters", {}).get("visits", 0) for profile in last)
    if told != events:
        raise CommandFailedError(f"{events:,} events went in, and the profiles tell of {told:,}.")


class Profiles(Mapping[bytes, dict[str, Any]]):
    """Profiles by key, without those who merged away; each is parsed when it is looked at, for a million take 20 GB."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._values = {key: value for key, value in values.items() if "merged_into" not in orjson.loads(value)}

    def __getitem__(self, key: bytes) -> dict[str, Any]:
        profile: dict[str, Any] = orjson.loads(self._values[key])
        return profile

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def last_profiles(brokers: str, topic: str) -> Profiles:
    """The last record of each key, without tombstones and without those who merged away."""
    last = {one.key or b"": one.value for one in read(brokers, topic)}
    return Profiles({key: value for key, value in last.items() if value is not None})


def compare_engine(log: Log, last: Mapping[bytes, Mapping[str, Any]], hash_key: str) -> int:
    """The engine's last profiles are the model's people of a log, in every field -> how many people were compared.

    Of those whose facts stayed with a contested device, who have no identifiers, nothing is compared but visits.

    Raises:
        CommandFailedError: they differ.
    """
    require_all_visits(last.values(), len(log))
    sampled = households(log)
    named = frozenset[str]().union(*map(_names, run(sampled, hash_key.encode()).people))
    near = {key: one for key, one in last.items() if not named.isdisjoint(_names(one))}
    published = Published({"profiles": [Output(0, 0, key, orjson.dumps(one), ()) for key, one in near.items()]})
    model = run(sampled, hash_key.encode(), now=published.decided)
    expected = {_names(one): canonical(one) for one in model.people if one["identifiers"]}
    wanted = frozenset[str]().union(*expected)
    contents = published.contents
    got = {
        names: contents[key]
        for key, one in published.profiles.items()
        if (names := _names(one)) and not names.isdisjoint(wanted)
    }
    if got != expected:
        wrong = sum(got.get(names) != text for names, text in expected.items())
        raise CommandFailedError(f"{wrong:,} of {len(expected):,} sampled people are not what the naive model says.")
    return len(expected)


def compare_rival(log: Log, last: Iterable[Mapping[str, Any]], hash_key: str) -> str:
    """A rival's last profiles against the same model, as far as it can be right -> what was found, in words.

    Raises:
        CommandFailedError: somebody of whom no event is contested is wrong.
    """
    expected = {_names(one): _simple(one) for one in run(households(log), hash_key.encode()).people}
    expected.pop(frozenset(), None)
    got = {_names(one): _simple(one) for one in last}
    holder = {name: one for one in got for name in one}
    right = joined = 0
    for names, simple in expected.items():
        found = holder.get(next(iter(names)), frozenset())
        if found > names:
            joined += 1
        elif got.get(names) != simple:
            raise CommandFailedError(
                f"Of {len(expected):,} sampled people one is wrong, and not by missing rules alone."
            )
        else:
            right += 1
    return _in_words(right, joined)


def compare_labels(log: Log, labels: Mapping[str, bytes | None], hash_key: str) -> str:
    """Of a rival that gives identifiers a label and no more: who has one with whom -> what was found, in words.

    Raises:
        CommandFailedError: identifiers of one person have several labels.
    """
    sizes = Counter(labels.values())
    right = joined = 0
    for names in filter(None, (_names(one) for one in run(households(log), hash_key.encode()).people)):
        found = {labels.get(name) for name in names}
        if len(found) != 1 or None in found:
            raise CommandFailedError("Identifiers of one sampled person have several labels, or none.")
        alone = sizes[found.pop()] == len(names)
        right, joined = right + alone, joined + (not alone)
    return _in_words(right, joined)


def check_engine(brokers: str, prefix: str, hash_key: str, events: int) -> int:
    """`compare_engine` of all that was published -> how many people were compared.

    Raises:
        CommandFailedError: they differ.
    """
    log = log_of(brokers, f"{prefix}.touchpoints")
    assert len(log) == events, "the generator publishes what it is told to"
    return compare_engine(log, last_profiles(brokers, f"{prefix}.profiles"), hash_key)


def check_rival(brokers: str, prefix: str, hash_key: str) -> str:
    """`compare_rival` of all that was published.

    Raises:
        CommandFailedError: somebody is wrong.
    """
    log, last = log_of(brokers, f"{prefix}.touchpoints"), last_profiles(brokers, f"{prefix}.profiles")
    return compare_rival(log, last.values(), hash_key)


def check_labels(brokers: str, prefix: str, hash_key: str) -> str:
    """`compare_labels` of all that was published.

    Raises:
        CommandFailedError: somebody is wrong.
    """
    labels = {(one.key or b"").decode(): one.value for one in read(brokers, f"{prefix}.profiles")}
    return compare_labels(log_of(brokers, f"{prefix}.touchpoints"), labels, hash_key)


def _in_words(right: int, joined: int) -> str:
    return f"{right:,} of {right + joined:,} people right, {joined:,} joined with another over a shared device"


def _names(profile: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(f"{one['namespace']}:{one['token']}" for one in profile["identifiers"])


def _simple(profile: Mapping[str, Any]) -> Simple:
    orders, points = profile["orders"], profile["points"]
    visits, paid = profile["counters"].get("visits", 0), orders["paid"].get("CNY", "0.00")
    return Simple(_names(profile), visits, orders["count"], paid, points["balance"])
