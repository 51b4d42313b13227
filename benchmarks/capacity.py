"""The capacity page, docs/capacity.md: what an event and a person cost, and what that comes to at other sizes.

`python -m benchmarks.capacity` writes it from benchmarks/results/ (`make bench` does so in the end), and a test fails
where it is behind. It is arithmetic, all of it shown: CPU microseconds of an event on worker, broker and store, and the
bytes of an event and of a person. What was not measured at its size is marked.
Must not know: how anything is measured.
"""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.end_to_end import UNIFORM_TIMES
from benchmarks.figures import RESULTS
from benchmarks.phases import PHASES

PAGE: Final = Path(__file__).resolve().parents[1] / "docs/capacity.md"
PICTURE: Final = PAGE.with_name("side-by-side.svg")
RATES: Final = (10_000, 100_000, 1_000_000)
PEOPLE: Final = (10_000_000, 100_000_000, 1_000_000_000)
BUSY_MAX: Final = 0.7
"""How much of a core is planned with: the rest is for bursts, rebalances, and the worker that has just died."""
SHARD_GB: Final = 32
FULL_MAX: Final = 0.7
"""How full a store is planned to be: the rest is for growth, and for a rewrite of its log."""
REPLICAS: Final = 3
EVENT_BYTES: Final = 260
RETENTION_DAYS: Final = 30
DAY_SECONDS: Final = 86_400
PARTITIONS_MIN: Final = 4
MEASURED_PEOPLE: Final = 1_000_000
MARK: Final = "†"


class Costs(NamedTuple):
    """What was measured: CPU microseconds and bytes published for each event, bytes of the store for each person."""

    worker_us: float
    kafka_us: float
    redis_us: float
    published_bytes: float
    person_bytes: float


class Plan(NamedTuple):
    """What a rate takes."""

    workers: int
    partitions: int
    redis_shards: int
    kafka_cores: int
    network_mb: float
    disk_tb: float


def plan(costs: Costs, per_second: float) -> Plan:
    """What so many events a second take."""
    workers = _cores(costs.worker_us, per_second)
    partitions = max(PARTITIONS_MIN, 2 ** math.ceil(math.log2(workers)))
    written = per_second * (EVENT_BYTES + costs.published_bytes) * REPLICAS
    disk = per_second * EVENT_BYTES * REPLICAS * RETENTION_DAYS * DAY_SECONDS
    shards, brokers = _cores(costs.redis_us, per_second), _cores(costs.kafka_us, per_second)
    return Plan(workers, partitions, shards, brokers, written / 1e6, disk / 1e12)


def shards_for_memory(costs: Costs, people: float) -> int:
    """Stores of the planned size that hold so many people."""
    return math.ceil(people * costs.person_bytes / (SHARD_GB * 1e9 * FULL_MAX))


def _cores(each_us: float, per_second: float) -> int:
    return max(1, math.ceil(per_second * each_us / 1e6 / BUSY_MAX))


def costs_of(full: Mapping[str, Any], latest: Mapping[str, Any], costs: Mapping[str, Any], draw: str) -> Costs:
    """What was measured with people drawn in one way: CPU in runs of full length, memory by `make bench`."""
    spent = full[f"end_to_end_{draw}"]["cpu_us_per_event"]
    published, person = costs["in_memory"]["bytes published"], latest["redis_bytes_per_person"]["value"]
    return Costs(spent["worker"], spent["kafka"], spent["redis"], published, person)


class Target(NamedTuple):
    """What was set out for: so much of a figure at least, or at most."""

    says: str
    figure: str
    bound: float
    unit: str
    at_most: bool = False


