"""How long from publishing an event until a subscriber has the profile that it changed?

`python -m benchmarks.latency [--rates 500 2000 ...] [--seconds N]`. Open loop: each event has its own instant by the
schedule, and waits are counted from that instant, so that a stall counts for everybody who would have come meanwhile
(no coordinated omission). A stock consumer sees the profile: an event is visible when the profiles of its household
tell of as many visits as were published up to it. People are drawn by Zipf, as for throughput, by the same settings.
Events of the first seconds warm up and are not counted. Results go to benchmarks/results/latency.json, and
a picture beside it.
"""

import argparse
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.end_to_end import PEOPLE
from benchmarks.figures import RESULTS, Quiet, keep, show
from benchmarks.line_chart import Line, line_chart
from benchmarks.load import Load, under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.workload import command, events_of_people
from stream.cli.console import CommandFailedError, broker_list, say
from topics.catalogue import PROFILES, TOUCHPOINTS

RESULT: Final = RESULTS / "latency.json"
RATES: Final = (500, 2_000, 5_000, 10_000)
SECONDS: Final = 30.0
WARM_SECONDS: Final = 8.0
LAST_SECONDS: Final = 20.0
BROKER_SECONDS: Final = 10.0
SEED: Final = 3


class _Cause(msgspec.Struct):
    id: str


class _Counters(msgspec.Struct):
    visits: int = 0


class _Profile(msgspec.Struct):
    cause: _Cause | None = None
    counters: _Counters = msgspec.field(default_factory=_Counters)
    merged_from: list[str] = msgspec.field(default_factory=list)
    merged_into: str | None = None


_profiles = msgspec.json.Decoder(_Profile)


class Waits(NamedTuple):
    """How long events waited. `unseen`: of these no profile came in time."""

    events: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    unseen: int
    worker_cpu_us: float


