"""The transport on a real broker: what it gives, where it starts, what it commits, and what it survives."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stream.chunks import TP, Chunk
from stream.transport import ChunkApp
from tests.conftest import Broker
from tests.live.kafka import KafkaServer
from tests.live.transport_worker import Store, Trace, build

ROOT = Path(__file__).parents[2]


class Log:
    """One topic of a test: makes it, writes to it, and asks the broker about it."""

    def __init__(self, kafka: Broker, name: str, partitions: int, **config: str) -> None:
        self.broker, self.name, self.group = kafka.bootstrap, name, f"{name}-group"
        self.admin = AdminClient({"bootstrap.servers": self.broker})
        settings = {"message.timestamp.type": "LogAppendTime", **config}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result()
        # Idempotent, because a retry on the new topic would otherwise change the order of the records.
        self.producer = Producer({"bootstrap.servers": self.broker, "linger.ms": 5, "enable.idempotence": True})

    def write(self, count: int, partition: int = 0, value: bytes = b"x", key: bytes | None = None) -> None:
        """Append records to a partition."""
        errors: list[Any] = []
        for _ in range(count):
            self.producer.produce(
                self.name, value, key, partition=partition, on_delivery=lambda error, _: errors.append(error)
            )
        assert self.producer.flush(30) == 0
        assert errors == [None] * count

    def committed(self) -> dict[int, int]:
        """What Kafka holds for the consumer group."""
        asked = [ConsumerGroupTopicPartitions(self.group)]
        found = self.admin.list_consumer_group_offsets(asked)[self.group].result().topic_partitions
        return {p.partition: p.offset for p in found}

    def commit(self, partition: int, offset: int) -> None:
        """Set what Kafka holds for the consumer group, which has no members now."""
        wanted = ConsumerGroupTopicPartitions(self.group, [TopicPartition(self.name, partition, offset)])
        self.admin.alter_consumer_group_offsets([wanted])[self.group].result()

    def delete_before(self, partition: int, offset: int) -> None:
        """Delete records as retention does."""
        where = TopicPartition(self.name, partition, offset)
        self.admin.delete_records([where])[where].result()

    def offsets(self, partition: int = 0) -> list[int]:
        """The offsets that a plain consumer finds in the partition."""
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": "plain", "enable.partition.eof": True})
        consumer.assign([TopicPartition(self.name, partition, 0)])
        found: list[int] = []
        while (message := consumer.poll(10)) is not None and message.error() is None:
            found.append(message.offset())
        consumer.close()
        return found


@pytest.fixture
def kafka(kafka: Broker) -> Broker:
    """The session's broker, the real one: the stand-in has no append time, transactions, compaction or retention."""
    if kafka.description.startswith("EMBEDDED"):
        pytest.skip("only Apache Kafka does what these tests are about")
    return kafka


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that the test's workers share."""
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


