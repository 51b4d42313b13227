"""How many records per second reach an agent, one at a time by Faust's own transport or in chunks by ours?

Run from the root: `python -m benchmarks.transport 127.0.0.1:9092 [records] [chunk|event] [partitions]`. It
makes a topic, fills it with JSON records of 250 bytes, and times one agent that parses each with orjson, in this
process, which it shares with the consumer's thread. The clock starts with the first record that the agent gets.
"""

import asyncio
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from typing import Any

import faust
import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stream.chunks import TP
from stream.transport import ChunkApp, create_app


class FromTheStart:
    """Positions of a store that knows nothing yet."""

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The earliest, always."""
        return dict.fromkeys(partitions)

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """There is no store that could have lost anything."""


class Clock:
    """Counts records from the first one on; `full` is set by the last."""

    def __init__(self, records: int) -> None:
        self.full = asyncio.Event()
        self._left = records
        self.started = 0.0
        self.seconds = 0.0

    def count(self, records: int) -> None:
        """Note that the agent has parsed so many more."""
        self._left -= records
        if self._left <= 0:
            self.seconds = time.perf_counter() - self.started
            self.full.set()

    def start(self) -> None:
        """Note that the agent has been given something."""
        self.started = self.started or time.perf_counter()


def fill(broker: str, topic: str, partitions: int, records: int) -> None:
    """Make the topic and write records of 250 bytes, spread evenly."""
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 20, "compression.type": "lz4"})
    for n in range(records):
        data = {"phone": f"138{n % 10_000_000:08d}", "store": f"SH-{n % 1_000:03d}", "filler": "x" * 132}
        value = orjson.dumps({"id": f"{n:012d}", "source": "/wifi", "type": "wifi.login", "data": data})
        assert len(value) == 250, f"records of 250 bytes were promised, not {len(value)}"
        producer.produce(topic, value, b"%d" % n, partition=n % partitions)
        if n % 10_000 == 0:
            producer.flush(60)
    producer.flush(60)


def chunk_app(broker: str, topic: str, clock: Clock) -> ChunkApp:
    """Ours: one agent over chunks."""
    app = create_app(f"{topic}-chunks", [broker], FromTheStart())

    async def count(chunks: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for chunk in chunks:
            clock.start()
            for record in chunk.records:
                orjson.loads(record.value)
            app.intake.done(chunk.tp, chunk.next_offset)
            clock.count(len(chunk.records))
            await asyncio.sleep(0)

    app.agent(app.topic(topic))(count)
    return app


def event_app(broker: str, topic: str, clock: Clock) -> Any:  # noqa: ANN401 - Faust's types are not followed
    """Faust's own: one agent over records."""
    app = faust.App(
        f"{topic}-events",
        broker=f"kafka://{broker}",
        consumer_auto_offset_reset="earliest",
        datadir=tempfile.mkdtemp(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )

    async def count(values: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for value in values:
            clock.start()
            orjson.loads(value)
            clock.count(1)

    app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"))(count)
    return app


async def measure(broker: str, records: int, how: str, partitions: int) -> float:
    """Records per second."""
    topic, clock = f"bench-{uuid.uuid4().hex[:8]}", Clock(records)
    fill(broker, topic, partitions, records)
    app = (chunk_app if how == "chunk" else event_app)(broker, topic, clock)
    app.finalize()
    await app.start()
    await clock.full.wait()
    await app.stop()
    return records / clock.seconds


def main() -> None:
    """Measure what the command line asks for."""
    broker, records, how, partitions = (*sys.argv[1:], *("1000000", "chunk", "4")[len(sys.argv) - 2 :])
    rate = asyncio.run(measure(broker, int(records), how, int(partitions)))
    print(
        orjson.dumps(
            {"how": how, "records": int(records), "partitions": int(partitions), "records_per_second": round(rate)}
            | {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
        ).decode()
    )


if __name__ == "__main__":
    main()
