"""The consumer's thread: turns what aiokafka fetched into chunks, and seeks where it is told to.

Its rules:
- A chunk's range starts where the one before it ended (or where the reading started) and ends at aiokafka's position,
  so that control records and what was compacted away belong to a range instead of looking like a loss.
- Nothing is read of a partition that was not given a start offset since it was assigned; Kafka's committed offset never
  decides. The offset reset is "none": a position that the log no longer has comes back as an error, and is told apart
  here: before the log's start it is retention (`Chunk.expired`), anything else is a log that lost its end.
- Everything waits with a deadline, and commits may fail: they are for lag tools.

It runs in Faust's consumer thread and must not know agents, stores or what is in a record. It reaches into aiokafka's
and Faust's privates, which is why both are pinned to a minor version.
"""
# ruff: noqa: ANN401, SLF001 - aiokafka's privates are used on purpose, and its types are not followed

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver

from stream.chunks import TP, Chunk, Reading
from topics.records import Record

COMMIT_SECONDS = 3.0

# A fetch leaves out partitions that still have data unread here, and they wait for its answer: Faust's 1.5 s would
# starve a busy partition beside idle ones. It answers at once when there is data, so this costs no latency.
FETCH_WAIT_MS_MAX = 100

PACE_SECONDS = 0.005
"""A broker is asked again no sooner: where records trickle in, each would be an answer, a chunk and a batch of its own.

Under load nobody waits for this, and an idle partition's first record does not either.
"""


class LogTruncatedError(OSError):
    """A position lies beyond its partition's log: the topic was made anew or the broker lost its end."""

    def __init__(self, tp: TP, position: int, end: int) -> None:
        super().__init__(
            f"Position {position} of {tp.topic}-{tp.partition} lies beyond the log's end {end}: the topic was made anew"
            " or the broker lost records. Offsets no longer name the same records, so reading on would skip some."
        )


