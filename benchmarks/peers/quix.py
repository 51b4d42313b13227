"""(b) Quix Streams with Redis: its batching sink does the same, in batches of one partition, and publishes people.

It cannot: what the plain app cannot. After a crash Quix reads again, and counts twice what was written before it.
"""

from confluent_kafka import Producer
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch
from redis import Redis

from benchmarks.peers.people import add
from benchmarks.peers.stint import Stint, Task
from benchmarks.peers.touchpoints import Reader, Touchpoint

BATCH = 1_000
CHECKPOINT_SECONDS = 0.5


class People(BatchingSink):  # type: ignore[misc] # Quix is in an environment of its own
    """Writes people to Redis and to a topic, each batch acknowledged before Quix commits its offsets."""

    def __init__(self, task: Task, stint: Stint) -> None:
        super().__init__()
        self._task = task
        self._stint = stint
        self._reader = Reader(task.hash_key)
        self._redis = Redis.from_url(task.redis_url)
        self._producer = Producer({"bootstrap.servers": task.brokers, "compression.type": "lz4", "linger.ms": 5})

    def write(self, batch: SinkBatch) -> None:
        """One batch."""
        touchpoints = [self._reader.touchpoint(item.value) for item in batch]
        for person, made in self._added(touchpoints).items():
            self._producer.produce(self._task.target, made, person.encode())
            self._producer.poll(0)
        self._producer.flush()
        self._stint.done(len(touchpoints))

    def _added(self, batch: list[Touchpoint]) -> dict[str, bytes | None]:
        rounds = add(batch, self._task.prefix)
        commands = next(rounds)
        while True:
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            try:
                commands = rounds.send(pipeline.execute())
            except StopIteration as end:
                profiles: dict[str, bytes | None] = end.value
                return profiles


def main() -> None:
    """Work."""
    task = Task.told()
    stint = Stint(task.events)
    app = Application(
        broker_address=task.brokers,
        consumer_group=task.prefix,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_every=BATCH,
        commit_interval=CHECKPOINT_SECONDS,
        loglevel="WARNING",
    )

    def began(value: bytes) -> bytes:
        stint.begin()
        return value

    stream = app.dataframe(app.topic(task.source, value_deserializer="bytes"))
    stream.apply(began).sink(People(task, stint))
    app.run(count=task.events)
    stint.end()


if __name__ == "__main__":
    main()
