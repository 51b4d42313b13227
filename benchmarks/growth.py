"""Does an event cost more when the engine knows a million people instead of ten thousand?

`python -m benchmarks.growth [--sizes 10000 100000 1000000] [--events N]`. The store is filled with members as if each
had registered (`benchmarks.crowd`); then a worker that knows none of them yet gets events of them. Steady: the same
traffic at every size, ten thousand people drawn by Zipf 1.1, spread evenly among all there are; this is the figure.
Skewed: drawn by Zipf out of all there are, and uniform: evenly, so that traffic itself spreads as people grow, a batch
has fewer events of one person, and no cache helps. What is compared is CPU of the worker and of the store for each
event, after a tenth of them has warmed up. Results go to benchmarks/results/growth.json, and a picture beside it.
"""

import argparse
import asyncio
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from benchmarks.crowd import Crowd
from benchmarks.figures import RESULTS, Quiet, figure, keep, show, shown
from benchmarks.line_chart import Line, line_chart
from benchmarks.load import Load, Measured, under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.workload import ZIPF, publish
from sinks.redis_store import RedisStore
from stream.cli.console import say
from stream.config.settings import Settings
from topics.codec import encode
from topics.instants import to_text

RESULT: Final = RESULTS / "growth.json"
SIZES: Final = (10_000, 100_000, 1_000_000)
EVENTS: Final = 40_000
WARM_SHARE: Final = 0.1
DRAWS: Final = ("steady", "skewed", "uniform")
STEADY_PEOPLE: Final = 10_000
AT_ONCE: Final = 500
LANES: Final = 4


async def fill(settings: Settings, first: int, end: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Put members of these numbers into the store."""
    url, prefix = settings.redis_url.reveal(), settings.redis_prefix
    store = await RedisStore.open(url, prefix, settings.identity_fingerprint, topics=settings.topic_prefix)
    crowd = Crowd(settings, time.time_ns() // 1_000)
    parts = iter(range(first, end, AT_ONCE))

    async def lane() -> None:
        for at in parts:
            for steps in crowd.steps(range(at, min(at + AT_ONCE, end))):
                await store.execute_many(steps)
            progress(at - first)

    try:
        await asyncio.gather(*(lane() for _ in range(LANES)))
    finally:
        await store.close()


def events_of_members(count: int, people: int, draw: str, seed: int) -> Iterator[bytes]:
    """Events of members of the crowd, who are named by card, by phone, or by both."""
    rng = random.Random(seed)
    active = min(people, STEADY_PEOPLE) if draw == "steady" else people
    weights = [] if draw == "uniform" else list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(active)))
    for n in range(count):
        person = bisect_left(weights, rng.random() * weights[-1]) if weights else rng.randrange(people)
        person *= people // active
        both = {"card": f"E{person:09}", "phone": f"137{person:08}"}
        named = rng.choice((both, both, {"card": both["card"]}, {"phone": both["phone"]}))
        data = {"identifiers": named, "counters": {"visits": 1}, "store": f"SH-{person % 50:03}", "channel": "offline"}
        at = to_text(time.time_ns() // 1_000)
        yield encode(
            {"id": f"{draw}-{seed}-{n}", "source": "/members", "type": "store.visited", "time": at, "data": data}
        )


def measured(load: Load, people: int, draw: str, events: int, seed: int) -> Measured:
    """Events of one draw, after some that warm up.

    Raises:
        CommandFailedError: the run fails.
    """
    for count, which in ((max(100, round(events * WARM_SHARE)), 2 * seed), (events, 2 * seed + 1)):
        program = [sys.executable, "-m", "benchmarks.growth", "publish"]
        found = load.throughput([*program, str(count), str(people), draw, str(which)], count)
    return found


def run(
    servers: Servers, sizes: Sequence[int], events: int, tick: Callable[[str], None], draws: Sequence[str] = DRAWS
) -> dict[str, Any]:
    """All sizes, on one store that grows -> what an event costs, by draw and size.

    Raises:
        CommandFailedError: a run fails.
    """
    found: dict[str, Any] = {draw: {} for draw in draws}
    with under_load(servers, "growth", workers=0) as load:
        known = 0
        for at, people in enumerate(sizes):
            tick(f"filling the store up to {people:,} people")
            asyncio.run(fill(load.settings, known, people))
            known = people
            for draw in draws:
                tick(f"{events:,} events of {people:,} people, {draw}")
                worker = load.start_worker()
                load.wait_until_ready()
                one = measured(load, people, draw, events, 100 * at + len(draw))
                load.workers.remove(worker)
                worker.stop()
                redis_us = None if one.cpu.redis is None else round(1e6 * one.cpu.redis / one.events, 1)
                found[draw][str(people)] = {
                    "worker_us": round(one.worker_us, 1),
                    "redis_us": redis_us,
                    "events_per_second": round(one.per_second),
                }
    return found


def flatness(found: dict[str, Any], draw: str = "steady") -> float:
    """What an event costs worker and store with the most people, by what it costs with the fewest."""
    costs = [one["worker_us"] + (one["redis_us"] or 0.0) for one in found[draw].values()]
    return float(costs[-1] / costs[0])


def picture(found: dict[str, Any], sizes: Sequence[int]) -> str:
    """Lines over the number of people, as SVG."""
    lines = [
        Line(draw, [one["worker_us"] + (one["redis_us"] or 0.0) for one in found[draw].values()]) for draw in found
    ]
    top = 1.2 * max(max(line.values) for line in lines)
    title = "CPU microseconds of worker and Redis for an event, by how many people there are"
    return line_chart(title, [f"{size:,}" for size in sizes], lines, top=top, text=lambda one: f"{one:,.0f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many people (%(default)s)")
    parser.add_argument("--events", type=int, default=EVENTS, help="of each draw (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        found = run(servers, asked.sizes, asked.events, say)
        rows = [
            [f"{int(size):,} people, {draw}", *map(shown, one.values())]
            for draw in found
            for size, one in found[draw].items()
        ]
        show("What an event costs as people grow", ["", "worker us", "Redis us", "events/s"], rows)
        kept = {draw: {**figure(flatness(found, draw), "x"), "sizes": found[draw]} for draw in found}
        keep(asked.results, __doc__ or "", kept | {"servers": servers.description}, quiet)
        if len(asked.sizes) > 1:
            asked.results.with_suffix(".svg").write_text(picture(found, asked.sizes), encoding="utf-8")
        return 0

    return with_servers(asked, work, real_servers)


def _publish(arguments: Sequence[str]) -> int:
    """Publish events of members: this program is its own generator."""
    count, people, draw, seed, brokers, topic = arguments
    publish(brokers, topic, events_of_members(int(count), int(people), draw, int(seed)))
    return 0


if __name__ == "__main__":
    sys.exit(_publish(sys.argv[2:]) if sys.argv[1:2] == ["publish"] else main())