class Cursor:
    """Where a reading stands: `offset` is what the next chunk starts at, `expired` how much of that is gone."""

    __slots__ = ("expired", "number", "offset")

    def __init__(self, number: int, offset: int) -> None:
        self.number = number
        self.offset = offset
        self.expired = 0

    def chunk(self, tp: TP, position: int, batch: list[Any]) -> Chunk:
        """The chunk of these aiokafka records, whose range ends at `position`; moves there."""
        topic, partition = tp
        records = [Record(topic, partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in batch]
        chunk = Chunk(topic, partition, self.offset, position, records, self.expired, self.number, monotonic())
        self.offset, self.expired = position, 0
        return chunk


class ChunkThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust's types are not followed
    """Faust's consumer thread, with `fetch` in the place of `getmany` and all seeking."""

    def __post_init__(self) -> None:
        """Called by Faust at the end of its constructor."""
        super().__post_init__()
        self._wake = asyncio.Event()
        self._cursors: dict[TP, Cursor] = {}
        self._served: dict[TP, int] = {}  # partition -> the turn in which it last gave a chunk, for fairness
        self._turn = 0
        self._committing: asyncio.Future[None] | None = None

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS_MAX  # Faust fixes both and has no setting for them
        consumer._isolation_level = "read_committed"  # what a publisher aborted did not happen
        consumer._client.send = _paced(consumer._client.send)
        return consumer

    def on_crash(self, *_: Any, **__: Any) -> None:
        """Nothing: Faust's prints a traceback to stderr, and what ended the thread is in the log in any case."""

    def wake(self) -> None:
        """Let a waiting `fetch` return, because there is something else to fetch now; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the worker is on its way out
            self.thread_loop.call_soon_threadsafe(self._wake.set)

    async def fetch(self, readings: Mapping[TP, Reading], chunk_records: int, seconds: float) -> list[Chunk]:
        """The next chunk of each partition that has one, at most `chunk_records` long; waits for the first.

        Empty after `seconds`, when woken, and while the flow is stopped for a rebalance. A reading seen for the first
        time is sought to its start. `chunk_records` also bounds the records of one answer, twice over.

        Raises:
            LogTruncatedError: A position lies beyond the log.
            KafkaError: The broker refuses to be read.
            ConsumerStoppedError: The worker is stopping.
        """
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        deadline = monotonic() + seconds
        with fetcher._subscriptions.fetch_context():  # or aiokafka takes the worker for idle and leaves the group
            while self.consumer.flow_active:
                if consumer._closed or fetcher._closed:
                    raise ConsumerStoppedError
                for tp, reading in readings.items():
                    await self._begin(consumer, tp, reading)
                chunks = await self._drain(consumer, readings, chunk_records)
                left = deadline - monotonic()
                if chunks or left <= 0 or await self._woken(fetcher, left):
                    return chunks
        return []

    async def _begin(self, consumer: AIOKafkaConsumer, tp: TP, reading: Reading) -> None:
        cursor = self._cursors.get(tp)
        if cursor is not None and cursor.number == reading.number:
            return
        offset = reading.start
        if offset is None:
            offset = (await consumer.beginning_offsets([driver.ensure_aiokafka_TP(tp)]))[tp]
        if tp in consumer.assignment():
            consumer.seek(driver.ensure_aiokafka_TP(tp), offset)
            self._cursors[tp] = Cursor(reading.number, offset)

    async def _drain(
        self, consumer: AIOKafkaConsumer, readings: Mapping[TP, Reading], chunk_records: int
    ) -> list[Chunk]:
        chunks: list[Chunk] = []
        room = 2 * chunk_records
        for tp in sorted(readings, key=lambda tp: self._served.get(tp, 0)):
            cursor = self._cursors.get(tp)
            if cursor is None or cursor.number != readings[tp].number or room == 0:
                continue
            batch = await self._take(consumer, tp, cursor, min(room, chunk_records))
            position = _position(consumer, tp)
            if position is not None and position > cursor.offset:
                chunks.append(cursor.chunk(tp, position, batch))
                room -= len(batch)
                self._turn += 1
                self._served[tp] = self._turn
        return chunks

    async def _take(self, consumer: AIOKafkaConsumer, tp: TP, cursor: Cursor, records_max: int) -> list[Any]:
        fetcher = consumer._fetcher
        if tp not in fetcher._records:
            return []
        try:
            taken = await fetcher.fetched_records({tp}, timeout=0, max_records=records_max)
        except OffsetOutOfRangeError:
            await self._out_of_range(consumer, tp, cursor)
        except NoOffsetForPartitionError:
            pass  # it was assigned a moment ago, and the seek is on its way
        except KafkaError:
            # aiokafka's position may have passed records that it did not give.
            consumer.seek(driver.ensure_aiokafka_TP(tp), cursor.offset)
            raise
        else:
            records: list[Any] = taken.get(tp, [])
            return records
        return []

    async def _out_of_range(self, consumer: AIOKafkaConsumer, tp: TP, cursor: Cursor) -> None:
        first = (await consumer.beginning_offsets([driver.ensure_aiokafka_TP(tp)]))[tp]
        if cursor.offset >= first:
            end = (await consumer.end_offsets([driver.ensure_aiokafka_TP(tp)]))[tp]
            raise LogTruncatedError(tp, cursor.offset, end)
        if tp in consumer.assignment():
            consumer.seek(driver.ensure_aiokafka_TP(tp), first)
            cursor.expired = first - cursor.offset

    async def _woken(self, fetcher: Any, seconds: float) -> bool:
        """Wait for fetched data or `wake`; whether it was `wake`."""
        waiter = fetcher._create_fetch_waiter()
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({waiter, wake}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiter.done():
                waiter.result()  # raises what the coordinator died of
            if not wake.done():
                return False
            self._wake.clear()
            return True
        finally:
            waiter.cancel()
            wake.cancel()

    async def committed(self, partitions: set[TP]) -> dict[TP, int | None]:
        """What Kafka holds for the consumer group; None where it holds nothing, or does not say in time."""
        consumer = self._ensure_consumer()
        found: dict[TP, int | None] = dict.fromkeys(partitions)
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                for tp in partitions:
                    found[tp] = await consumer.committed(driver.ensure_aiokafka_TP(tp))
        except (KafkaError, TimeoutError) as error:
            self.log.warning("what Kafka holds as committed is not known, and not compared: %r", error)
        return found

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        ours = {
            driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assigned
        }
        if not ours:
            return False
        if self._committing is not None and not self._committing.done():
            return False  # the broker hangs; it was said
        # Not cancelled when it takes too long: aiokafka would go on with it all the same, and log what nobody hears.
        self._committing = commit = asyncio.ensure_future(consumer.commit(ours))
        commit.add_done_callback(_heard)
        done, _ = await asyncio.wait({commit}, timeout=COMMIT_SECONDS)
        error = commit.exception() if done else TimeoutError()
        if isinstance(error, KafkaError | TimeoutError):
            self.log.warning("Kafka's committed offsets lag behind, which only lag tools see: %r", error)
        elif error is not None:
            raise error
        return error is None


def _heard(answer: asyncio.Future[None]) -> None:
    """Somebody has looked at what became of it."""
    if not answer.cancelled():
        answer.exception()


def _paced(send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A client's way to a broker, with a pause between two fetches; aiokafka has one under way at a time."""
    asked_at: dict[Any, float] = {}

    async def paced(node_id: Any, request: Any, **how: Any) -> Any:
        if isinstance(request, FetchRequest):
            young = asked_at.get(node_id, 0.0) + PACE_SECONDS - monotonic()
            if young > 0:
                await asyncio.sleep(young)
            asked_at[node_id] = monotonic()
        return await send(node_id, request, **how)

    return paced


def _position(consumer: AIOKafkaConsumer, tp: TP) -> int | None:
    assignment = consumer._fetcher._subscriptions.subscription.assignment
    state = assignment.state_value(tp) if assignment is not None else None
    if state is None or not state.has_valid_position:
        return None
    position: int = state.position
    return position
