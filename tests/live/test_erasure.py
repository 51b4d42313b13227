"""Erasure end to end: what is left of somebody who was erased, in Redis, its files, a backup, and the topics.

What is kept by time (the inputs, dead letters, merges and the other streams) is gone by its retention; looked at is
what would stay for ever. Of the person it is the words that only they had said, and their tokens, that are looked for.
"""

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from stream.config.settings import load_settings
from stream.rulebook import admission_of
from tests.live.engine import HASH_KEY, ID_KEY, Engine, Published
from tests.live.kafka import KafkaServer, change_topics
from tests.live.redis_server import RedisServer

PHONE: Final = "13912345678"
WORDS: Final = (b"Canary Bird", b"Birdcage Lane", b"C-BIRD-7f3a")
"""A name, a shop and a card of the erased; and with these their tokens."""
FOREVER: Final = ("profiles", "identities", "commands.results")
WAIT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.2
COMPACT_AT_ONCE: Final = {
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
    "min.compaction.lag.ms": "0",
}


def event(number: int, kind: str = "store.visited", minute: int = 0, **data: Any) -> Published:  # noqa: ANN401
    """An event."""
    usual = {"id": f"e{number}", "source": "/shop", "type": kind, "time": f"2026-08-01T10:{minute:02}:00Z"}
    return Published(str(number).encode(), json.dumps({**usual, "data": data}).encode())


def command(**said: object) -> Published:
    """An operator's command."""
    usual = {"time": "2026-08-01T10:00:00Z", "by": "dpo", "reason": "request 118"}
    return Published(None, json.dumps({**usual, **said}).encode())


REWRITING: Final = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")


class Person(NamedTuple):
    """Who is to be erased: the id of the profile, one that merged into it, and what must not be found any more."""

    profile_id: str
    former_id: str
    marks: tuple[bytes, ...]


@pytest.fixture
def engine(
    own_kafka: KafkaServer, own_redis_readable: RedisServer, topic_prefix: str, tmp_path: Path
) -> Iterator[Engine]:
    """An engine on servers of its own, whose files can be searched."""
    with Engine(own_kafka.bootstrap, own_redis_readable.url, topic_prefix, tmp_path) as one:
        yield one