class Subscriber:
    """A stock consumer of the profiles that knows which event is whose. `seconds` are the waits, by event.

    Events of one person lie on several partitions, so which of them a profile has is told by how many. They are counted
    by household, because two of one may be one profile for a while.
    """

    def __init__(self, load: Load, people_of: Sequence[int], per_second: float) -> None:
        """Subscribe from now on; `people_of`: the person of each event, in the order of publishing."""
        self.seconds: dict[int, float] = {}
        self._household_of = [person // 2 for person in people_of]
        self._per_second = per_second
        self._waiting: dict[int, deque[int]] = {}
        for number, household in enumerate(self._household_of):
            self._waiting.setdefault(household, deque()).append(number)
        self._published = {household: len(events) for household, events in self._waiting.items()}
        self._visits: dict[int, dict[str, int]] = {}
        self._ended: set[str] = set()
        where = {"bootstrap.servers": broker_list(load.settings), "group.id": f"{load.settings.topic_prefix}-latency"}
        self._consumer = Consumer({**where, "enable.auto.commit": False, "fetch.wait.max.ms": 10})
        topic = PROFILES.full_name(load.settings.topic_prefix)
        places = [TopicPartition(topic, at) for at in range(PROFILES.partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=BROKER_SECONDS)[1]
        self._consumer.assign(places)

    def listen(self, started: float) -> None:
        """Take what has arrived within a moment; the first event was due at `started`."""
        for message in self._consumer.consume(100, 0.002):
            value = message.value()
            if message.error() is None and value is not None:
                self._see((message.key() or b"").decode(), _profiles.decode(value), time.monotonic() - started)

    def _see(self, profile_id: str, profile: _Profile, now: float) -> None:
        cause = profile.cause
        if cause is None or not cause.id.startswith("bench-"):
            return
        household = self._household_of[int(cause.id.removeprefix("bench-"))]
        visits = self._visits.setdefault(household, {})
        # The partition of one that ended may be read later than that of the one which it is part of now.
        self._ended.update(profile.merged_from, [] if profile.merged_into is None else [profile_id])
        visits[profile_id] = profile.counters.visits
        for one in self._ended.intersection(visits):
            del visits[one]
        waiting = self._waiting[household]
        left = self._published[household] - sum(visits.values())
        while waiting and len(waiting) > left:
            number = waiting.popleft()
            self.seconds[number] = now - number / self._per_second

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()


def measured(
    servers: Servers, per_second: float, seconds: float, people: int, progress: Callable[[int], None] = lambda _: None
) -> Waits:
    """One rate, on an engine of its own.

    Raises:
        CommandFailedError: the worker or the generator ends, or no profile comes.
    """
    count, warm = round(per_second * (WARM_SECONDS + seconds)), round(per_second * WARM_SECONDS)
    people_of = [one for one, _ in events_of_people(count, people, skewed=True, seed=SEED, start_s=0)]
    with under_load(servers, "latency") as load:
        subscriber = Subscriber(load, people_of, per_second)
        program = command(count, people, "skewed", SEED, per_second)
        where = [broker_list(load.settings), TOUCHPOINTS.full_name(load.settings.topic_prefix)]
        with subprocess.Popen([*program, *where], stdout=subprocess.PIPE, text=True) as publishing:  # noqa: S603
            assert publishing.stdout is not None
            started = float(publishing.stdout.readline() or "nan")
            ends = started + count / per_second + LAST_SECONDS
            cpu, looked_at = load.cpu(), 0.0
            while time.monotonic() < ends and len(subscriber.seconds) < count:
                subscriber.listen(started)
                if time.monotonic() - looked_at > 1:
                    looked_at = time.monotonic()
                    load.workers[0].require_alive()
                    progress(len(subscriber.seconds))
            spent = load.cpu().since(cpu).worker
        subscriber.close()
        if publishing.returncode != 0:
            raise CommandFailedError(f"the generator ended with exit code {publishing.returncode}")
    waits = [wait for number, wait in subscriber.seconds.items() if number >= warm]
    if len(waits) < 2:
        raise CommandFailedError("No profile came of any event.")
    cuts = quantiles(waits, n=100, method="inclusive")
    p50_ms, p90_ms, p99_ms, max_ms = (round(1_000 * one, 1) for one in (cuts[49], cuts[89], cuts[98], max(waits)))
    unseen = count - warm - len(waits)
    return Waits(len(waits), p50_ms, p90_ms, p99_ms, max_ms, unseen, round(1e6 * spent / count, 1))


def row(per_second: float, one: Waits) -> list[str]:
    """A line of the table."""
    times = [f"{ms:,.1f}" for ms in (one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms)]
    return [f"{per_second:,.0f} events/s", *times, f"{one.unseen:,}", f"{one.worker_cpu_us:,.0f}"]


def picture(rates: Sequence[float], waits: Sequence[Waits]) -> str:
    """Lines over the rates, as SVG."""
    lines = [Line(part, [getattr(one, f"{part}_ms") for one in waits]) for part in ("p50", "p90", "p99")]
    top = 1.1 * max(lines[-1].values)
    title = "Milliseconds from publishing to the profile, by events a second"
    return line_chart(title, [f"{rate:,.0f}" for rate in rates], lines, top=top, text=lambda ms: f"{ms:,.0f} ms")


HEADER: Final = ["published", "p50 ms", "p90 ms", "p99 ms", "max ms", "unseen", "worker CPU us/event"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="events a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured at each rate (%(default)s)")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        found: dict[str, Any] = {}
        waits = []
        for rate in asked.rates:
            say(f"{rate:,.0f} events a second")
            one = measured(servers, rate, asked.seconds, asked.people)
            found[f"{rate:.0f}_per_second"] = one._asdict()
            waits.append(one)
        rows = [row(rate, one) for rate, one in zip(asked.rates, waits, strict=True)]
        show("From publishing to the profile, at a subscriber", HEADER, rows)
        if len(waits) > 1:
            asked.results.with_suffix(".svg").write_text(picture(asked.rates, waits), encoding="utf-8")
        keep(asked.results, __doc__ or "", found | {"people": asked.people, "servers": servers.description}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
