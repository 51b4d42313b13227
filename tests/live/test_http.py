"""The HTTP interface of a real worker on real servers: what it answers is what a stock consumer reads on the topics."""

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec.structs import replace

from sinks.topics_admin import create_topics
from stream.app import Worker
from stream.config.settings import Secret, load_settings
from tests.conftest import Broker
from tests.live.redis_server import RedisServer

OPERATOR = Secret("operator-of-this-run")
PATH = "/v1/identifiers/phone/13800138001"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Running(NamedTuple):
    """A worker that runs in this process, and how to speak with it."""

    worker: Worker
    brokers: str
    prefix: str
    url: str

    async def get(self, path: str, **headers: str) -> Answer:
        """A GET from another thread, as any client would."""
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310 - a loopback address

        def ask() -> Answer:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                    return Answer(answer.status, dict(answer.headers), answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    return Answer(error.code, dict(error.headers), error.read())

        return await asyncio.to_thread(ask)

    async def until(self, path: str, good: Callable[[Answer], bool], seconds: float = 60) -> Answer:
        """Ask until the answer is good."""
        deadline = time.monotonic() + seconds
        while not good(answer := await self.get(path)):
            assert time.monotonic() < deadline, f"waited in vain: {answer.status}"
            await asyncio.sleep(0.05)
        return answer

    async def command(self, content: dict[str, Any]) -> Answer:
        """A command by the operator of this run."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {OPERATOR.reveal()}"}
        url, body = f"{self.url}/v1/commands", json.dumps(content).encode()

        def ask() -> Answer:
            request = urllib.request.Request(url, body, headers)  # noqa: S310 - a loopback address
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return Answer(answer.status, dict(answer.headers), answer.read())

        return await asyncio.to_thread(ask)

    async def publish(self, event_id: str, identifiers: dict[str, str]) -> None:
        """One event, by a stock producer."""
        event = {
            "id": event_id,
            "source": "/live/http",
            "type": "store.visited",
            "time": "2026-08-01T10:00:00+08:00",
            "data": {"identifiers": identifiers},
        }
        producer = Producer({"bootstrap.servers": self.brokers})
        producer.produce(f"{self.prefix}.touchpoints", json.dumps(event).encode())
        assert await asyncio.to_thread(producer.flush, 30) == 0

    async def records(self) -> dict[str, bytes]:
        """The last record of each profile on the topic, by a stock consumer."""
        return await asyncio.to_thread(self._records)

    def _records(self) -> dict[str, bytes]:
        topic = f"{self.prefix}.profiles"
        settings = {"group.id": "plain", "enable.auto.commit": False, "enable.partition.eof": True}
        consumer = Consumer({"bootstrap.servers": self.brokers, **settings})
        found: dict[str, bytes] = {}
        for partition in consumer.list_topics(topic, 20).topics[topic].partitions:
            consumer.assign([TopicPartition(topic, partition, 0)])
            while (message := consumer.poll(20)) is not None and message.error() is None:
                key, value = message.key(), message.value()
                assert key is not None
                assert value is not None
                found[key.decode()] = value
            assert message is not None, "the broker does not say where the partition ends"
        consumer.close()
        return found


@pytest.fixture
async def running(
    kafka: Broker, redis_server: RedisServer, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Running]:
    """A worker on the session's servers, with topics and keys of its own."""
    await asyncio.to_thread(create_topics, kafka.bootstrap, topic_prefix, {}, 1)
    environment = {
        "IDWEAVE_BROKERS": kafka.bootstrap,
        "IDWEAVE_REDIS_URL": redis_server.url,
        "IDWEAVE_TOPIC_PREFIX": topic_prefix,
        "IDWEAVE_REDIS_PREFIX": topic_prefix,
        "IDWEAVE_HASH_KEY": "hash-key-for-tests-that-is-long-enough",
        "IDWEAVE_ID_KEY": "id-key-for-tests-that-is-long-enough-too",
        "IDWEAVE_HTTP": "127.0.0.1:0",
    }
    worker = Worker(replace(load_settings(environment, tmp_path), own_operator=OPERATOR))
    address = worker.web.bind()
    worker.app.finalize()
    await worker.app.start()
    try:
        yield Running(worker, kafka.bootstrap, topic_prefix, f"http://{address.host}:{address.port}")
    finally:
        await worker.app.stop()
        await worker.session.close()


async def test_a_profile_over_http_is_the_record_on_the_topic(running: Running) -> None:
    """Published by a stock producer, asked by HTTP, compared with what a stock consumer reads, through a merge."""
    await running.until("/readyz", lambda answer: answer.status == 200)
    assert (await running.get(PATH)).status == 404

    await running.publish("1", {"phone": "138 0013 8001"})
    first = await running.until(PATH, lambda answer: answer.status == 200)
    first_id = json.loads(first.body)["profile_id"]
    assert first.body == (await running.records())[first_id]
    assert (await running.get(PATH, **{"If-None-Match": first.headers["etag"]})).status == 304

    await running.publish("2", {"card": "8800"})
    second = await running.until("/v1/identifiers/card/8800", lambda answer: answer.status == 200)
    second_id = json.loads(second.body)["profile_id"]
    await running.publish("3", {"card": "8800", "phone": "13800138001"})
    merged = await running.until(PATH, lambda answer: b'"card"' in answer.body)
    survivor = json.loads(merged.body)["profile_id"]
    assert survivor == first_id, "the older id survives"
    for path in (f"/v1/profiles/{first_id}", f"/v1/profiles/{second_id}", "/v1/identifiers/card/8800"):
        assert (await running.get(path)).body == merged.body
    records = await running.records()
    assert merged.body == records[survivor]
    assert json.loads(records[second_id])["merged_into"] == survivor


async def test_commands_and_what_happened_last(running: Running) -> None:
    """An operator splits and takes back over HTTP; the feeds tell it with what people see of identifiers."""
    await running.until("/readyz", lambda answer: answer.status == 200)
    await running.publish("1", {"phone": "138 0013 8001", "card": "8800"})
    await running.until(PATH, lambda answer: answer.status == 200)
    dry = await running.command({"type": "split", "identifiers": ["phone:13800138001"], "dry_run": True})
    assert json.loads(dry.body)["status"] == "done"
    done = await running.command({"id": "s", "type": "split", "identifiers": ["phone:13800138001"], "by": "amy"})
    assert (done.status, json.loads(done.body)["status"]) == (200, "done")
    await running.until(PATH, lambda answer: b'"card"' not in answer.body)
    assert json.loads((await running.get("/v1/commands/s")).body) == json.loads(done.body)
    assert json.loads((await running.command({"type": "undo", "of": "s"})).body)["status"] == "done"
    await running.until(PATH, lambda answer: b'"card"' in answer.body)

    def told(answer: Answer) -> bool:
        return len(json.loads(answer.body)["entries"]) == 2

    merges = json.loads((await running.until("/v1/merges", told)).body)["entries"]
    assert [entry["type"] for entry in merges] == ["merged", "split"], "newest first"
    assert {one["display"] for entry in merges for one in entry["identifiers"]} <= {"138****8001", "main:8800"}
    commands = json.loads((await running.until("/v1/commands", told)).body)["entries"]
    assert [entry["command"] for entry in commands] == ["undo", "split"]
    live = await running.until("/v1/live", lambda answer: json.loads(answer.body)["beats"] != [])
    assert json.loads(live.body)["beats"][-1].keys() == {"at", "published", "behind", "per_second"}


async def test_metrics_say_how_far_the_worker_is(running: Running) -> None:
    """Lags come to 0, everything of the catalogue is counted, and nothing of an event is in it."""
    for number in range(20):
        await running.publish(str(number), {"card": f"canary{number:02}"})
    await running.until("/v1/identifiers/card/canary19", lambda answer: answer.status == 200)

    def caught_up(answer: Answer) -> bool:
        lags = [line for line in answer.body.decode().splitlines() if line.startswith("idweave_lag_records{")]
        return len(lags) == 4 and all(line.endswith(" 0.0") for line in lags)

    metrics = await running.until("/metrics", caught_up)
    values: dict[str, Any] = dict(
        line.rsplit(" ", 1) for line in metrics.body.decode().splitlines() if not line.startswith("#")
    )
    assert float(values['idweave_events_total{result="accepted"}']) == 20
    assert "process_resident_memory_bytes" in values
    assert float(values["idweave_ready"]) == 1
    assert float(values['idweave_topic_lag_records{partition="0",topic="commands"}']) == 0
    assert float(values['idweave_position_age_seconds{partition="0",topic="touchpoints"}']) == 0
    assert float(values['idweave_batch_records_sum{agent="resolve"}']) == 20
    assert float(values['idweave_batch_seconds_count{agent="project"}']) > 0
    assert float(values['idweave_store_seconds_count{op="commit"}']) > 0
    assert float(values["idweave_publisher_queue_records"]) >= 0
    [rules] = [name for name in values if name.startswith("idweave_rules_info")]
    assert re.fullmatch(r'idweave_rules_info\{fingerprint="[0-9a-f]{12}"\}', rules)
    assert b"canary" not in metrics.body
