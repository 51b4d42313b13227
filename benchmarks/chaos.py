"""Does anything get lost or counted twice when everything is killed under load? Held against the input log.

`python -m benchmarks.chaos [--rate N] [--seconds N]` on a real Kafka and a real Redis of its own: two workers, events
at a steady rate, and meanwhile 20 workers killed (5 inside a union, 5 between store and notice, 5 between publishing
and its record, 5 wherever they are), a rebalance storm, the broker and the store killed and started again. Then the
oracle reads every output record, and the model says from the input log what they must come to. Exit code 1 if anything
differs. `--keep` writes benchmarks/results/chaos.json.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.figures import machine
from benchmarks.oracle import figures, watch
from benchmarks.workload import events
from tests.live.engine import Engine
from tests.live.fleet import EXIT_FAILED, KILLED, Fleet
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer
from tests.live.test_explain_and_audit import command

RESULT = Path(__file__).with_name("results") / "chaos.json"
WORKERS = 2
SETTINGS = {"IDWEAVE_KAFKA_SESSION_TIMEOUT_MS": "4000"}
"""How long a killed worker's partitions stay dead: less than by default, and enough for a machine that is this busy."""
PEOPLE = 20_000
SETTLE_SECONDS = 1800.0
LOOK_SECONDS = 0.02
INSIDE_A_UNION = ("freeze.after=kill@2", "settle.before=kill@2", "freeze.after=kill", "settle.before=kill")
BEFORE_NOTICE = ("notify.before=kill@3", "notify.before=kill@4", "notify.before=kill@2")
BEFORE_RECORD = ("complete.before=kill@4", "complete.before=kill@9", "complete.before=kill@15")
PLANS = tuple(
    plans[number % len(plans)] for number in range(5) for plans in (INSIDE_A_UNION, BEFORE_NOTICE, BEFORE_RECORD)
)


class Load:
    """Publishes at a steady rate in a thread, until told to stop. `failed`: events that the broker did not take."""

    def __init__(self, engine: Engine, brokers: str, rate: int, seconds_max: int) -> None:
        self.published = 0
        self.seconds = 0.0
        self.failed = 0
        self._topic = f"{engine.prefix}.touchpoints"
        self._rate = rate
        self._values = events(rate * seconds_max, PEOPLE, skewed=False, seed=7)
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "linger.ms": 5,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000,
                "message.timeout.ms": 120_000,
            }
        )
        self._engine = engine
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Wait until the broker has all."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for value in self._values:
            if self.published % 500 == 0:
                self._producer.poll(0)
                wait = began + self.published / self._rate - time.monotonic()
                if self._stopping.wait(max(wait, 0)):
                    break
            self._producer.produce(self._topic, value, b"%d" % (self.published % 1021), on_delivery=self._delivered)
            self.published += 1
        self._producer.flush()
        self.seconds = time.monotonic() - began

    def _delivered(self, error: Any, message: Any) -> None:  # noqa: ANN401 - the client's types
        if error is not None:
            self.failed += 1
        else:
            self._engine.has_input(message.partition(), message.offset() + 1)


class Chaos:
    """What is done, in order, while the fleet's plans are carried out by themselves."""

    def __init__(self, engine: Engine, fleet: Fleet, kafka: KafkaServer, store: RedisServer) -> None:
        self.done: list[str] = []
        self._engine = engine
        self._fleet = fleet
        self._kafka = kafka
        self._store = store
        self._rng = random.Random(5)
        self.left: list[Callable[[], None]] = [
            *(self._kill_anyone, self._kill_anyone, self._restart_store, self._kill_anyone, self._restart_broker),
            *(self._kill_anyone, *[self._storm] * 8, self._kill_anyone),
        ]

    def step(self) -> None:
        """The next thing."""
        act = self.left.pop(0)
        self.done.append(act.__name__.removeprefix("_"))
        act()

    def _kill_anyone(self) -> None:
        self._fleet.kill(self._rng.choice(self._engine.workers))

    def _restart_store(self) -> None:
        self._store.kill()
        self._store.start()

    def _restart_broker(self) -> None:
        self._kafka.kill()
        self._kafka.start()

    def _storm(self) -> None:
        """A worker leaves and another one joins."""
        self._fleet.replace(self._rng.choice(self._engine.workers))


def main() -> None:
    """Run, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=60, help="at least; it goes on until all is done to the workers")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/chaos.json")
    parser.add_argument("--folder", type=Path, help="for servers and logs, to be looked at afterwards")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(KafkaServer(folder / "kafka"))
        store = stack.enter_context(RedisServer(folder / "redis"))
        engine = stack.enter_context(Engine(kafka.bootstrap, store.url, "chaos", folder / "engine"))
        engine.patience_seconds = SETTLE_SECONDS
        result = run(engine, kafka, store, options.rate, options.seconds)
        audited = command(store.url, engine.prefix, "audit", "--patience", "60", "--json")
        result["audit"] = "whole" if audited.returncode == 0 else audited.stdout[-500:] + audited.stderr[-500:]
    said = json.dumps({**result, "machine": machine()}, indent=2) + "\n"
    print(said)
    if options.keep:
        RESULT.write_text(said)
    sys.exit(0 if is_whole(result) else 1)


def run(engine: Engine, kafka: KafkaServer, store: RedisServer, rate: int, seconds: int) -> dict[str, Any]:
    """The run -> its figures."""
    # A worker that finds no server at its start says so and ends with 1, and is started again.
    fleet = Fleet(engine, WORKERS, PLANS, (KILLED, EXIT_FAILED), SETTINGS)
    engine.until(lambda: any(engine.is_ready(worker) for worker in engine.workers), "a worker reads")
    load = Load(engine, kafka.bootstrap, rate, 4 * seconds)
    chaos = Chaos(engine, fleet, kafka, store)
    began = time.monotonic()
    every = seconds / (len(chaos.left) + 1)
    acted = began
    while load.published < rate * 4 * seconds and (chaos.left or fleet.pending or time.monotonic() - began < seconds):
        fleet.tend()
        if chaos.left and time.monotonic() - acted > every:
            chaos.step()
            acted = time.monotonic()

        time.sleep(LOOK_SECONDS)
    load.stop()
    assert not load.failed, "the broker did not take everything: nothing can be said"
    engine.settle()
    all_seconds = time.monotonic() - began
    print(f"{load.published} events in {load.seconds:.0f} s, settled after {all_seconds:.0f} s; now the oracle")
    oracle = watch(engine)
    phantoms = engine.named_profiles() - oracle.keys("profiles")
    return {
        "events": load.published,
        "published_per_second": round(load.published / load.seconds),
        "events_per_second_to_the_last_profile": round(load.published / all_seconds),
        "killed": fleet.ends[KILLED],
        "killed_at": dict(sorted(fleet.met.items())),
        "done": {name: chaos.done.count(name) for name in dict.fromkeys(chaos.done)},
        "profiles_named_but_never_told": len(phantoms),
        **figures(engine.input_log(), oracle),
    }


def is_whole(result: dict[str, Any]) -> bool:
    """Whether nothing is lost, doubled, or too much."""
    none = (
        *("people_missing", "people_phantom", "profiles_named_but_never_told"),
        "profiles_or_identities_whose_last_record_is_old",
    )
    nothing = ("wrong_versions_ids_or_offsets", "checks_failed")
    return (
        not any(result[name] for name in none + nothing)
        and not any(float(each) for name in ("facts_lost", "facts_doubled") for each in result[name].values())
        and result["audit"] == "whole"
    )


if __name__ == "__main__":
    main()