def publish_a_person(engine: Engine, folder: Path) -> Person:
    """Two profiles that become one, with facts of every kind, among others who have nothing to do with them."""
    engine.publish(
        [event(1, identifiers={"card": "C-BIRD-7f3a"}, traits={"name": "Canary Bird"}, store="Birdcage Lane")]
    )
    engine.publish([event(2, identifiers={"phone": PHONE}, traits={"city": "Birdcage Lane"}, store="Birdcage Lane")])
    engine.publish(crowd(100))
    engine.settle()
    apart = {one.key for one in engine.outputs()["profiles"] if any(word in (one.value or b"") for word in WORDS)}
    engine.publish([event(3, minute=3, identifiers={"card": "C-BIRD-7f3a", "phone": PHONE})])
    engine.settle()
    last = {one.key: json.loads(one.value or b"null") for one in engine.outputs()["profiles"]}
    [former] = [key for key in apart if key and "merged_into" in last[key]]
    admission = admission_of(load_settings({"IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY}, folder))
    token = admission.identifier("phone", PHONE)
    assert token is not None
    return Person(last[former]["merged_into"], former.decode(), (*WORDS, token.token.encode(), PHONE.encode()))


def crowd(first: int) -> list[Published]:
    """Forty others, of whom some lie in every partition of every topic."""
    return [event(first + one, identifiers={"card": f"O{first + one}", "cookie": f"k{one}"}) for one in range(40)]


def marked(content: bytes, person: Person) -> list[bytes]:
    """What is still there of somebody."""
    return [mark for mark in person.marks if mark in content]


def everything(engine: Engine, store: RedisServer) -> dict[str, bytes]:
    """All that is kept for ever, by where it is."""
    engine.store.save()
    files = {
        str(path.relative_to(store.folder)): path.read_bytes() for path in store.folder.rglob("*") if path.is_file()
    }
    outputs = engine.outputs()
    topics = {
        name: b"\n".join((one.key or b"") + b" " + (one.value or b"") for one in outputs[name]) for name in FOREVER
    }
    return {"the store": engine.stored(), "the log": engine.logs().encode(), **files, **topics}


def compact(engine: Engine, brokers: str) -> None:
    """Have the topics that are kept for ever compacted now, as the catalogue's settings do within a day.

    Tombstones of profiles stay for an hour: their keys are ids that mean nothing. Those of identities are keyed by
    tokens, and go at once here, where the catalogue leaves a week for consumers that are away.
    """
    deletes = {name: "3600000" if name == "profiles" else "0" for name in FOREVER}
    wanted = {f"{engine.prefix}.{name}": {**COMPACT_AT_ONCE, "delete.retention.ms": ms} for name, ms in deletes.items()}
    change_topics(brokers, wanted)


def until(what: Callable[[], bool], claim: str) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < deadline, f"waited in vain: {claim}"
        time.sleep(LOOK_SECONDS)


def left_on_topics(engine: Engine, person: Person, numbers: Iterator[int]) -> dict[str, list[bytes]]:
    """What is left of somebody on the topics, after more events and a command: only an older segment is compacted."""
    number = next(numbers)
    engine.publish(crowd(number))
    engine.publish([command(id=f"c{number}", type="undo", of="nothing")], "commands")
    engine.settle()
    outputs = engine.outputs()
    found = {
        name: marked(b"\n".join((one.key or b"") + b" " + (one.value or b"") for one in outputs[name]), person)
        for name in FOREVER
    }
    return {name: marks for name, marks in found.items() if marks}


def test_nothing_is_left_for_ever_of_who_was_erased(
    engine: Engine, own_kafka: KafkaServer, own_redis_readable: RedisServer, tmp_path: Path
) -> None:
    """By a former id: Redis, its log of writes, its dump; topics once compacted; what is read again; a backup."""
    store = own_redis_readable
    worker = engine.start_worker()
    person = publish_a_person(engine, tmp_path)
    before = everything(engine, store)
    assert all(marked(before[place], person) for place in ("the store", "profiles", "identities")), "the search works"
    shutil.copytree(store.folder / "appendonlydir", tmp_path / "backup")
    offline = position_of_a_consumer(engine, own_kafka.bootstrap)
    ids, number = {person.profile_id.encode(), person.former_id.encode()}, itertools.count(1_000, 100)

    # E4: by the id of a profile that is another one's by now. E5: the answer, which is kept for ever, names nobody.
    engine.publish([command(id="e-1", type="erase", profile_id=person.former_id)], "commands")
    engine.settle()
    [answer] = {one.value or b"" for one in engine.outputs()["commands.results"]}
    assert b'"status":"done"' in answer
    assert marked(answer, person) == []

    # E1: the store and the dump at once, the log of writes after it was rewritten.
    engine.store.bgrewriteaof()
    until(lambda: not any(engine.store.info("persistence")[name] for name in REWRITING), "the log was rewritten")
    here = {place: marked(content, person) for place, content in everything(engine, store).items()}
    assert {place: marks for place, marks in here.items() if marks and place not in FOREVER} == {}

    # E1 on the topics, once compacted; E3: a consumer that was away meanwhile has the tombstones all the same.
    compact(engine, own_kafka.bootstrap)
    until(lambda: not left_on_topics(engine, person, number), "nothing of them is on a topic that is kept for ever")
    assert ids <= tombstones_since(engine, offline)

    # E2: everything is read again.
    engine.kill(worker)
    engine.forget_positions()
    worker = engine.start_worker()
    engine.settle()
    assert marked(engine.stored(), person) == []
    assert left_on_topics(engine, person, number) == {}

    # An old backup is restored: the commands that came after it are carried out again.
    engine.kill(worker)
    store.stop()
    shutil.rmtree(store.folder / "appendonlydir")
    shutil.copytree(tmp_path / "backup", store.folder / "appendonlydir")
    store.start()
    assert marked(engine.stored(), person), "the backup is from before"
    engine.start_worker()
    engine.settle()
    assert marked(engine.stored(), person) == []
    last = {one.key: one.value for one in engine.outputs()["profiles"]}
    assert {last.get(one) for one in ids} == {None}


def position_of_a_consumer(engine: Engine, brokers: str) -> dict[int, int]:
    """How far somebody has read the profiles, who goes away now."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "offline"})
    topic = f"{engine.prefix}.profiles"
    ends = {one: consumer.get_watermark_offsets(TopicPartition(topic, one), WAIT_SECONDS)[1] for one in range(4)}
    consumer.close()
    return ends


def tombstones_since(engine: Engine, since: dict[int, int]) -> set[bytes]:
    """The keys of the tombstones that they find when they come back."""
    return {
        one.key or b""
        for one in engine.outputs()["profiles"]
        if one.value is None and one.offset >= since[one.partition]
    }
