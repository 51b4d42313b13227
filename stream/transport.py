"""A Faust app whose agents get chunks of records instead of records: the same job at a multiple of the speed.

    app = create_app("idweave", ["127.0.0.1:9092"], positions)

    @app.agent(app.topic("idweave.touchpoints"))
    async def resolve(chunks):
        async for chunk in chunks:
            if app.intake.is_stale(chunk):
                continue
            if chunk.first_offset != position:          # position: the store's, not Kafka's
                app.intake.refetch(chunk.tp, position)
                continue
            ...                                          # apply the chunk, advance the store's position
            app.intake.done(chunk.tp, chunk.next_offset)

Its rules:
- Reading starts where `Positions` says after every assignment; Kafka's committed offsets are written for lag tools, at
  most up to what agents reported done, and never read.
- A chunk is delivered to the agent at least once, and its fate is the agent's. **No exception may leave an agent's
  loop**: Faust would restart the agent and go on with the next chunk. Retry what the world did, dead-letter what the
  data did, and end the process (`os._exit(70)`) on a bug; the next process starts from the store's position.
- Consume a chunk in a plain `async for`: `take` and its kin acknowledge and drop what they buffered.
- One agent per topic, with the default concurrency of one: `done` says how far the topic's only reader is.
- When the worker stops, an agent is cancelled at its next `await`; the chunk that it was in is read again.
- A rebalance waits for no agent (`stream_wait_empty` is off, because Faust's wait has no deadline). An agent may go on
  with a chunk of a partition that another worker owns by now. That is safe because group membership is never trusted:
  the store's fences decide whose effects count, and its positions where the other one starts.

It must not know what is in a record, nor the store behind `Positions`.
"""
# ruff: noqa: ANN401 - Faust's types are not followed

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage, tuples

from sinks.kafka_settings import SESSION_TIMEOUT
from stream.chunks import TP, Chunk, Intake, Positions
from stream.fetching import ChunkThread
from stream.kafka_security import credentials

CHUNK_RECORDS = 2_000
CHUNKS_AHEAD = 4
METADATA_MS = 30_000
"""New partitions are read so long after they were added; Kafka's default is five minutes."""
SESSION_MS = 10_000
"""How long a killed worker's partitions stay dead, unless `session.timeout.ms` says otherwise."""


