"""An engine as its operators run it: worker processes on real servers, looked at from outside.

Rules: publishes, subscribes and looks into the store with stock clients and settings of its own; waits for conditions,
never for time to pass; what a worker says of a bug fails the test.
Must not know: what is in a record.
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import redis
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from sinks.topics_admin import create_topics
from stream.servers.child_process import LOOPBACK, ChildProcess, free_port
from stream.servers.redis_client import stock_client
from tests.naive.decoding import Record
from topics.catalogue import ALL

ROOT = Path(__file__).parents[2]
HASH_KEY = "a-hash-key-for-tests-that-is-long-enough"
ID_KEY = "an-id-key-for-tests-that-is-long-enough"
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.01
BROKER_SECONDS = 20.0
READ_SECONDS = 0.05
OUTPUTS = tuple(topic.name for topic in ALL if topic.role == "output")
# What no worker may say, whatever is done to it.
BAD_NEWS = re.compile(r"\ba bug\b|Traceback|\bBUG\b|never retrieved|was never awaited|Exception ignored|\"critical\"")

Header = tuple[str, bytes]


class Published(NamedTuple):
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


def visit(number: int, **identifiers: str) -> Published:
    """A visit through some identifiers; so many seconds after an hour."""
    body = {
        "id": f"e{number}",
        "source": "/live",
        "type": "store.visited",
        "time": f"2026-01-01T10:{number // 60 % 60:02}:{number % 60:02}Z",
        "data": {"identifiers": identifiers},
    }
    return Published(None, json.dumps(body).encode())


class Output(NamedTuple):
    """A record of an output topic; `value` is None for a tombstone."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