TARGETS: Final = (
    Target("end to end, people by Zipf, one worker", "end_to_end_skewed", 30_000, "events/s"),
    Target("end to end, people evenly, one worker", "end_to_end_uniform", 15_000, "events/s"),
    Target("publishing to profile at 2,000 events/s, median", "latency_p50_ms_at_2000", 15, "ms", at_most=True),
    Target("the same, 99th percentile", "latency_p99_ms_at_2000", 50, "ms", at_most=True),
    Target("a person in Redis", "redis_bytes_per_person", 2_048, "bytes", at_most=True),
    Target("an event among 1,000,000 people instead of 10,000", "flatness_10k_1m", 1.2, "x", at_most=True),
    Target("first event after a crash, 1,000,000 people", "seconds_to_first_event", 5, "s", at_most=True),
    Target("beside Faust, event by event", "ratio_plain_faust", 30, "x"),
    Target("beside Faust's `take`", "ratio_batched_faust", 10, "x"),
    Target("beside Quix Streams", "ratio_quix", 1, "x"),
    Target("beside Pathway", "ratio_pathway", 5, "x"),
    Target("of the ceiling: bytes through Kafka", "ratio_ceiling", 0.3, "x"),
)


def page(
    full: Mapping[str, Any],
    latest: Mapping[str, Any],
    costs: Mapping[str, Any],
    restart: Mapping[str, Any],
    phases: Mapping[str, Any],
) -> str:
    """The page as Markdown. `full`: throughput in runs of full length; `latest`: the shorter ones of `make bench`."""
    skewed, uniform = (costs_of(full, latest, costs, draw) for draw in ("skewed", "uniform"))
    longest = full["end_to_end_skewed"]
    machine, rivals = latest["machine"], latest["details"]["side_by_side"]
    shared = " Other programs ran on it at the same time." if "machine_shared" in machine else ""
    engine, evenly = latest["end_to_end_skewed"]["value"], UNIFORM_TIMES * latest["workload"]["people"]
    fewest, *_, most = map(int, latest["details"]["growth"]["steady"])
    return TEXT.format(
        cores=machine["cores"],
        system=machine["system"],
        python=machine["python"],
        servers=latest["servers"],
        shared=shared,
        costs=_table(["", "people drawn by Zipf 1.1", f"{evenly:,} people, evenly"], _cost_rows(skewed, uniform)),
        fastest=f"{longest['value']:,}",
        two=f"{full['end_to_end_skewed_2_workers']['value']:,}",
        events=f"{longest['events_a_run']:,}",
        runs=f"the median of {len(longest['runs'])}" if len(longest["runs"]) > 1 else "one run each",
        short=f"{engine:,} and {latest['end_to_end_uniform']['value']:,}",
        slowest=f"{full['end_to_end_uniform']['value']:,}",
        flat=latest["flatness_10k_1m"]["value"],
        fewest=f"{fewest:,}",
        most=f"{most:,}",
        evenly=f"{evenly:,}",
        rates=_table(
            [
                "events a second",
                "workers",
                "partitions",
                "Redis shards, by CPU",
                "Kafka cores",
                "Kafka writes",
                "Kafka disk",
            ],
            [_rate_row(rate, plan(skewed, rate), plan(uniform, rate)) for rate in RATES],
        ),
        people=_table(
            ["people", "Redis memory", f"shards of {SHARD_GB} GB"],
            [_people_row(skewed, number) for number in PEOPLE],
        ),
        both=_table(
            ["", *(f"{number:,} people" for number in PEOPLE)],
            [[f"{rate:,} events/s", *(_both(skewed, uniform, rate, number) for number in PEOPLE)] for rate in RATES],
        ),
        example=_example(skewed),
        targets=_table(["", "target", "measured", ""], _target_rows(full, latest, restart)),
        profile_us=f"{phases['skewed 16']['project'] / phases['skewed 16']['projected']:,.0f}",
        phases=_table(["people, events at once", *PHASES, "components projected"], _phase_rows(phases)),
        engine=f"{engine:,}",
        rivals=_table(
            ["rival", "events/s", "CPU us/event", "IDWeave is x times", "sample of people"],
            [_rival_row(one) for one in rivals.values()],
        ),
        cannot="\n".join(f"- **{one['title']}**. {one['cannot']}" for one in rivals.values()),
        busy=f"{BUSY_MAX:.0%}",
        full=f"{FULL_MAX:.0%}",
        replicas=REPLICAS,
        days=RETENTION_DAYS,
        event=EVENT_BYTES,
        published=f"{skewed.published_bytes:,.0f}",
        mark=MARK,
    )