class ChunkConsumer(driver.Consumer):  # type: ignore[misc]  # Faust's types are not followed
    """Faust's aiokafka consumer, yielding one message per chunk and committing what agents reported done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._intake: Intake = self.app.intake
        self._intake.on_change = self._thread.wake

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's
        """Give the agents the next chunks, waiting for `timeout` seconds at most; nothing is left to yield.

        Faust would deliver each in a task, beside three more that wait for the flow or the worker to stop. A delivery
        does not wait for the flow, which was just looked at: Faust stops consumer and agents' queues in one step.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop:
            return
        partitions = {TP(*tp) for tp in self._get_active_partitions()}
        await self._start(partitions)
        readings = self._intake.open(partitions)
        for chunk in await self._thread.call_thread(self._thread.fetch, readings, self.app.chunk_records, timeout):
            if not self.flow_active:
                return  # a rebalance has begun, and everything will be read again from the positions
            if self._intake.hand_out(chunk):
                await self.callback(self._message(chunk))
        return
        yield  # Faust expects a generator

    async def _start(self, partitions: set[TP]) -> None:
        unstarted = self._intake.unstarted(partitions)
        if unstarted:
            assignment = self._intake.assignment
            # What Kafka was told is asked first: whoever had these partitions until now may tell it more meanwhile.
            committed = await self.committed(unstarted)
            offsets = await self.app.positions.start_offsets(unstarted)
            assert offsets.keys() >= unstarted, f"no start offset for {sorted(unstarted - offsets.keys())}"
            self._intake.start(assignment, {tp: offsets[tp] for tp in unstarted})
            self.app.positions.committed(committed)

    def _message(self, chunk: Chunk) -> ConsumerMessage:
        # Without the generation Faust would skip every message.
        return ConsumerMessage(
            chunk.topic,
            chunk.partition,
            chunk.next_offset - 1,
            chunk.records[-1].append_ms / 1000.0 if chunk.records else None,
            None,  # the timestamp's type
            [],  # never a record's headers: Faust answers to the topic that one of them may name
            None,
            chunk,
            None,
            tp=tuples.TP(chunk.topic, chunk.partition),
            generation_id=self.app.consumer_generation_id,
        )

    async def committed(self, partitions: set[TP]) -> dict[TP, int | None]:
        """What Kafka holds for the consumer group: a store's position behind it means that the store lost writes.

        None where Kafka holds nothing, or does not say what.
        """
        committed: dict[TP, int | None] = await self._thread.call_thread(self._thread.committed, partitions)
        return committed

    async def perform_seek(self) -> None:
        """Called by Faust before the flow resumes: every partition starts where `Positions` says, once it is read."""
        self._intake.restart()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is done, within a deadline, and let go; no agent is waited for."""
        await self.commit()
        self._intake.revoked()
        await super().on_partitions_revoked(revoked)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        """Tell Kafka what agents reported done since the last time; whether it took it."""
        offsets = self._intake.uncommitted()
        if not offsets or not await self._commit(offsets):
            return False
        self._intake.committed(offsets)
        self.app.monitor.on_tp_commit(offsets)
        return True


class ChunkTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = ChunkConsumer


class ChunkBoot(faust.App.BootStrategy):  # type: ignore[misc]
    """What a worker starts: the consumer and the agents.

    Not Faust's web server, which `faust worker` would switch on again, on every interface and without authentication.
    Not Faust's producer, which is not idempotent and loses what it fails to send.
    """

    enable_web = False
    enable_kafka_producer = False


class ChunkApp(faust.App):  # type: ignore[misc]
    """A Faust app over chunks; `intake` is what its agents talk to. Made by `create_app`."""

    BootStrategy = ChunkBoot

    def __init__(
        self, group: str, *, positions: Positions, intake: Intake, chunk_records: int, **settings: Any
    ) -> None:
        self.positions = positions
        self.intake = intake
        self.chunk_records = chunk_records
        super().__init__(group, **settings)

    def topic(self, *topics: str, **options: Any) -> Any:
        """A topic of chunks: raw, and without Faust's acknowledgements, whose arithmetic expects every offset."""
        raw = {"key_serializer": "raw", "value_serializer": "raw", "acks": False}
        return super().topic(*topics, **{**options, **raw})

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Faust's are for its tables, of which there are none."""


def create_app(
    group: str,
    brokers: Sequence[str],
    positions: Positions,
    *,
    security: Mapping[str, str] | None = None,
    chunk_records: int = CHUNK_RECORDS,
    chunks_ahead: int = CHUNKS_AHEAD,
    **settings: Any,
) -> ChunkApp:
    """A Faust app for consumer group `group` on `brokers` (host:port), also for `faust -A module worker`.

    A chunk has at most `chunk_records` records, and no more of a partition is fetched while as many as `chunks_ahead`
    full ones hold are handed out and not done: together they bound the memory. `security` has librdkafka's names;
    `settings` are Faust's, over the ones here.

    Raises:
        ValueError: The security settings are not understood; the message says which.
    """
    session_seconds = int((security or {}).get(SESSION_TIMEOUT, SESSION_MS)) / 1000
    defaults: dict[str, Any] = {
        "broker": [f"aiokafka://{broker}" for broker in brokers],
        "broker_credentials": credentials(security or {}),
        "broker_session_timeout": session_seconds,
        "broker_heartbeat_interval": min(3.0, session_seconds / 3),
        "broker_commit_interval": 1.0,
        "broker_max_poll_records": chunk_records,
        "consumer_metadata_max_age_ms": METADATA_MS,
        "consumer_auto_offset_reset": "none",  # see stream.fetching: a position that is gone must not pass silently
        "stream_wait_empty": False,
        "table_standby_replicas": 0,  # no tables: plain round robin instead of Faust's assignor
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }
    return ChunkApp(
        group,
        positions=positions,
        intake=Intake(chunks_ahead * chunk_records),
        chunk_records=chunk_records,
        **{**defaults, **settings},
    )
