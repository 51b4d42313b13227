"""A million people are due at one instant: how long does that take, in how much memory, and how long do events wait?

`python -m benchmarks.due_at_once [--people N]` fills a store with members whose birthday is next month
(`benchmarks.crowd`), then lets the month begin: from one moment to the next all of them are due, each for a profile, a
segment and a reminder by the default rules. Events of other people are published at an even pace, before it and all
through it, and a subscriber measures when their profiles are there. Everybody must be told, and once; or exit code 1.
Apache Kafka and Redis are started for it, or name yours with --brokers and --redis. Results go to
benchmarks/results/due_at_once.json.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

from benchmarks.crowd import Crowd
from benchmarks.figures import machine
from benchmarks.running import Run, Servers, fresh_engine, real_servers, server_options, with_servers
from sinks.keys import Keys
from sinks.redis_store import RedisStore
from sinks.store import DUE_SHARDS
from stream.cli.console import CommandFailedError, complain, say
from stream.demo.live import Stopwatch
from stream.demo.outputs import read_all
from stream.importing.publishing import Line
from topics.catalogue import PROFILES, REMINDERS, SEGMENTS, Topic
from topics.codec import encode
from topics.instants import to_text

RESULTS: Final = Path(__file__).parent / "results/due_at_once.json"
PEOPLE: Final = 1_000_000
PER_SECOND: Final = 100.0
QUIET_SECONDS: Final = 20.0
LAST_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 1.0
STUCK_SECONDS: Final = 60.0
AT_ONCE: Final = 500
LANES: Final = 4
OTHERS: Final = 5_000
SAYS: Final[dict[Topic, bytes]] = {
    PROFILES: b'"birthday_this_month"',
    SEGMENTS: b'"birthday_this_month"',
    REMINDERS: b'"birthday_month"',
}
"""Where everybody is to be told of it, and what a record of it holds."""


class Waits(NamedTuple):
    """How long events waited for their profiles."""

    events: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Waits":
        """Of all that were measured.

        Raises:
            CommandFailedError: these are none.
        """
        if len(seconds) < 2:
            raise CommandFailedError("No event came out as a profile: the worker stood still, or it was over too soon.")
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        return cls(len(seconds), *(round(1_000 * one, 1) for one in (cuts[49], cuts[98], max(seconds))))

    def __str__(self) -> str:
        return f"{self.events:,} events waited {self.p50_ms} ms, one in a hundred {self.p99_ms}, one {self.max_ms}"


class Due:
    """The components that are due in a store, and those that are to be."""

    def __init__(self, run: Run) -> None:
        self._keys = [Keys(run.settings.redis_prefix).due(shard) for shard in range(DUE_SHARDS)]
        self._store = redis.Redis.from_url(run.settings.redis_url.reveal())
        self._seen = (-1, time.monotonic())

    def all_now(self) -> None:
        """Have everybody due now; which instant they are due for is in the entries themselves."""
        for key in self._keys:
            self._store.zunionstore(key, {key: 0})

    def left(self) -> int:
        """How many of those are not taken up yet.

        Raises:
            CommandFailedError: it has been the same number for a minute.
        """
        asked = self._store.pipeline(transaction=False)
        for key in self._keys:
            asked.zcount(key, 0, 0)
        left, now = sum(map(int, asked.execute())), time.monotonic()
        if left != self._seen[0]:
            self._seen = (left, now)
        elif now - self._seen[1] > STUCK_SECONDS:
            raise CommandFailedError(f"{left:,} people are due, and nothing has moved for {STUCK_SECONDS:.0f} s.")
        return left

    def store_bytes(self) -> int:
        """What the store holds in memory."""
        return int(self._store.info("memory")["used_memory"])


class Traffic:
    """Events of people who are not of the crowd. `memory_mib`: the worker's meanwhile; `sent`: events so far."""

    def __init__(self, run: Run, per_second: float) -> None:
        self.memory_mib: list[float] = []
        self.sent = 0
        self._run = run
        self._per_second = per_second

    def until(self, is_over: Callable[[], bool]) -> Waits:
        """Publish until something is over, which is asked each second -> how long events waited.

        Raises:
            CommandFailedError: an event was not taken, or none came out.
        """
        self.memory_mib.clear()
        stopwatch, publisher = Stopwatch(self._run.settings), self._run.publisher
        try:
            lines = stopwatch.timed(self._lines(is_over))
            publisher.publish(lines, per_second=self._per_second, progress=lambda _: stopwatch.listen())
            ends = time.monotonic() + LAST_SECONDS
            while time.monotonic() < ends:
                stopwatch.listen()
        finally:
            stopwatch.close()
        if publisher.failed:
            raise CommandFailedError(f"Kafka did not take an event: {publisher.reason}")
        return Waits.of(stopwatch.seconds)

    def _lines(self, is_over: Callable[[], bool]) -> Iterator[Line]:
        looked_at = time.monotonic()
        while True:
            yield None, self.event()
            if time.monotonic() - looked_at > LOOK_SECONDS:
                looked_at = time.monotonic()
                self._run.worker.require_alive()
                status = Path(f"/proc/{self._run.worker.pid}/status").read_text(encoding="ascii")
                self.memory_mib += [int(kib) / 1024 for kib in re.findall(r"VmRSS:\s+(\d+) kB", status)]
                if is_over():
                    return

    def event(self) -> bytes:
        """The next one."""
        self.sent += 1
        data = {"identifiers": {"login": f"tmall:L{self.sent % OTHERS}"}, "counters": {"views": 1}}
        at = to_text(time.time_ns() // 1_000)
        return encode({"id": f"live-{self.sent}", "source": "/live", "type": "page.viewed", "time": at, "data": data})


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, let the month begin, measure, compare and keep -> the exit code."""
    asked = _arguments(arguments)
    return with_servers(asked, lambda servers: _run(asked, servers), real_servers)


def _run(asked: argparse.Namespace, servers: Servers) -> int:
    with fresh_engine(servers, "idweave-due") as run:
        due, traffic = Due(run), Traffic(run, asked.per_second)
        run.publish([traffic.event()])  # now the worker has looked at what was there, and found nobody
        bytes_before, began = due.store_bytes(), time.monotonic()
        asyncio.run(_fill(run, asked.people))
        filled_seconds, bytes_each = time.monotonic() - began, (due.store_bytes() - bytes_before) / asked.people
        say(f"{asked.people:,} members in the store after {filled_seconds:.0f} s, {bytes_each:,.0f} bytes each.")
        ends = time.monotonic() + asked.quiet_seconds
        quiet = traffic.until(lambda: time.monotonic() > ends)
        memory_before = max(traffic.memory_mib)
        say(f"Before: {quiet}. The worker has {memory_before:,.0f} MiB.")
        began = time.monotonic()
        due.all_now()
        during = traffic.until(lambda: due.left() == 0)
        seconds = time.monotonic() - began - LAST_SECONDS
        memory_after = max(traffic.memory_mib)
        say(f"All told in {seconds:.0f} s, {asked.people / seconds:,.0f} people a second.")
        say(f"Meanwhile: {during}. The worker had {memory_after:,.0f} MiB.")
        run.published_elsewhere(traffic.sent - 1)
        told = _told(run)
    kept = {
        "question": (__doc__ or "").splitlines()[0],
        "people": asked.people,
        "seconds": round(seconds, 1),
        "people_per_second": round(asked.people / seconds),
        "events_per_second_meanwhile": asked.per_second,
        "event_to_profile_before": quiet._asdict(),
        "event_to_profile_meanwhile": during._asdict(),
        "worker_mib_before": round(memory_before),
        "worker_mib_meanwhile": round(memory_after),
        "store_bytes_per_person": round(bytes_each),
        "told": told,
        "servers": servers.description,
        "machine": machine(),
        "load_average": round(os.getloadavg()[2], 1),
    }
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    asked.results.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    if any(counts != {"records": asked.people, "people": asked.people} for counts in told.values()):
        complain(f"Not everybody was told once: {told}")
        return 1
    say("Everybody was told, and once.", "bold green")
    return 0


async def _fill(run: Run, people: int) -> None:
    """Put the crowd into the store."""
    settings = run.settings
    url, prefix = settings.redis_url.reveal(), settings.redis_prefix
    store = await RedisStore.open(url, prefix, settings.identity_fingerprint, topics=settings.topic_prefix)
    crowd = Crowd(settings, time.time_ns() // 1_000)
    parts = iter(range(0, people, AT_ONCE))

    async def lane() -> None:
        for at in parts:
            for steps in crowd.steps(range(at, min(at + AT_ONCE, people))):
                await store.execute_many(steps)

    try:
        await asyncio.gather(*(lane() for _ in range(LANES)))
    finally:
        await store.close()


def _told(run: Run) -> dict[str, dict[str, Any]]:
    """How often the crowd was told of it, by topic: records, and people with one."""
    topics = {one.full_name(run.settings.topic_prefix): one for one in SAYS}
    keys: dict[str, list[bytes]] = {one.name: [] for one in SAYS}
    for record in read_all(run.settings, list(topics)):
        topic = topics[record.topic]
        if SAYS[topic] in (record.value or b""):
            keys[topic.name].append(record.key or b"")
    return {name: {"records": len(found), "people": len({*found})} for name, found in keys.items()}


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.due_at_once", description=(__doc__ or "").splitlines()[0]
    )
    server_options(parser)
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many are due (%(default)s)")
    parser.add_argument("--per-second", type=float, default=PER_SECOND, help="events of others (%(default)s)")
    parser.add_argument("--quiet-seconds", type=float, default=QUIET_SECONDS, help="before the month (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