def _target_rows(full: Mapping[str, Any], latest: Mapping[str, Any], restart: Mapping[str, Any]) -> list[list[str]]:
    """Every target beside its figure; what could not be measured where the figures come from is said to be so."""
    known = {**latest, **full}
    found = {name: one["value"] for name, one in known.items() if isinstance(one, Mapping) and "value" in one}
    found["seconds_to_first_event"] = restart["seconds_to_first_event"]
    rows = []
    for one in TARGETS:
        bound, value = f"{'at most' if one.at_most else 'at least'} {one.bound:,} {one.unit}", found.get(one.figure)
        if value is None:
            rows.append([one.says, bound, "not measured", ""])
            continue
        met = value <= one.bound if one.at_most else value >= one.bound
        rows.append([one.says, bound, f"{value:,} {one.unit}", "met" if met else "missed"])
    return rows


def _phase_rows(phases: Mapping[str, Any]) -> list[list[str]]:
    rows = [(name, one) for name, one in phases.items() if isinstance(one, Mapping) and "project" in one]
    return [[name, *(f"{one[phase]:,.0f} us" for phase in PHASES), f"{one['projected']:.2f}"] for name, one in rows]


def _cost_rows(skewed: Costs, uniform: Costs) -> list[list[str]]:
    def row(name: str, part: str, unit: str) -> list[str]:
        return [name, *(f"{getattr(one, part):,.0f} {unit}" for one in (skewed, uniform))]

    return [
        row("worker, of one core", "worker_us", "us"),
        row("Kafka, of all its cores", "kafka_us", "us"),
        row("Redis, of one core", "redis_us", "us"),
        ["published, all topics", f"{skewed.published_bytes:,.0f} bytes", "more: less is told together"],
        ["a person in Redis", f"{skewed.person_bytes:,.0f} bytes", ""],
    ]


def _range(least: float, most: float) -> str:
    low, high = sorted((least, most))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _rate_row(rate: int, skewed: Plan, uniform: Plan) -> list[str]:
    numbers = [
        _range(getattr(skewed, part), getattr(uniform, part))
        for part in ("workers", "partitions", "redis_shards", "kafka_cores")
    ]
    return [f"{rate:,}{MARK}", *numbers, f"{skewed.network_mb:,.0f} MB/s", f"{skewed.disk_tb:,.1f} TB"]


def _people_row(costs: Costs, people: int) -> list[str]:
    return [
        f"{people:,}{MARK}",
        f"{people * costs.person_bytes / 1e9:,.0f} GB",
        f"{shards_for_memory(costs, people):,}",
    ]


def _both(skewed: Costs, uniform: Costs, rate: int, people: int) -> str:
    memory = shards_for_memory(skewed, people)
    low, high = (max(memory, plan(one, rate).redis_shards) for one in (skewed, uniform))
    return f"{_range(low, high)}{MARK}"


def _rival_row(one: Mapping[str, Any]) -> list[str]:
    cpu, times = f"{one['cpu_us_per_event']:,.0f}", f"{one['engine_is_times']:,}"
    return [one["title"], f"{one['value']:,}", cpu, times, one["sample"]]


