"""(a) A plain per-event Faust app: one event, the calls to Redis that it needs, one after the other, one profile out.

It cannot: keep rules (who shares a device is joined), count exactly through a crash or with two workers, split again,
say why, publish anything but the profile.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import faust
from redis.asyncio import Redis

from benchmarks.peers.stint import Stint, Task
from benchmarks.peers.touchpoints import Reader, Touchpoint, profile

FACTS = ("visits", "orders", "paid_cents", "points")


class People:
    """Union-find in Redis: `i:` identifier -> person, `m:` a person's identifiers, `f:` a person's facts."""

    def __init__(self, redis: Any, prefix: str) -> None:  # noqa: ANN401 - the client's replies are typed too wide
        self._redis = redis
        self._prefix = prefix

    async def add(self, touchpoint: Touchpoint) -> tuple[str, bytes, list[str]]:
        """Add an event -> the person's id, the profile, and ids that were merged into it."""
        found = [await self._redis.get(f"{self._prefix}:i:{one}") for one in touchpoint.identifiers]
        known = sorted({one.decode() for one in found if one is not None})
        person, *merged = known or [touchpoint.identifiers[0]]
        for loser in merged:
            await self._absorb(person, loser)
        for identifier, holder in zip(touchpoint.identifiers, found, strict=True):
            if holder is None:
                await self._redis.set(f"{self._prefix}:i:{identifier}", person)
                await self._redis.sadd(f"{self._prefix}:m:{person}", identifier)
        for name in FACTS:
            if number := getattr(touchpoint, name):
                await self._redis.hincrby(f"{self._prefix}:f:{person}", name, number)
        return person, await self._profile(person), merged

    async def _absorb(self, person: str, loser: str) -> None:
        members = await self._redis.smembers(f"{self._prefix}:m:{loser}")
        facts = await self._redis.hgetall(f"{self._prefix}:f:{loser}")
        for member in members:
            await self._redis.set(f"{self._prefix}:i:{member.decode()}", person)
            await self._redis.sadd(f"{self._prefix}:m:{person}", member)
        for name, number in facts.items():
            await self._redis.hincrby(f"{self._prefix}:f:{person}", name.decode(), int(number))
        await self._redis.delete(f"{self._prefix}:m:{loser}", f"{self._prefix}:f:{loser}")

    async def _profile(self, person: str) -> bytes:
        members = await self._redis.smembers(f"{self._prefix}:m:{person}")
        facts = await self._redis.hgetall(f"{self._prefix}:f:{person}")
        return profile([one.decode() for one in members], {name.decode(): int(one) for name, one in facts.items()})


def app_of(task: Task) -> Any:  # noqa: ANN401 - Faust's types are not followed
    """A Faust app as its guide has it, without tables and web server."""
    return faust.App(
        task.prefix,
        broker=f"kafka://{task.brokers}",
        consumer_auto_offset_reset="earliest",
        datadir=tempfile.mkdtemp(),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )


async def run(app: Any, stint: Stint, finished: asyncio.Event) -> None:  # noqa: ANN401
    """Run an app until its agent is through, and its last record is acknowledged."""
    app.finalize()
    await app.start()
    await finished.wait()
    await app.producer.flush()
    stint.end()
    await app.stop()


async def main() -> None:
    """Work."""
    task = Task.told()
    stint, finished, reader = Stint(task.events), asyncio.Event(), Reader(task.hash_key)
    people = People(Redis.from_url(task.redis_url), task.prefix)
    app = app_of(task)
    source = app.topic(task.source, key_serializer="raw", value_serializer="raw")
    target = app.topic(task.target, key_serializer="raw", value_serializer="raw")

    async def resolve(values: AsyncIterator[bytes]) -> None:
        async for value in values:
            stint.begin()
            person, made, merged = await people.add(reader.touchpoint(value))
            await target.send(key=person.encode(), value=made)
            for loser in merged:
                await target.send(key=loser.encode(), value=None)
            if stint.done(1):
                finished.set()

    app.agent(source)(resolve)
    await run(app, stint, finished)


if __name__ == "__main__":
    asyncio.run(main())
