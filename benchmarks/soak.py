"""Does a worker grow? Memory, descriptors and keys while the same people come again and again, for a long time.

`python -m benchmarks.soak [--minutes N] [--rate N] [--keep]` on a real Kafka and a real Redis of its own, one worker.
After a warm-up of a third of the time everybody has been seen and every cache is full; from there on, nothing may grow.
Exit code 1 if something does. `--keep` writes benchmarks/results/soak.json.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import machine
from benchmarks.workload import events
from tests.live.engine import Engine, Published
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer

RESULT = Path(__file__).with_name("results") / "soak.json"
PEOPLE = 2_000
EVERY_SECONDS = 5.0
GROWTH_MAX = {"memory_mib": 0.10, "descriptors": 0.10, "keys": 0.01, "threads": 0.0}
"""How much more the last third may have than the second one, as a share."""


class Sample(NamedTuple):
    """What was seen at one moment."""

    seconds: float
    events: int
    memory_mib: float
    descriptors: int
    threads: int
    keys: int


def main() -> None:
    """Run, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/soak.json")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(KafkaServer(folder / "kafka"))
        store = stack.enter_context(RedisServer(folder / "redis"))
        engine = stack.enter_context(Engine(kafka.bootstrap, store.url, "soak", folder / "engine"))
        samples = list(soak(engine, options.minutes * 60, options.rate))
        engine.settle()
    result = described(samples) | {"machine": machine()}
    said = json.dumps(result, indent=2) + "\n"
    print(said)
    if options.keep:
        RESULT.write_text(said)
    sys.exit(1 if result["grown"] else 0)


def soak(engine: Engine, seconds: float, rate: int) -> Iterator[Sample]:
    """Publish at a steady rate, and look now and then."""
    worker = engine.start_worker()
    engine.until(lambda: engine.is_ready(worker), "the worker reads")
    values = events(int(rate * seconds) + rate, PEOPLE, skewed=False, seed=3)
    began = time.monotonic()
    published = 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(rate * (passed + EVERY_SECONDS)) - published
        engine.publish(Published(None, value) for _, value in zip(range(due), values, strict=False))
        published += due
        process = Path(f"/proc/{worker.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        yield Sample(
            round(passed, 1),
            published,
            int(status["VmRSS"].split()[0]) / 1024,
            len(list((process / "fd").iterdir())),
            int(status["Threads"]),
            engine.keys(),
        )
        time.sleep(max(began + passed + EVERY_SECONDS - time.monotonic(), 0))


def described(samples: list[Sample]) -> dict[str, Any]:
    """The medians of the second and of the last third, and what has grown."""
    third = len(samples) // 3
    parts = samples[third : 2 * third], samples[2 * third :]
    before, after = (
        {name: statistics.median(getattr(one, name) for one in part) for name in GROWTH_MAX} for part in parts
    )
    return {
        "minutes": round(samples[-1].seconds / 60, 1),
        "events": samples[-1].events,
        "people": PEOPLE,
        "second_third": before,
        "last_third": after,
        "growth": {name: round(after[name] / before[name] - 1, 4) for name in GROWTH_MAX},
        "grown": [name for name, most in GROWTH_MAX.items() if after[name] > before[name] * (1 + most)],
        "samples": [one._asdict() for one in samples[:: max(len(samples) // 60, 1)]],
    }


if __name__ == "__main__":
    main()