def _example(costs: Costs) -> str:
    rate = RATES[0]
    one = plan(costs, rate)
    cores = rate * costs.worker_us / 1e6
    return (
        f"{rate:,} events/s x {costs.worker_us:,.0f} us = {cores:,.2f} cores; by {BUSY_MAX} that is"
        f" {cores / BUSY_MAX:,.2f}, so {one.workers} workers, and {one.partitions} partitions"
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TEXT: Final = """# How much it takes

Made by `python -m benchmarks.capacity` from what was measured (`end_to_end.json`, `latest.json`, `costs.json`,
`restart.json` and `phases.json` in `benchmarks/results/`); `make bench-full` and `make bench` measure again, and the
latter writes this page anew. What is marked {mark} is arithmetic beyond what was measured.

Measured on {cores} cores ({system}), Python {python}, {servers}: worker, Kafka, Redis and the generator shared
them.{shared}

## What one event costs

CPU time until the last profile is acknowledged, with every output topic on, in runs of {events} events ({runs}).

{costs}

Drawn by Zipf, a few people make most of the events, so that a batch has several of one person, which are worked on
together. Drawn evenly out of {evenly}, nearly every event is of somebody whom the worker has not in its cache. A real
day lies between. One worker took {fastest} and {slowest} events a second of the two kinds on this machine, and two took
{two} of the first. The shorter runs of `make bench` ({short}) flatter: fewer people come again when the cache has lost
them.

What an event costs must not grow with the number of people: with the same traffic and {most} people instead of
{fewest} it is {flat} times as much (`flatness_10k_1m`; `python -m benchmarks.growth` has other draws, too).

## Against the targets

{targets}

The machine is shared by worker, Kafka, Redis and the generator. Where a target is missed, this is why: the worker is
one thread of Python, and its core is busy with the rules themselves. CPU of the pure core for an event, nothing else
running:

{phases}

A profile takes some {profile_us} us: identifiers are divided into people, each one's facts are folded, judged by the
rules, compared with what was published, and written. Many events of one person in a batch are one profile. That is why
a backlog is worked off faster than a quiet stream could be, and why small batches, which latency wants, are dear. What
was tried is in the decision records: [compiling](adr/0011-not-compiled-measured.md),
[fewer objects](adr/0012-fewer-objects-on-the-hot-path.md), [fewer bytes](adr/0013-bytes-at-rest.md),
[fewer, fuller batches](adr/0014-fewer-fuller-batches.md). The rivals below leave out the rules.

## Events a second

A worker is one process on one core, and partitions bound how many can work. `idweave.changes` is keyed and must not get
more of them later, so begin with what you will need. A core is planned to be {busy} busy. Where two numbers stand, they
are for the two draws.

{rates}

- Workers, drawn by Zipf: {example}.
- Kafka writes: an event of {event} bytes and what is published for it ({published} bytes), {replicas} times each.
- Kafka disk: touchpoints of {days} days, {replicas} times, as if nothing were compressed; compacted topics grow with
  people.
- Several workers share nothing but the store, where a step is a compare-and-set on one key: two that meet at one person
  try again. That costs next to nothing where people are many; `python -m benchmarks.workers` measures up to four.

## People

A person of four identifiers and twenty events, all keys. A store is planned to be {full} full.

{people}

## Both: how many Redis shards

The larger of what the rate and what the people take.

{both}

Measured is one Redis. On a cluster a script reaches one slot, so that steps which one script carries out on a single
Redis are calls of their own there: see [what that costs](adr/0007-a-redis-cluster-slot-by-slot.md) before you plan with
it. Beyond a million people and one machine nothing was measured: take these numbers as an order of magnitude, and
measure the first tenth of your own.

## Beside what one might write instead

Programs in `benchmarks/peers/`, in the same run on the same input as the {engine} events a second above, each as good
as its framework lets it. None of them does the job: what a rival leaves out is below the table. They had their events
before they began, and the engine shared the machine with its generator. CPU is that of their own process.

![Events a second of IDWeave and of each rival](side-by-side.svg)

{rivals}

{cannot}
"""


def _kept(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return found


def made() -> str:
    """The page as the results have it now."""
    return page(*map(_kept, ("end_to_end.json", "latest.json", "costs.json", "restart.json", "phases.json")))


def main() -> None:
    """Write it."""
    PAGE.write_text(made(), encoding="utf-8")
    sys.stdout.write(f"Written: {PAGE}\n")


if __name__ == "__main__":
    main()
