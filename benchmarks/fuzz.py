"""Do a million hostile records hurt a worker? Each is refused with its reason, its neighbours count, memory is bounded.

`python -m benchmarks.fuzz [--records N] [--seed N]`. The mutators are those of tests/fuzz, the servers real, the worker
a process of its own; one record in a hundred is an ordinary one, whose person must come out. The result goes to
benchmarks/results/fuzz.json, with the machine that it was measured on.
"""

import argparse
import json
import re
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from benchmarks.figures import RESULTS, machine
from stream.servers.child_process import LOOPBACK, ChildProcess
from tests.fuzz.corpus import MUTATORS
from tests.fuzz.hostile import CANARY, CONFIGURATION, Sent, hostile, neighbour
from tests.live.engine import Engine
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer
from topics.catalogue import TOUCHPOINTS
from topics.codec import decode
from topics.refusals import RefusalCode

NEIGHBOUR_EVERY: Final = 100
KEPT_RECORDS: Final = 1_000_000
"""The result of a run of so many is kept."""
LEAST_OF_A_CODE: Final = 1_000
RSS_MIB_MOST: Final = 1_024
"""What deploy/kubernetes asks for a worker."""
LOOK_SECONDS: Final = 1.0
TELL_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 120.0
NEIGHBOUR: Final = b"neighbour"


def records(seed: int, number: int) -> Iterator[Sent]:
    """Hostile records and their neighbours; the key of each is the name of its mutator."""
    ordinary = 0
    for at, one in enumerate(islice(hostile(seed, MUTATORS), number)):
        yield one.sent._replace(key=one.name.encode())
        if at % NEIGHBOUR_EVERY == 0:
            yield neighbour(ordinary, NEIGHBOUR)
            ordinary += 1


def publish(brokers: str, topic: str, sent: Iterator[Sent]) -> int:
    """Publish all, over the partitions in turn -> how many."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 20, "compression.type": "lz4", "acks": "all"})
    number = 0
    for number, one in enumerate(sent, 1):
        while True:
            try:
                partition = number % TOUCHPOINTS.partitions
                producer.produce(topic, one.value, one.key, partition, headers=list(one.headers))
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)
    assert producer.flush(120) == 0, "the broker has not taken everything"
    return number


def rss_mib(worker: ChildProcess) -> float:
    """The worker's memory, by its own metric."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{worker.port}/metrics", timeout=30) as answer:
        said = re.search(r"^process_resident_memory_bytes (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(said[1]) / 2**20 if said else 0.0


def work_off(engine: Engine, worker: ChildProcess, number: int) -> tuple[float, list[float]]:
    """Wait until all is resolved -> how long that took in seconds, and the worker's memory meanwhile, in MiB."""
    began = moved = told = time.monotonic()
    memory, before = [rss_mib(worker)], -1
    while (done := engine.resolved()) < number or not engine.is_idle():
        worker.require_alive()
        now = time.monotonic()
        if done != before:
            before, moved = done, now
        assert now - moved < STUCK_SECONDS or done == number, f"nothing has moved since {done}"
        memory.append(rss_mib(worker))
        if now - told > TELL_SECONDS:
            told = now
            print(f"  {done:,} of {number:,}, {memory[-1]:,.0f} MiB", flush=True)
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began, memory


def judged(engine: Engine, published: int, neighbours: int) -> dict[str, Any]:
    """What came out, held against what went in."""
    by_code: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    loud = 0
    for letter in engine.each("touchpoints.dlq"):
        headers = dict(letter.headers)
        code, name = (headers["idweave.error.code"] or b"").decode(), (letter.key or b"").decode()
        by_code[code] += 1
        expected = MUTATORS[name].code if name in MUTATORS else None
        wrong[f"{name}: {code}"] += name == NEIGHBOUR.decode() or (expected is not None and expected != code)
        loud += CANARY.encode() in (headers["__connect.errors.exception.message"] or b"")
    identities = [decode(one.value or b"") for one in engine.each("identities")]
    people = {one["token"] for one in identities if one["namespace"] == "card"}
    missing = sum(f"main:N{number}" not in people for number in range(neighbours))
    return {
        "published": published,
        "refused": dict(sorted(by_code.items())),
        "accepted": published - by_code.total(),
        "wrong_code": {name: count for name, count in wrong.items() if count},
        "messages_that_repeat_input": loud,
        "neighbours": neighbours,
        "neighbours_missing": missing,
    }


def faults(result: dict[str, Any]) -> list[str]:
    """What does not hold."""
    refused, least = result["refused"], LEAST_OF_A_CODE * result["records"] // KEPT_RECORDS
    return [
        *(f"{code}: {refused.get(code, 0)} times" for code in RefusalCode if refused.get(code, 0) < least),
        *(f"{name}: {count} times" for name, count in result["wrong_code"].items()),
        *(["a message repeats its record"] if result["messages_that_repeat_input"] else []),
        *(["neighbours are missing"] if result["neighbours_missing"] else []),
        *(["too much memory"] if result["rss_mib"]["most"] > RSS_MIB_MOST else []),
    ]


def main() -> int:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "idweave.yaml"
        config.write_text(CONFIGURATION)
        with KafkaServer(folder / "kafka") as kafka, RedisServer(folder / "redis") as store:
            described = {"broker": kafka.description, "store": store.description}
            with Engine(kafka.bootstrap, store.url, "fuzz", folder) as engine:
                topic = "fuzz.touchpoints"
                print(f"{asked.records:,} hostile records of {len(MUTATORS)} mutators, seed {asked.seed}")
                began = time.monotonic()
                published = publish(kafka.bootstrap, topic, records(asked.seed, asked.records))
                print(f"published in {time.monotonic() - began:.0f} s; now a worker", flush=True)
                worker = engine.start_worker(IDWEAVE_CONFIG=str(config))
                engine.until(lambda: engine.is_ready(worker), "the worker is ready")
                seconds, memory = work_off(engine, worker, published)
                result = {
                    "records": asked.records,
                    "seed": asked.seed,
                    "mutators": len(MUTATORS),
                    **judged(engine, published, -(-asked.records // NEIGHBOUR_EVERY)),
                    "seconds": round(seconds, 1),
                    "records_per_second": round(published / seconds),
                    "rss_mib": {
                        "at_a_quarter": round(memory[len(memory) // 4]),
                        "at_the_end": round(memory[-1]),
                        "most": round(max(memory)),
                    },
                    **described,
                    "machine": machine(),
                }
    print(json.dumps(result, indent=2))
    found = faults(result)
    if asked.records >= KEPT_RECORDS:
        (RESULTS / "fuzz.json").write_text(json.dumps(result, indent=2) + "\n")
    for one in found:
        print(f"DOES NOT HOLD: {one}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
