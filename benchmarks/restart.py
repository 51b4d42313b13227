"""How soon after a crash does a worker read again, with a million people in the store?

`python -m benchmarks.restart [--people N]`. The store is filled with members (`benchmarks.crowd`), a worker is killed
(`kill -9`) while it resolves events of theirs, and another one is started, twice: when Kafka has given the dead one up,
and at once, when it still waits for it until its session ends (10 s, or IDWEAVE_KAFKA_SESSION_TIMEOUT_MS).
Measured is from starting the process to the first event resolved. Results go to benchmarks/results/restart.json.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from confluent_kafka.admin import AdminClient

from benchmarks.figures import RESULTS, Quiet, keep, show
from benchmarks.growth import fill
from benchmarks.load import BROKER_SECONDS, Load, under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from stream.cli.console import broker_list, progress_bar, say
from topics.catalogue import TOUCHPOINTS

RESULT: Final = RESULTS / "restart.json"
PEOPLE: Final = 1_000_000
EVENTS: Final = 20_000
SESSION_SECONDS: Final = 30.0


def publish(load: Load, events: int, people: int, seed: int) -> None:
    """Publish events of members, and wait until the broker has them."""
    program = [sys.executable, "-m", "benchmarks.growth", "publish", str(events), str(people), "uniform", str(seed)]
    where = [broker_list(load.settings), TOUCHPOINTS.full_name(load.settings.topic_prefix)]
    subprocess.run([*program, *where], check=True)  # noqa: S603 - our own program


def crash_and_start(load: Load, events: int, people: int, seed: int, wait: Callable[[], None]) -> float:
    """Kill the worker amid events, wait, and start another one -> seconds until it has resolved one.

    Raises:
        CommandFailedError: nothing is resolved.
    """
    [worker] = load.workers
    before = load.resolved()
    publish(load, events, people, seed)
    load.until(lambda: load.resolved() > before, "the worker is amid events")
    worker.kill()
    load.workers.remove(worker)
    wait()
    at = load.resolved()
    publish(load, events, people, seed + 1)
    began = time.monotonic()
    load.start_worker()
    seconds = load.until(lambda: load.resolved() > at, "an event is resolved after the crash") - began
    load.until(lambda: load.resolved() >= at + events, "the rest is resolved")
    return seconds


def until_empty(load: Load) -> None:
    """Wait until Kafka counts nobody to the workers' group any more.

    Raises:
        CommandFailedError: it still does after a while.
    """
    admin = AdminClient({"bootstrap.servers": broker_list(load.settings), "log_level": 0})
    group = load.settings.topic_prefix

    def is_empty() -> bool:
        described = admin.describe_consumer_groups([group], request_timeout=BROKER_SECONDS)[group]
        return not described.result(BROKER_SECONDS).members

    load.until(is_empty, "the dead worker's session ends", SESSION_SECONDS)


def measured(
    servers: Servers, people: int, events: int, progress: Callable[[int, int | None], None] = lambda _done, _of: None
) -> dict[str, Any]:
    """Both ways.

    Raises:
        CommandFailedError: a worker does not come back.
    """
    with under_load(servers, "restart", workers=0) as load:
        asyncio.run(fill(load.settings, 0, people, lambda done: progress(done, people)))
        load.start_worker()
        load.wait_until_ready()
        publish(load, events, people, 1)
        load.until(lambda: load.resolved() >= events, "the first events are resolved")
        later = crash_and_start(load, events, people, 2, lambda: until_empty(load))
        at_once = crash_and_start(load, events, people, 4, lambda: None)
    return {
        "people": people,
        "seconds_to_first_event": round(later, 2),
        "seconds_to_first_event_before_the_session_ends": round(at_once, 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--events", type=int, default=EVENTS, help="before and after each crash (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        say(f"{asked.people:,} people")
        with progress_bar("filling the store") as progress:
            found = measured(servers, asked.people, asked.events, progress)
        rows = [[name.replace("_", " "), f"{number:,}"] for name, number in found.items()]
        show("After a crash", ["", ""], rows)
        keep(asked.results, __doc__ or "", found | {"servers": servers.description}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