async def until(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(log: Log, store: Store, **options: Any) -> AsyncIterator[ChunkApp]:  # noqa: ANN401 - of `build`
    """A worker in this process, stopped cleanly at the end."""
    app = build(log.broker, log.group, log.name, store, **options)
    app.finalize()
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


@contextmanager
def worker_process(log: Log, path: Path, name: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as operators start it."""
    environment = {f"TEST_{key.upper()}": value for key, value in settings.items()} | {
        "TEST_BROKER": log.broker,
        "TEST_GROUP": log.group,
        "TEST_TOPIC": log.name,
        "TEST_STORE": str(path),
        "TEST_WORKER": name,
    }
    command = [sys.executable, "-m", "faust", "-A", "tests.live.transport_worker", "worker", "-l", "warn"]
    with (path.parent / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def test_every_record_arrives_once_in_order_and_whole(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """Key, value, headers and the broker's append time of every record arrive, once, in offset order."""
    log, before_ms = Log(kafka, topic_prefix, partitions=4), time.time() * 1000 - 1
    for n in range(6_000):
        key, value = (None if n % 7 == 0 else b"k%d" % (n % 50)), (None if n % 11 == 0 else b"v%d" % n)
        headers: list[tuple[str, bytes]] = [("n", b"%d" % n), ("n", b"again")]
        log.producer.produce(log.name, value, key, partition=n % 4, headers=headers, timestamp=1_000)
    assert log.producer.flush(30) == 0
    after_ms = time.time() * 1000 + 1
    async with running(log, store):
        await until(lambda: store.count() >= 6_000)
    by_partition: dict[int, list[tuple[Any, ...]]] = {}
    for row in store.seen():
        by_partition.setdefault(row[1], []).append(row)
    for partition, rows in by_partition.items():
        assert [row[2] for row in rows] == list(range(1_500))
        for _, _, offset, append_ms, key, value, headers_seen, _ in rows:
            n = offset * 4 + partition
            assert key == (None if n % 7 == 0 else b"k%d" % (n % 50))
            assert value == (None if n % 11 == 0 else b"v%d" % n)
            assert headers_seen == repr((("n", b"%d" % n), ("n", b"again")))
            assert before_ms <= append_ms <= after_ms, "the publisher said 1,000"
    assert sorted(by_partition) == [0, 1, 2, 3]


@pytest.mark.parametrize("committed", [100, 10])
async def test_a_restart_goes_on_at_our_position(
    kafka: Broker, topic_prefix: str, store: Store, committed: int
) -> None:
    """Kafka's committed offset, ahead or behind, does not move the start: records 30 to 99 come, and no others."""
    log = Log(kafka, topic_prefix, partitions=1)
    log.write(100)
    log.commit(0, committed)
    store.set_position(0, 30)
    trace = Trace()
    async with running(log, store, trace=trace) as app:
        await until(lambda: store.positions() == {0: 100})
        assert (await app.consumer.highwaters(TP(log.name, 0))) == {TP(log.name, 0): 100}
        await until(lambda: log.committed() == {0: 100})
        assert (await app.consumer.committed({TP(log.name, 0)})) == {TP(log.name, 0): 100}
    assert [row[2] for row in store.seen()] == list(range(30, 100))
    assert trace.refetches == 0
    assert log.committed() == {0: 100}


async def test_committed_offsets_are_exactly_what_was_done(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """With an agent that stops half-way, Kafka is told the chunks done and not one record more; at the stop, all."""
    log, trace = Log(kafka, topic_prefix, partitions=1), Trace()
    log.write(1_000)
    async with running(log, store, trace=trace, chunk_records=100, seconds_per_chunk=0.01):
        await until(lambda: store.count() >= 300)
        trace.gate.clear()
        await until(lambda: log.committed() == store.positions())
        assert 300 <= store.positions()[0] < 1_000
        trace.gate.set()
        await until(lambda: store.count() == 1_000)
    assert log.committed() == store.positions() == {0: 1_000}


async def test_refetch_reads_again_and_stale_chunks_stay_away(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """After the store went back, one refetch is enough: what was fetched before it does not come in between."""
    log, trace = Log(kafka, topic_prefix, partitions=1), Trace()
    log.write(500)
    async with running(log, store, trace=trace, chunk_records=10, seconds_per_chunk=0.01) as app:
        await until(lambda: store.count() >= 100)
        trace.gate.clear()
        store.set_position(0, 50)
        app.intake.refetch(TP(log.name, 0), 50)
        trace.gate.set()
        await until(lambda: store.positions() == {0: 500})
    again = [row[2] for row in store.seen()]
    assert again[-450:] == list(range(50, 500))
    assert trace.refetches <= 1, "the agent itself may notice once, in the chunk it was working on"


async def test_a_restart_of_the_intake_asks_the_positions_again(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """For a store that came back older: everything is dropped, and reading starts from what it says now."""
    log = Log(kafka, topic_prefix, partitions=2)
    log.write(100)
    log.write(100, partition=1)
    async with running(log, store) as app:
        await until(lambda: store.positions() == {0: 100, 1: 100})
        store.set_position(0, 40)
        store.set_position(1, 60)
        app.intake.restart()
        await until(lambda: store.positions() == {0: 100, 1: 100})
    assert sorted((row[1], row[2]) for row in store.seen()[200:]) == [
        *((0, offset) for offset in range(40, 100)),
        *((1, offset) for offset in range(60, 100)),
    ]


async def test_transaction_markers_and_aborted_records_are_no_gap(
    kafka: Broker, topic_prefix: str, store: Store
) -> None:
    """Committed records come, aborted ones do not; the position passes every marker, the last one too."""
    log, trace = Log(kafka, topic_prefix, partitions=1), Trace()
    publisher = Producer({"bootstrap.servers": log.broker, "transactional.id": f"{topic_prefix}-t"})
    publisher.init_transactions(30)
    for n in range(20):
        publisher.begin_transaction()
        for _ in range(5):
            publisher.produce(log.name, b"aborted" if n % 3 == 2 else b"kept", partition=0)
        publisher.flush(30)
        (publisher.abort_transaction if n % 3 == 2 else publisher.commit_transaction)(30)
    async with running(log, store, trace=trace, chunk_records=7):
        await until(lambda: store.positions() == {0: 120})
        await until(lambda: log.committed() == {0: 120})
    assert [row[2] for row in store.seen()] == [6 * n + i for n in range(20) if n % 3 != 2 for i in range(5)]
    assert {row[5] for row in store.seen()} == {b"kept"}
    assert trace.refetches == 0
    assert sum(chunk.expired for chunk in trace.chunks) == 0


@pytest.mark.parametrize(("first_kept", "expired"), [(60, 50), (100, 90)])
async def test_records_deleted_before_they_were_read_are_counted(
    kafka: Broker, topic_prefix: str, store: Store, first_kept: int, expired: int
) -> None:
    """Retention past our position is confirmed as a loss, to the record, also where nothing is left to read."""
    log, trace = Log(kafka, topic_prefix, partitions=1), Trace()
    log.write(100)
    store.set_position(0, 10)
    log.delete_before(0, first_kept)
    async with running(log, store, trace=trace):
        await until(lambda: store.positions() == {0: 100})
        log.write(1)
        await until(lambda: store.positions() == {0: 101})
    assert [row[2] for row in store.seen()] == list(range(first_kept, 101))
    assert (trace.chunks[0].first_offset, trace.chunks[0].expired) == (10, expired)
    assert sum(chunk.expired for chunk in trace.chunks) == expired
    assert trace.refetches == 0


async def test_records_deleted_under_a_running_worker_are_counted(
    kafka: Broker, topic_prefix: str, store: Store
) -> None:
    """A worker so slow that retention overtakes it says so and goes on with what is left."""
    log, trace = Log(kafka, topic_prefix, partitions=1), Trace()
    log.write(20_000, value=b"x" * 1_000)
    async with running(log, store, trace=trace, chunk_records=100):
        await until(lambda: store.count() > 0)
        trace.gate.clear()
        log.delete_before(0, 19_000)
        trace.gate.set()
        await until(lambda: store.positions() == {0: 20_000})
    lost = sum(chunk.expired for chunk in trace.chunks)
    assert lost > 0
    assert store.count() + lost == 20_000
    assert trace.refetches == 0


async def test_compacted_offsets_are_no_gap(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """In a compacted topic the records that are left come, and no offset counts as expired."""
    compact = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01"}
    log, trace = Log(kafka, topic_prefix, partitions=1, **compact), Trace()
    for n in range(300):
        log.producer.produce(log.name, b"%d" % n, b"k%d" % (n % 10), partition=0)
    assert log.producer.flush(30) == 0
    await asyncio.sleep(0.3)  # a segment is closed by the first record that comes after `segment.ms`
    log.write(1, key=b"last")
    left: list[int] = []
    deadline = time.monotonic() + 40
    while not 0 < len(left) < 301 and time.monotonic() < deadline:
        left = await asyncio.to_thread(log.offsets)
    assert len(left) < 301, "nothing was compacted"
    async with running(log, store, trace=trace, chunk_records=4):
        await until(lambda: store.positions() == {0: 301})
    assert [row[2] for row in store.seen()] == left
    assert trace.chunks[0].first_offset == 0
    assert all(a.next_offset == b.first_offset for a, b in zip(trace.chunks, trace.chunks[1:], strict=False))
    assert sum(chunk.expired for chunk in trace.chunks) == trace.refetches == 0


async def test_a_slow_agent_bounds_what_is_queued(
    kafka: Broker, topic_prefix: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an agent that stands still, a partition's chunks stop at the limit, and a chunk at its size."""
    log, trace, given = Log(kafka, topic_prefix, partitions=2), Trace(), list[tuple[int, int]]()
    log.write(5_000)
    log.write(5_000, partition=1)
    trace.gate.clear()
    async with running(log, store, trace=trace, chunk_records=50, chunks_ahead=3) as app:
        hand_out = app.intake.hand_out

        def counted(chunk: Chunk) -> bool:
            given.append((chunk.partition, len(chunk.records)))
            return hand_out(chunk)

        monkeypatch.setattr(app.intake, "hand_out", counted)
        await until(lambda: len(given) == 6)
        with pytest.raises(AssertionError, match="in vain"):
            await until(lambda: len(given) > 6, seconds=1.5)
        assert sorted(given) == [(0, 50)] * 3 + [(1, 50)] * 3
        trace.gate.set()
        await until(lambda: store.count() == 10_000)
    assert max(records for _, records in given) == 50


async def test_a_backlog_does_not_starve_the_other_partitions(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """One record in a quiet partition comes within the next few chunks of a busy one."""
    log, trace = Log(kafka, topic_prefix, partitions=2), Trace()
    log.write(20_000)
    async with running(log, store, trace=trace, chunk_records=100, seconds_per_chunk=0.005):
        await until(lambda: len(trace.chunks) > 5)
        before = len(trace.chunks)
        await asyncio.to_thread(log.write, 1, 1)
        await until(lambda: any(chunk.partition == 1 and chunk.records for chunk in trace.chunks))
        after = next(n for n, chunk in enumerate(trace.chunks) if chunk.partition == 1 and chunk.records)
    assert after - before < 30
    assert store.count() < 20_000, "the backlog ended before the test did"


async def test_a_record_alone_arrives_at_once(kafka: Broker, topic_prefix: str, store: Store) -> None:
    """At a low rate nothing waits for a chunk to fill: 99 % of the records are seen within 100 ms of their append."""
    log = Log(kafka, topic_prefix, partitions=4)
    async with running(log, store):
        log.write(1)
        await until(lambda: store.count() == 1)
        for n in range(200):
            log.producer.produce(log.name, b"x", partition=n % 4)
            log.producer.poll(0)
            await asyncio.sleep(0.01)
        await until(lambda: store.count() == 201)
    delays = sorted(row[7] - row[3] for row in store.seen()[1:])
    print(f"append to agent: p50 {delays[100]:.1f} ms, p99 {delays[197]:.1f} ms")  # noqa: T201 - measured, not claimed
    assert delays[197] < 100


async def test_a_rebalance_waits_for_no_agent(kafka: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """While one worker's agent hangs in a chunk, another joins and works; afterwards every record counted once."""
    log, stuck = Log(kafka, topic_prefix, partitions=2), Trace()
    first, second = Store(tmp_path / "store.sqlite", "first"), Store(tmp_path / "store.sqlite", "second")
    stuck.gate.clear()
    async with running(log, first, trace=stuck):
        log.write(100)
        log.write(100, partition=1)
        async with running(log, second):
            await until(lambda: second.count() == 100, seconds=10)
            stuck.gate.set()
            await until(lambda: second.count() == 200)
        log.write(10)
        log.write(10, partition=1)
        await until(lambda: second.count() == 220)
    rows = second.seen()
    assert sorted((row[1], row[2]) for row in rows) == [(p, offset) for p in range(2) for offset in range(110)]
    assert {row[0] for row in rows} == {"first", "second"}
    assert log.committed() == second.positions() == {0: 110, 1: 110}
    first.close()
    second.close()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_lost_worker_and_its_heir_lose_and_double_nothing(
    kafka: Broker, topic_prefix: str, tmp_path: Path, fault: signal.Signals
) -> None:
    """Workers as `faust worker` starts them, one killed in mid-stream, or frozen until long after it was given up.

    Every record counts once, and Kafka's committed offsets are at no time beyond what was done.
    """
    log, path = Log(kafka, topic_prefix, partitions=4), tmp_path / "store.sqlite"
    store, slow = Store(path), {"seconds_per_chunk": "0.1", "chunk_records": "50"}
    for partition in range(4):
        log.write(2_000, partition)

    def beyond() -> list[int]:
        committed = log.committed()  # before the positions, which only grow
        positions = store.positions()
        return [p for p, offset in committed.items() if offset > positions.get(p, 0)]

    def seen_by(worker: str) -> set[int]:
        return {row[1] for row in store.seen() if row[0] == worker}

    with worker_process(log, path, "lost", **slow) as lost, worker_process(log, path, "heir", **slow) as heir:
        await until(lambda: len(seen_by("lost")) >= 2 and len(seen_by("heir")) >= 2)
        assert beyond() == []
        lost.send_signal(fault)
        await until(lambda: len(seen_by("heir")) == 4, seconds=60)
        assert beyond() == []
        lost.send_signal(signal.SIGCONT)
        await until(lambda: store.count() == 8_000, seconds=60)
        assert beyond() == []
        for process in (lost, heir):
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 30)
    rows = store.seen()
    for partition in range(4):
        assert [row[2] for row in rows if row[1] == partition] == list(range(2_000))
    assert log.committed() == store.positions() == dict.fromkeys(range(4), 2_000)
    store.close()


async def test_a_broker_that_dies_and_returns_is_survived(
    own_kafka: KafkaServer, topic_prefix: str, store: Store
) -> None:
    """Through a broker's kill -9 and restart in mid-stream the worker goes on: every record once, and the commits."""
    log, trace = Log(own_kafka, topic_prefix, partitions=2), Trace()
    log.write(5_000)
    log.write(5_000, partition=1)
    async with running(log, store, trace=trace, chunk_records=50, seconds_per_chunk=0.01):
        await until(lambda: store.count() > 1_000)
        own_kafka.kill()
        await asyncio.sleep(2)  # long enough for the queued chunks to run out
        await asyncio.to_thread(own_kafka.start)
        await until(lambda: store.count() >= 10_000, seconds=60)
        await asyncio.to_thread(log.write, 10)
        await until(lambda: store.count() >= 10_010, seconds=30)
        await until(lambda: log.committed() == {0: 5_010, 1: 5_000}, seconds=30)
    for partition, count in ((0, 5_010), (1, 5_000)):
        assert [row[2] for row in store.seen() if row[1] == partition] == list(range(count))


class Killing(Store):
    """A store whose positions are known at the moment at which the broker dies."""

    def __init__(self, path: Path, broker: KafkaServer) -> None:
        super().__init__(path)
        self.asked = 0
        self._broker = broker

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """As every store's."""
        self.asked += 1
        if self.asked == 1:
            self._broker.kill()
        return await super().start_offsets(partitions)


async def test_a_broker_that_dies_before_it_says_where_the_log_begins_is_waited_for(
    own_kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    """A new group, no position yet: the beginning is asked of a broker that has just died, and once more later."""
    log = Log(own_kafka, topic_prefix, partitions=2)
    log.write(1_000)
    log.write(1_000, partition=1)
    with closing(Killing(tmp_path / "store.sqlite", own_kafka)) as store:
        async with running(log, store):
            await until(lambda: store.asked > 0)
            await asyncio.sleep(5)
            await asyncio.to_thread(own_kafka.start)
            await until(lambda: store.count() >= 2_000, seconds=60)
        for partition in (0, 1):
            assert [row[2] for row in store.seen() if row[1] == partition] == list(range(1_000))


@pytest.mark.parametrize(("position", "said"), [(500, "lies beyond the log's end 10"), ("broken", "ValueError")])
async def test_a_position_that_cannot_be_read_from_ends_the_process(
    kafka: Broker, topic_prefix: str, tmp_path: Path, position: int | str, said: str
) -> None:
    """A log that lost its end, or a store that cannot answer: the worker fails loudly instead of skipping or idling."""
    log, store = Log(kafka, topic_prefix, partitions=1), Store(tmp_path / "store.sqlite")
    log.write(10)
    store.set_position(0, position)
    with worker_process(log, tmp_path / "store.sqlite", "refused") as refused:
        code = await asyncio.to_thread(refused.wait, 40)
    assert code != 0
    assert said in (tmp_path / "refused.log").read_text()
    assert store.count() == 0
    store.close()


def test_the_example_of_the_guide_counts_once(kafka: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """docs/examples/batched_faust.py as a process, killed in mid-stream and started again: every view counts once."""
    log = Log(kafka, topic_prefix, partitions=2)
    for page in (b"a", b"b"):
        for n in range(3_000):
            log.producer.produce(log.name, b"", page, partition=n % 2)
        log.producer.flush()
    environment = {"PAGES_BROKERS": kafka.bootstrap, "PAGES_TOPIC": log.name, "PAGES_FILE": str(tmp_path / "pages.db")}
    command = [sys.executable, str(ROOT / "docs/examples/batched_faust.py"), "worker", "-l", "error"]

    def views() -> dict[str, int]:
        with closing(sqlite3.connect(tmp_path / "pages.db", timeout=30)) as database:
            return dict(database.execute("select page, number from views"))

    def run_until(enough: int, group: str) -> None:
        ours = {"PYTHONPATH": str(ROOT), "PAGES_GROUP": f"{log.group}-{group}", **environment}
        with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **ours}) as worker:  # noqa: S603
            try:
                deadline = time.monotonic() + 60
                while sum(views().values() if (tmp_path / "pages.db").exists() else ()) < enough:
                    assert worker.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            finally:
                worker.kill()

    run_until(1, "first")
    run_until(6_000, "second")  # another group, so that nobody waits for the dead one's session to end
    assert views() == {"a": 3_000, "b": 3_000}