class Engine:
    """Topics and keys under one prefix, and the workers on them.

    `with Engine(...)` stops the workers at the end, and looks at what they have said.
    """

    def __init__(
        self, brokers: str, redis_url: str, prefix: str, folder: Path, kafka: Mapping[str, str] | None = None
    ) -> None:
        """`kafka`: how this side of the test, which may do all, gets in; workers are told by `start_worker`."""
        self.prefix = prefix
        self.patience_seconds = PATIENCE_SECONDS
        self.workers: list[ChildProcess] = []
        self._brokers = brokers
        self._kafka = dict(kafka or {})
        self._redis_url = redis_url
        self._folder = folder
        self._started: list[ChildProcess] = []
        self._numbers = count()
        self._ends: dict[int, int] = {}
        self.look_after: Callable[[], None] = self._require_workers
        """What is done about the workers while something is waited for."""
        self._consumer = self._reader()
        self.store = stock_client(redis_url, BROKER_SECONDS)
        create_topics(brokers, prefix, self._kafka, 1)

    def __enter__(self) -> Self:
        """The engine, with topics and without workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop what runs; if the test is content so far, ask what the workers said."""
        for worker in self.workers:
            worker.stop()
        self._consumer.close()
        self.store.close()
        if kind is None:
            self.require_good_news()
            unclean = [worker.last_log_lines() for worker in self.workers if not self._ended_well(worker)]
            assert not unclean, f"asked to end, a worker says: {unclean}"

    # --- workers

    def start_worker(self, **more: str) -> ChildProcess:
        """One more worker, as `idweave worker`, with more variables; it is still joining its group."""
        number, port = next(self._numbers), free_port()
        environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
            "PYTHONPATH": str(ROOT),
            "IDWEAVE_BROKERS": self._brokers,
            "IDWEAVE_REDIS_URL": self._redis_url,
            "IDWEAVE_TOPIC_PREFIX": self.prefix,
            "IDWEAVE_REDIS_PREFIX": self.prefix,
            "IDWEAVE_HASH_KEY": HASH_KEY,
            "IDWEAVE_ID_KEY": ID_KEY,
            "IDWEAVE_HTTP": f"{LOOPBACK}:{port}",
            **more,
        }
        command = [sys.executable, "-m", "stream.cli", "worker"]
        worker = ChildProcess("worker", command, self._folder / f"worker-{number}", port, environment)
        worker.start(lambda: True, 0)  # whether it is ready is asked by `until`
        self.workers.append(worker)
        self._started.append(worker)
        return worker

    def kill(self, worker: ChildProcess) -> None:
        """`kill -9`."""
        worker.require_alive()
        worker.kill()
        self.workers.remove(worker)

    def dismiss(self, worker: ChildProcess) -> None:
        """A worker has ended as the test wanted: what it said last is no bad news."""
        assert worker.exit_code is not None, "it has not ended"
        self.workers.remove(worker)
        self._started.remove(worker)

    def is_ready(self, worker: ChildProcess) -> bool:
        """Whether the worker says that it reads partitions."""
        return self._asked(worker, "readyz") is not None

    def reasons(self, worker: ChildProcess) -> list[str]:
        """Why the worker says that it is not ready, as codes."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{worker.port}/readyz", timeout=BROKER_SECONDS):
                return []
        except urllib.error.HTTPError as error:
            with error:
                found: list[str] = json.loads(error.read())["reasons"]
                return found
        except (urllib.error.URLError, OSError):
            return ["no_answer"]

    def accepted(self, worker: ChildProcess) -> float:
        """How many events the worker says that it has accepted."""
        return self.metric(worker, 'idweave_events_total{result="accepted"}')

    def metric(self, worker: ChildProcess, series: str) -> float:
        """The value of a series, labels and all, as the worker tells it; 0 where it tells of none."""
        said = re.search(rf"^{re.escape(series)} (\S+)$", self._asked(worker, "metrics") or "", re.MULTILINE)
        return float(said[1]) if said else 0.0

    def _asked(self, worker: ChildProcess, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{worker.port}/{path}", timeout=BROKER_SECONDS) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def logs(self) -> str:
        """All that the workers have said, also those that are gone."""
        return "\n".join(worker.log.read_text(errors="replace") for worker in self._started)

    def require_good_news(self) -> None:
        """Fail on what no worker may say."""
        bad = [line for line in self.logs().splitlines() if BAD_NEWS.search(line)]
        assert not bad, "a worker says:\n" + "\n".join(bad[:20])

    def _ended_well(self, worker: ChildProcess) -> bool:
        return '"exit_code":0' in worker.last_log_lines()[-1]

    # --- waiting

    def until(self, what: Callable[[], bool], claim: str) -> None:
        """Wait until it is so. Servers that are away at the moment only make it take longer."""
        deadline = time.monotonic() + self.patience_seconds
        while True:
            self.look_after()
            try:
                if what():
                    return
            except (KafkaException, redis.RedisError):
                pass
            if time.monotonic() > deadline:
                words = "\n  ".join(line for worker in self.workers for line in worker.last_log_lines())
                raise AssertionError(f"waited in vain: {claim}. The workers' last words:\n  {words}")
            time.sleep(LOOK_SECONDS)

    def _require_workers(self) -> None:
        for worker in self.workers:
            worker.require_alive()

    def settle(self) -> None:
        """Wait until nothing is left to do: the store's positions are the ends of the log, and stay so.

        Positions are asked before ends. All notices of a touchpoint are on `changes` before its position moves, and so
        is what a notice brings about; so when both topics are done, there is nothing on the way.
        """
        self.until(lambda: self._covers("commands", self._ends_asked("commands")), "every command is carried out")
        self.until(lambda: self._covers("touchpoints", self._ends), "every touchpoint is resolved")
        self.until(self._is_done, "every change is published")
        self.until(self._is_done, "nothing comes after")

    def _is_done(self) -> bool:
        positions = self._positions("changes")
        # Asked for an end, the embedded broker names one that is too small: the end is where reading ends.
        asked, read = self._ends_asked("changes"), dict.fromkeys(positions, 0)
        if any(positions[one] < end for one, end in asked.items()):
            return False
        for _, message in self._read(["changes"]):
            read[message.partition() or 0] = (message.offset() or 0) + 1
        return all(positions[one] >= end for one, end in read.items()) and self._covers("touchpoints", self._ends)

    def resolved(self) -> int:
        """How many touchpoints the store's positions have passed."""
        return sum(self._positions("touchpoints").values())

    def named_profiles(self) -> set[str]:
        """The profile ids that the store knows."""
        start = f"{self.prefix}:p:"
        return {key.decode().removeprefix(start) for key in self.store.scan_iter(f"{start}*", count=1000)}

    def ends(self) -> dict[int, int]:
        """How far the partitions of the touchpoints go."""
        return dict(self._ends)

    def published_changes(self) -> int:
        """How many records of changes the store's positions have passed."""
        return sum(self._positions("changes").values())

    def changes_end(self) -> int:
        """How many records of changes there are."""
        return sum(self._ends_asked("changes").values())

    def keys(self) -> int:
        """How many keys the store holds: a measure of how far a worker is within a batch."""
        return int(self.store.dbsize())

    def is_idle(self) -> bool:
        """Whether the store's positions are the ends of the log at this moment."""
        return self._covers("touchpoints", self._ends) and self._covers("changes", self._ends_asked("changes"))

    def is_resolved(self) -> bool:
        """Whether every touchpoint is resolved at this moment; the changes may not be published yet."""
        return self._covers("touchpoints", self._ends)

    def reaches(self, keys: int) -> bool:
        """Whether the store has come to hold so many keys, or there is nothing to do any more."""
        return self.keys() >= keys or self.is_idle()

    def _covers(self, topic: str, ends: dict[int, int]) -> bool:
        positions = self._positions(topic)
        return all(positions[partition] >= end for partition, end in ends.items())

    def _positions(self, topic: str) -> dict[int, int]:
        partitions = self._partitions(topic)
        asking = self.store.pipeline(transaction=False)
        for one in partitions:
            asking.get(self._position_key(topic, one))
        return {one: int(position or 0) for one, position in zip(partitions, asking.execute(), strict=True)}

    def _ends_asked(self, topic: str) -> dict[int, int]:
        name = f"{self.prefix}.{topic}"
        return {
            one: self._consumer.get_watermark_offsets(TopicPartition(name, one), BROKER_SECONDS)[1]
            for one in self._partitions(topic)
        }

    def _partitions(self, topic: str) -> list[int]:
        return list(range(next(one.partitions for one in ALL if one.name == topic)))

    # --- what goes in

    def publish(self, records: Iterable[Published], topic: str = "touchpoints") -> None:
        """Publish to an input as some other program would, and wait until the broker has every record."""
        failures: list[KafkaError] = []

        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)
                return
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            if topic == "touchpoints":
                self.has_input(partition, offset + 1)

        settings = {"linger.ms": 5, "message.timeout.ms": 90_000}
        producer = Producer({"bootstrap.servers": self._brokers, **settings, **self._kafka})
        for record in records:
            producer.produce(
                f"{self.prefix}.{topic}", record.value, record.key, headers=list(record.headers), on_delivery=report
            )
            producer.poll(0)
        assert producer.flush(self.patience_seconds) == 0, "the broker has not taken everything"
        assert not failures, failures[0]

    def has_input(self, partition: int, end: int) -> None:
        """A partition of the touchpoints goes so far, at least."""
        self._ends[partition] = max(self._ends.get(partition, 0), end)

    def input_log(self) -> list[Record]:
        """The touchpoints as the broker keeps them."""
        log = []
        for _, message in self._read(["touchpoints"]):
            at, append_ms = _output(message), message.timestamp()[1]
            topic = f"{self.prefix}.touchpoints"
            log.append(Record(topic, at.partition, at.offset, append_ms, at.key, at.value, at.headers))
        return log

    def forget_positions(self) -> None:
        """Delete the store's positions of the touchpoints, as if nothing had been read yet."""
        self.store.delete(*(self._position_key("touchpoints", one) for one in self._partitions("touchpoints")))

    def lose_the_store(self) -> None:
        """Everything that the store held is gone."""
        for key in self.store.scan_iter(f"{self.prefix}:*", count=1_000):
            self.store.delete(key)

    def _position_key(self, topic: str, partition: int) -> str:
        return f"{self.prefix}:pos:{self.prefix}.{topic}:{partition}"

    # --- what comes out

    def outputs(self) -> dict[str, list[Output]]:
        """Every record of every output topic, by the topic's name without prefix; of a partition in offset order."""
        found: dict[str, list[Output]] = {name: [] for name in OUTPUTS}
        for name, message in self._read(OUTPUTS):
            found[name].append(_output(message))
        return found

    def each(self, name: str) -> Iterator[Output]:
        """Every record of one output topic, one at a time: there may be more than memory holds."""
        return (_output(message) for _, message in self._read([name]))

    def stored(self) -> bytes:
        """Every key of the engine's and all that it holds."""
        keys = list(self.store.scan_iter(f"{self.prefix}:*", count=1000))
        asking = self.store.pipeline(transaction=False)
        for key in keys:
            asking.type(key)
        kinds = asking.execute()
        for key, kind in zip(keys, kinds, strict=True):
            if kind == b"hash":
                asking.hgetall(key)
            elif kind == b"zset":
                asking.zrange(key, 0, -1)
            else:
                asking.get(key)
        parts: list[bytes] = list(keys)
        for content in asking.execute():
            if isinstance(content, dict):
                parts += [part for field in content.items() for part in field]
            else:
                parts += content if isinstance(content, list) else [content]
        return b"\n".join(parts)

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, Message]]:
        consumer = self._reader()
        left = {(name, one) for name in names for one in self._partitions(name)}
        consumer.assign([TopicPartition(f"{self.prefix}.{name}", one, OFFSET_BEGINNING) for name, one in left])
        deadline = time.monotonic() + self.patience_seconds
        while left:
            assert time.monotonic() < deadline, "the broker does not hand out its topics any more"
            for message in consumer.consume(500, READ_SECONDS):  # it waits for so many, or for so long
                name = (message.topic() or "").removeprefix(f"{self.prefix}.")
                error = message.error()
                if error is None:
                    yield name, message
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.discard((name, message.partition() or 0))
        consumer.close()

    def _reader(self) -> Consumer:
        settings = {"group.id": f"{self.prefix}-reader", "enable.auto.commit": False, "enable.partition.eof": True}
        where = {"bootstrap.servers": self._brokers, "auto.offset.reset": "earliest"}
        return Consumer({**where, **settings, **self._kafka})


def _output(message: Message) -> Output:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    headers = tuple((name, value) for name, value in message.headers() or ())
    return Output(partition, offset, message.key(), message.value(), headers)
