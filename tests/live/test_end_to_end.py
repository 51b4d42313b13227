"""The whole engine on real servers: what comes out is what the naive model says of what went in, whatever happens.

A stock producer publishes, `idweave worker` processes work, a stock consumer reads. The faults are those that operators
see: a worker killed, another one joining, everything delivered again, hostile records, servers restarted.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stream.demo.world import generate
from tests.conftest import Broker
from tests.live.against_model import Check, Topics, hidden, personal
from tests.live.engine import Engine, Published
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer

DAY = date(2025, 11, 21)  # its time_in_future record is years ahead of any clock that runs this
PEOPLE = 600
FEWER_PEOPLE = 250
BAD_JSON = b"not json"


def traced(number: int, key: bytes | None, value: bytes | None) -> Published:
    """A record with a trace of its own; every third has headers that nobody reads."""
    trace = ("traceparent", b"00-%032x-%016x-01" % (number + 1, number + 1))
    others = (("x-till", b"7"), ("x-till", b""), ("x-none", None)) if number % 3 == 0 else ()
    return Published(key, value, (*others, trace))


def in_binary_mode(record: Published) -> Published:
    """The same event with its attributes in headers; a record that is no event stays as it is."""
    try:
        event = json.loads(record.value or b"")
        attributes = {f"ce_{name}": str(event[name]).encode() for name in ("id", "source", "type", "time")}
        data = json.dumps(event["data"], ensure_ascii=False).encode()
    except (ValueError, LookupError, TypeError):
        return record
    headers = (*record.headers, ("content-type", b"application/json"), *attributes.items())
    return Published(record.key, data, headers)


def retail_day(seed: int, people: int) -> list[Published]:
    """A retail day's records, one in ten in binary mode."""
    records = [traced(number, one.key, one.value) for number, one in enumerate(generate(seed, people, DAY).records)]
    return [in_binary_mode(one) if number % 10 == 3 else one for number, one in enumerate(records)]


