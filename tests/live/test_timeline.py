"""Timelines as operators and programs ask for them: on real servers, held against what is on the topics."""

import json
import time
import urllib.request
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Producer

from sinks import history_reader
from sinks.history_reader import HistoryReadError, read_history
from sinks.topics_admin import create_topics
from stream.servers.child_process import LOOPBACK
from tests.conftest import Broker
from tests.live.against_model import Topics
from tests.live.engine import Engine, Published, visit
from tests.live.redis_server import RedisServer
from tests.live.test_explain_and_audit import NUMBER, command

OTHER = "13800138002"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """With one worker."""
    engine.start_worker()
    return engine


def about(topics: Topics, profile: dict[str, Any]) -> set[str]:
    """The ids of all records of merges and conflicts that name a profile or one of its identifiers."""
    ids = {profile["profile_id"], *profile["merged_from"]}
    members = {(one["namespace"], one["token"]) for one in profile["identifiers"]}
    found = set()
    for topic in ("merges", "conflicts"):
        for output in topics[topic]:
            record = json.loads(output.value or b"{}")
            named = {(one["namespace"], one["token"]) for one in record["identifiers"]}
            if members & named or ids & {*record.get("from", ()), *record.get("to", ())}:
                found.add(record["id"])
    return found


def test_the_story_of_a_person(engine: Engine, kafka: Broker, redis_server: RedisServer) -> None:
    """Merges, a number that moved, refused evidence, a command: by the command line and by HTTP, for every name."""
    others = [visit(100 + n, card=f"other{n % 40}", phone=f"1380013{n % 30:04}") for n in range(300)]
    steps: list[list[Published]] = [
        [visit(1, card="A"), visit(2, login="l"), visit(3, card="B"), *others[:150]],
        [visit(4, card="A", login="l"), visit(5, card="A", phone=NUMBER)],
        [visit(6, card="B", phone=NUMBER), *others[150:]],
    ]
    for records in steps:
        engine.publish(records)
        engine.settle()
    result = {"id": "c-7", "type": "split", "status": "refused", "identifiers": ["card:~main:A"], "detail": "Why not."}
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(f"{engine.prefix}.commands.results", json.dumps({**result, "append_ms": 1}).encode(), b"c-7")
    assert producer.flush(20) == 0

    profiles: dict[str, dict[str, Any]] = {}
    ended = []
    topics = engine.outputs()
    for output in topics["profiles"]:
        record = json.loads(output.value or b"{}")
        profiles[record["profile_id"]] = record
        ended += [record["profile_id"]] if "merged_into" in record else []
    [person] = [one for one in profiles.values() if ("card", "main:A") in names(one)]
    assert set(ended) & set(person["merged_from"])

    def told(who: str, *arguments: str) -> str:
        asked = ["--brokers", kafka.bootstrap, "timeline", who, *arguments]
        done = command(redis_server.url, engine.prefix, *asked)
        assert (done.returncode, done.stderr) == (0, "")
        assert NUMBER not in done.stdout
        return done.stdout

    line = json.loads(told("card:A", "--json"))
    assert {one["id"] for one in line["entries"]} == {*about(topics, person), "c-7"}
    assert {one["type"] for one in line["entries"]} == {"merged", "moved", "conflict", "command"}
    times = [datetime.fromisoformat(one["at"]) for one in line["entries"]]
    assert times == sorted(times)
    assert (line["whole"], line["kept_days"]) == (True, {"merges": 7, "conflicts": 7})
    text = told("login:l")
    assert "Kept are merges for 7 days and conflicts for 7 days" in text
    assert "moved     1 identifier from" in text
    assert "split c-7: refused. Why not." in text
    [worker] = engine.workers
    for profile_id in (person["profile_id"], *person["merged_from"]):
        url = f"http://{LOOPBACK}:{worker.port}/v1/profiles/{profile_id}/timeline"
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert json.loads(answer.read()) == line
        assert json.loads(told(profile_id, "--json")) == line
    for number in range(5):
        [other] = [one for one in profiles.values() if ("card", f"main:other{number}") in names(one)]
        line = json.loads(told(f"card:other{number}", "--json"))
        assert {one["id"] for one in line["entries"]} == about(topics, other)
    nobody = command(redis_server.url, engine.prefix, "--brokers", kafka.bootstrap, "timeline", "card:nobody")
    assert (nobody.returncode, nobody.stderr.startswith("Nobody is known by that card.")) == (1, True)


def names(profile: dict[str, Any]) -> set[tuple[str, str]]:
    """A profile's identifiers."""
    return {(one["namespace"], one["token"]) for one in profile.get("identifiers", [])}


def test_the_newest_is_read_first(kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In windows from the end backwards: all of a key's records and nobody else's; without time, the newest."""
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})
    began_ms = int(time.time()) * 1000 - 900_000
    for number in range(900):
        key = b"mine" if number % 3 == 0 else b"k%d" % number
        producer.produce(f"{topic_prefix}.merges", b"%d" % number, key, timestamp=began_ms + number * 1000)
    assert producer.flush(20) == 0
    monkeypatch.setattr(history_reader, "WINDOW_RECORDS", 40)
    keys = {"merges": frozenset({b"mine"}), "conflicts": None}
    seen: list[tuple[int, int]] = []
    history = read_history(
        kafka.bootstrap, topic_prefix, {}, keys, seconds=30, progress=lambda *done: seen.append(done)
    )
    assert history.whole
    assert sorted(int(value) for _, value in history.records) == list(range(0, 900, 3))
    assert int(history.records[0][1]) > 700, "not the newest first"
    assert 300 < seen[-1][0] < 900, "no more than its partition"

    windows = 0

    def monotonic() -> float:
        return 1e9 if windows > 3 else 0.0

    def count(_done: int, _of: int) -> None:
        nonlocal windows
        windows += 1

    monkeypatch.setattr(history_reader, "time", SimpleNamespace(monotonic=monotonic))
    part = read_history(kafka.bootstrap, topic_prefix, {}, keys, seconds=30, progress=count)
    assert not part.whole
    newest = {int(value) for _, value in part.records}
    assert newest
    assert newest == set(range(min(newest), 900, 3))
    assert part.since_ms is not None
    since = (part.since_ms - began_ms) / 1000
    assert min(newest) - 3 <= since < 890, "everything since then was read"
    with pytest.raises(HistoryReadError, match="idweave topics create"):
        read_history(kafka.bootstrap, f"{topic_prefix}-none", {}, keys, seconds=5)
