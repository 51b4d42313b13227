"""(a2) The same in Faust with `take`: batches, pipelined calls to Redis, one profile for each person and batch.

It cannot: what the plain app cannot; and `take` loses events where an exception leaves its loop.
"""

import asyncio
from typing import Any

from redis.asyncio import Redis

from benchmarks.peers.faust_plain import app_of, run
from benchmarks.peers.people import add
from benchmarks.peers.stint import Stint, Task
from benchmarks.peers.touchpoints import Reader, Touchpoint

BATCH = 1_000
WITHIN_SECONDS = 0.05


async def added(redis: Redis, batch: list[Touchpoint], prefix: str) -> dict[str, bytes | None]:
    """Carry a batch out."""
    rounds = add(batch, prefix)
    commands = next(rounds)
    while True:
        pipeline = redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            commands = rounds.send(await pipeline.execute())
        except StopIteration as end:
            profiles: dict[str, bytes | None] = end.value
            return profiles


async def main() -> None:
    """Work."""
    task = Task.told()
    stint, finished, reader = Stint(task.events), asyncio.Event(), Reader(task.hash_key)
    redis = Redis.from_url(task.redis_url)
    app = app_of(task)
    source = app.topic(task.source, key_serializer="raw", value_serializer="raw")
    target = app.topic(task.target, key_serializer="raw", value_serializer="raw")

    async def resolve(stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for values in stream.take(BATCH, within=WITHIN_SECONDS):
            stint.begin()
            for person, made in (await added(redis, [reader.touchpoint(one) for one in values], task.prefix)).items():
                await target.send(key=person.encode(), value=made)
            if stint.done(len(values)):
                finished.set()

    app.agent(source)(resolve)
    await run(app, stint, finished)


if __name__ == "__main__":
    asyncio.run(main())