def parts(records: list[Published], count: int) -> list[list[Published]]:
    """The records in so many parts, in order."""
    size = -(-len(records) // count)
    return [records[at : at + size] for at in range(0, len(records), size)]


def identifiers(records: list[Published]) -> int:
    """About how many identifiers the store will know, for saying how far a worker is."""
    named: set[str] = set()
    for record in records:
        try:
            value = json.loads(record.value or b"")
            named |= {json.dumps(one) for one in value.get("data", value)["identifiers"].items()}
        except (ValueError, LookupError, AttributeError, TypeError):
            continue
    return len(named)


@dataclass
class Day:
    """A day that one undisturbed worker has been through."""

    engine: Engine
    topics: Topics
    check: Check


@pytest.fixture(scope="module")
def day(kafka: Broker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The retail day, in two parts: who is published after the first can only be found to be one by the second."""
    folder = tmp_path_factory.mktemp("day")
    with Engine(kafka.bootstrap, redis_server.url, f"day-{folder.name}", folder) as engine:
        engine.start_worker()
        for part in parts(retail_day(1, PEOPLE), 2):
            engine.publish(part)
            engine.settle()
        topics = engine.outputs()
        yield Day(engine, topics, Check(engine.input_log(), topics))


def test_a_retail_day_ends_in_the_people_of_the_model(day: Day) -> None:
    """The published contents are the model's people, exactly; the day has merges, families and bad records in it."""
    day.check.people()
    assert len(day.check.published.profiles) > PEOPLE / 2
    assert day.check.published.ended
    assert len(day.check.model.refused) > 100


def test_the_id_map_says_what_the_profiles_say(day: Day) -> None:
    """`identities` leads each identifier to the profile that lists it, and no other identifier anywhere."""
    day.check.identities()
    assert len(day.check.published.identities) > 2 * PEOPLE


def test_refused_records_are_dead_letters_as_received(day: Day) -> None:
    """Each once, with code, place and reason in headers; key, value and the publisher's headers byte for byte."""
    day.check.dead_letters(once=True)
    codes = set(day.check.model.dead_letters.values())
    assert len(codes) == 7, "every code but untrusted_source, which this configuration does not know"


def test_conflicts_tell_what_did_not_count(day: Day) -> None:
    """Refused evidence with its rule, and each dropped value with its event."""
    day.check.conflicts()
    assert day.check.model.dropped


def test_values_and_merges_are_told_once(day: Day) -> None:
    """The values add up to the profiles' lifetime values; each id that ended is told as `merged` once."""
    day.check.values(once=True)
    day.check.merges()
    assert day.topics["values"]


def test_versions_grow_and_ids_tell_contents_apart(day: Day) -> None:
    """Per key each version is greater than the one before; an `id` stands for one content."""
    day.check.versions(once=True)
    day.check.ids()


def test_every_output_carries_the_trace_of_its_cause(day: Day) -> None:
    """The W3C trace of the event that caused a record is in that record's header, and nothing else."""
    day.check.traces()


def test_no_personal_value_leaves_the_dead_letters(day: Day) -> None:
    """No phone, e-mail address or device address in the store, in any other output, or in what the worker says."""
    secrets = hidden(day.check.log)
    assert len(secrets) > PEOPLE
    places = {name: [part for one in outputs for part in (one.key, one.value)] for name, outputs in day.topics.items()}
    texts = {name: b"\n".join(part or b"" for part in found) for name, found in places.items()}
    texts.pop("touchpoints.dlq")
    assert secrets <= personal(b"\n".join(one.value or b"" for one in day.check.log)), "they are found where they are"
    texts |= {"the store": day.engine.stored(), "the log": day.engine.logs().encode()}
    for place, text in texts.items():
        assert not personal(text) & secrets, f"personal values in {place}"


def test_everything_delivered_again_changes_nothing(day: Day) -> None:
    """The positions are gone, so that all is read a second time: same contents under the same ids, and no sum grows."""
    engine, before = day.engine, day.check.published
    engine.forget_positions()
    engine.publish([Published(None, BAD_JSON, day.check.log[0].headers)])  # lets the worker find out
    engine.settle()
    again = Check(engine.input_log(), engine.outputs())
    again.everything()
    assert again.published.contents == before.contents
    assert again.published.identities == before.identities
    twice = len(again.published.topics["touchpoints.dlq"])
    assert twice > 2 * len(day.topics["touchpoints.dlq"]) - 1, "it was not read again"


@pytest.mark.parametrize("seed", [11])
def test_a_worker_killed_over_and_over_leaves_no_trace(engine: Engine, seed: int) -> None:
    """`kill -9` at random moments of resolving and of publishing, and a new process each time: the model's people."""
    rng = Random(seed)
    records = retail_day(seed, FEWER_PEOPLE)
    known, empty = identifiers(records), engine.keys()
    worker = engine.start_worker()
    killed_at_work = 0
    for part, (least, most) in zip(parts(records, 3), ((0.1, 0.5), (0.75, 1.05), (1.1, 1.24)), strict=True):
        engine.publish(part)
        wanted = empty + round(known * rng.uniform(least, most))
        engine.until(partial(engine.reaches, wanted), "the worker works")
        killed_at_work += not engine.is_idle()
        engine.kill(worker)
        worker = engine.start_worker()
    engine.settle()
    assert killed_at_work >= 2
    Check(engine.input_log(), engine.outputs()).everything()


def test_a_second_worker_takes_over(engine: Engine) -> None:
    """One joins while the other works, both work, the first is killed: the model's people."""
    records = retail_day(12, FEWER_PEOPLE)
    first, second, third = parts(records, 3)
    one = engine.start_worker()
    engine.publish(first)
    engine.until(lambda: engine.resolved() > 0, "the first worker works")
    other = engine.start_worker()
    engine.until(lambda: engine.is_ready(other), "the second worker reads partitions")
    engine.publish(second)
    engine.until(lambda: engine.accepted(other) > 0, "the second worker works")
    engine.kill(one)
    engine.publish(third)
    engine.settle()
    assert engine.accepted(other) > len(third) / 2
    Check(engine.input_log(), engine.outputs()).everything()


def event(number: int, **change: Any) -> bytes:  # noqa: ANN401 - JSON
    """An event but for `change`, which replaces members of the event, or of its data."""
    whole: dict[str, Any] = {
        "id": f"hostile-{number}",
        "source": "/hostile",
        "type": "store.visited",
        "time": "2025-11-21T10:00:00Z",
        "data": {"identifiers": {"cookie": f"hostile-{number}"}},
    }
    for name, content in change.items():
        (whole if name in whole else whole["data"])[name] = content
    return json.dumps(whole).encode()


HOSTILE: tuple[tuple[str, Callable[[int], bytes | None]], ...] = (
    ("invalid_json", lambda _: None),
    ("invalid_json", lambda _: b""),
    ("invalid_json", lambda number: event(number)[:-3]),
    ("invalid_json", lambda number: b"\xef\xbb\xbf" + event(number)),
    ("invalid_json", lambda number: event(number).decode().encode("utf-16")),
    ("invalid_json", lambda number: event(number, counters={"visits": float("nan")})),
    ("invalid_json", lambda number: event(number).replace(b'"type"', b'"id": "again", "type"')),
    ("invalid_json", lambda number: event(number, traits={"name": "\ud800"})),
    ("invalid_event", lambda number: b"%d" % number),
    ("invalid_event", lambda _: b"[" * 30_000 + b"]" * 30_000),
    ("invalid_event", lambda number: event(number, traits=json.loads('{"a":' * 40 + "1" + "}" * 40))),
    ("invalid_event", lambda number: event(number, id=number)),
    ("invalid_event", lambda number: event(number, id="nul\0")),
    ("invalid_event", lambda number: event(number, time=1_763_719_200)),
    ("invalid_event", lambda number: event(number, data="text")),
    ("invalid_event", lambda number: event(number, identifiers=["13912345678"])),
    ("invalid_event", lambda number: event(number, identifiers={"phone": 13_912_345_678})),
    ("invalid_event", lambda number: event(number, identifiers={"cookie": "c" * 257})),
    ("invalid_event", lambda number: event(number, identifiers={"cookie": [f"{number}-{one}" for one in range(21)]})),
    ("invalid_event", lambda number: event(number, counters={"visits": 10**30})),
    ("invalid_event", lambda number: event(number, counters={"visits": 7}).replace(b"7}", b"1e999}")),
    ("invalid_event", lambda number: event(number, consents={"sms": "yes"})),
    ("invalid_event", lambda number: event(number, type="order.paid", order={"order_id": "1", "amount": 5})),
    ("too_large", lambda number: event(number, traits={"note": "x" * 70_000})),
    ("too_large", lambda _: b"\0" * 900_000),
    ("unknown_namespace", lambda number: event(number, identifiers={"fax": f"{number}"})),
    ("no_identifier", lambda number: event(number, identifiers={"cookie": "undefined"})),
    ("conflicting_identifiers", lambda number: event(number, identifiers={"card": [f"x{number}", f"y{number}"]})),
    ("time_in_future", lambda number: event(number, time="2999-01-01T00:00:00Z")),
)


def test_poison_is_put_aside_and_the_worker_lives(engine: Engine) -> None:
    """One record in ten is hostile: each is a dead letter with its code, and its neighbours are the model's people."""
    rng = Random(13)
    records = retail_day(13, FEWER_PEOPLE)
    expected: dict[bytes, str] = {}
    for number in range(len(records) // 9):
        code, make = HOSTILE[number % len(HOSTILE)]
        key = b"hostile-%d" % number
        expected[key] = code
        odd = ("ce_id", b"\xff") if number % 7 == 0 and code == "invalid_event" else ("ce-id", b"\xff")
        where = rng.randrange(len(records))
        poison = traced(len(records), key, make(number))
        records.insert(where, poison._replace(headers=(odd, *poison.headers)))
    worker = engine.start_worker()
    pid = worker.pid
    engine.publish(records)
    engine.settle()
    check = Check(engine.input_log(), engine.outputs())
    check.everything(once=True)
    letters = {one.key: dict(one.headers) for one in check.published.topics["touchpoints.dlq"] if one.key in expected}
    assert {key: headers["idweave.error.code"].decode() for key, headers in letters.items()} == expected
    assert worker.alive
    assert worker.pid == pid


def test_servers_restarted_under_a_worker(
    own_kafka: KafkaServer, own_redis: RedisServer, topic_prefix: str, tmp_path: Path
) -> None:
    """The store crashes and comes back, the broker restarts: the worker goes on by itself to the model's people."""
    first, second, third = parts(retail_day(14, FEWER_PEOPLE), 3)
    with Engine(own_kafka.bootstrap, own_redis.url, topic_prefix, tmp_path / "engine") as engine:
        worker = engine.start_worker()
        engine.publish(first)
        engine.until(lambda: engine.keys() > 50, "the worker works")
        own_redis.kill()
        engine.publish(second)
        own_redis.start()
        engine.until(lambda: engine.resolved() > len(first), "the worker has found the store again")
        own_kafka.restart()
        engine.publish(third)
        engine.settle()
        assert worker.alive
        Check(engine.input_log(), engine.outputs()).everything()
