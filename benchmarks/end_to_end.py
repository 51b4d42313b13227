"""How many events a second one worker, and two, take end to end on real Kafka and Redis on this machine.

`python -m benchmarks.end_to_end [--events N] [--people N]`. The generator publishes from a process of its own while
the worker works; the clock runs from the first event resolved to the last profile acknowledged. Afterwards the
published totals are held against the generator's. Results go to benchmarks/results/latest.json with a description of
the machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from sinks.topics_admin import create_topics
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer
from topics.codec import decode

RESULTS = Path(__file__).with_name("results")
SECONDS_MAX = 240
READY_SECONDS = 60


class Run:
    """One worker and one generator on fresh topics and keys."""

    def __init__(self, brokers: str, redis_url: str) -> None:
        self.prefix = f"bench-{uuid4().hex[:8]}"
        self._brokers = brokers
        self._redis = redis.Redis.from_url(redis_url)
        self._consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"{self.prefix}-ends"})
        self._environment = {
            **os.environ,
            "IDWEAVE_BROKERS": brokers,
            "IDWEAVE_REDIS_URL": redis_url,
            "IDWEAVE_TOPIC_PREFIX": self.prefix,
            "IDWEAVE_REDIS_PREFIX": self.prefix,
            "IDWEAVE_HASH_KEY": "benchmark-hash-key-benchmark-hash-key",
            "IDWEAVE_ID_KEY": "benchmark-id-key-benchmark-id-key-bench",
            "IDWEAVE_HTTP": "127.0.0.1:0",
        }
        create_topics(brokers, self.prefix, {})

    def throughput(self, events: int, people: int, draw: str, workers: int = 1) -> dict[str, float]:
        """Events a second, and the workers' CPU seconds."""
        command = [sys.executable, "-m", "stream.cli", "worker"]
        running = [
            subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
            for _ in range(workers)
        ]
        try:
            self._wait_for_group(running)
            generator = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-m", "benchmarks.workload", self._brokers, f"{self.prefix}.touchpoints"),
                    *(str(events), str(people), draw, "1"),
                ]
            )
            started = self._until(running, lambda: self._stored("touchpoints") > 0)
            before = self._stored("touchpoints")
            self._until(running, lambda: self._stored("touchpoints") >= events)
            ended = self._until(running, lambda: self._stored("changes") >= self._ends("changes"))
            if generator.wait() != 0:
                sys.exit(f"the generator ended with exit code {generator.returncode}")
            cpu_seconds = sum(_cpu_seconds(worker.pid) for worker in running)
        finally:
            for worker in running:
                worker.terminate()
            for worker in running:
                worker.wait(30)
        seconds = ended - started
        self._check(events)
        self._forget()
        return {"events_per_second": (events - before) / seconds, "seconds": seconds, "worker_cpu_seconds": cpu_seconds}

    def _wait_for_group(self, workers: "list[subprocess.Popen[bytes]]") -> None:
        """Workers are ready when the store is opened and they had time to join the group."""
        self._until(workers, lambda: bool(self._redis.exists(f"{self.prefix}:meta")))
        time.sleep(4 + 2 * len(workers))

    def _until(self, workers: "list[subprocess.Popen[bytes]]", done: Any) -> float:  # noqa: ANN401 - a predicate
        deadline = time.monotonic() + SECONDS_MAX
        while not done():
            for worker in workers:
                if worker.poll() is not None:
                    sys.exit(f"a worker ended with exit code {worker.returncode}")
            if time.monotonic() > deadline:
                sys.exit(f"not done after {SECONDS_MAX} seconds")
            time.sleep(0.02)
        return time.monotonic()

    def _stored(self, topic: str) -> int:
        positions = self._redis.mget([f"{self.prefix}:pos:{self.prefix}.{topic}:{n}" for n in range(4)])
        return sum(int(position or 0) for position in positions)

    def _ends(self, topic: str) -> int:
        partitions = [TopicPartition(f"{self.prefix}.{topic}", n) for n in range(4)]
        return sum(self._consumer.get_watermark_offsets(one, timeout=10)[1] for one in partitions)

    def _check(self, events: int) -> None:
        """Every event adds one visit to one person: so many there must be in the last profiles."""
        visits: dict[bytes, int] = {}
        for partition in range(4):
            place = TopicPartition(f"{self.prefix}.profiles", partition, OFFSET_BEGINNING)
            end = self._consumer.get_watermark_offsets(place, timeout=10)[1]
            self._consumer.assign([place])
            at = 0
            while at < end:
                for message in self._consumer.consume(5_000, timeout=10):
                    profile = decode(message.value())
                    visits[message.key()] = profile.get("counters", {}).get("visits", 0)
                    at = message.offset() + 1
        if sum(visits.values()) != events:
            sys.exit(f"{events} events went in, and the profiles tell of {sum(visits.values())}")

    def _forget(self) -> None:
        for key in self._redis.scan_iter(f"{self.prefix}:*", count=10_000):
            self._redis.unlink(key)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(KafkaServer(folder / "kafka"))
        store = stack.enter_context(RedisServer(folder / "redis"))
        results: dict[str, Any] = {}
        for draw, workers in (("skewed", 1), ("skewed", 2), ("uniform", 1)):
            runs = [
                Run(kafka.bootstrap, store.url).throughput(options.events, options.people, draw, workers)
                for _ in range(options.runs)
            ]
            figures = sorted(run["events_per_second"] for run in runs)
            cpu = statistics.median(run["worker_cpu_seconds"] for run in runs)
            name = f"end_to_end_{draw}" + ("" if workers == 1 else f"_{workers}_workers")
            print(f"{name}: {[round(one) for one in figures]} events/s, worker CPU {cpu:.1f} s a run")
            results[name] = {"value": round(statistics.median(figures)), "unit": "events/s"}
    RESULTS.mkdir(exist_ok=True)
    described = {**results, "machine": machine(), "workload": {"events": options.events, "people": options.people}}
    (RESULTS / "latest.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(described, indent=2))


if __name__ == "__main__":
    main()
