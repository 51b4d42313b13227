"""Do people, orders and lifetime values come out right on data that nobody here wrote?

`python -m benchmarks.real_input` imports CDNOW's purchases through Kafka and holds the published people against the
file's own totals, to the cent; then once more into a fresh store, everything delivered twice and in another order,
which must give the same contents. The embedded servers are used unless --brokers and --redis name real ones.
Exit code 1 on any difference. The result is kept in benchmarks/results/real_input.json.
"""

import argparse
import json
import platform
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis
from confluent_kafka import KafkaException

from benchmarks.cdnow import BadFileError, Customer, contents, customers, differences, read_purchases
from sinks.topics_admin import TopicsFailedError, create_topics
from stream.child_process import ServerError
from stream.cli_console import OUT, CommandFailedError, broker_list, complain, say, settings_for
from stream.cli_engine import DEMO_KEYS, remove_run
from stream.configuration import PACKAGED_FILE
from stream.demo import stopped_by_signals, without_kafka_settings, worker_process
from stream.demo_display import Display
from stream.demo_outputs import Outputs, ReadingError, read_outputs
from stream.demo_watch import Watch, WatchError
from stream.embedded import embedded_servers
from stream.mistakes import ConfigError
from stream.publishing import PublishingError, TouchpointPublisher
from stream.settings import Settings

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / ".cache/real/lifetimes/datasets/CDNOW_master.txt"
RESULT: Final = Path(__file__).parent / "results/real_input.json"
SEED: Final = 1997
STUCK_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.3  # a look asks both servers for a dozen numbers


class Servers(NamedTuple):
    """Where to import to, and what that is called."""

    brokers: str
    redis_url: str
    description: str
    embedded: bool


class Imported(NamedTuple):
    """One import: what came out of it, and how long it took from the first record published to nothing left to do."""

    name: str
    records: int
    seconds: float
    outputs: Outputs

    def summary(self, wrong: Sequence[str]) -> dict[str, Any]:
        """For the file of results."""
        return {
            "name": self.name,
            "records": self.records,
            "seconds": round(self.seconds, 1),
            "records_per_second": round(self.records / self.seconds),
            "people": len(self.outputs.profiles),
            "orders": sum(one["orders"]["count"] for one in self.outputs.profiles.values()),
            "differences": list(wrong),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, compare, say and keep what was found -> the exit code."""
    asked = _arguments(arguments)
    try:
        with stopped_by_signals(), _servers(asked.brokers, asked.redis) as servers:
            return _run(asked.file, servers, asked.results)
    except ConfigError as error:
        for mistake in error.mistakes:
            complain(str(mistake))
    except (BadFileError, CommandFailedError, ServerError) as error:
        complain(str(error))
    except (PublishingError, WatchError, ReadingError, TopicsFailedError, KafkaException, redis.RedisError) as error:
        complain(f"The import cannot go on: {error}. Look at the servers and start it again.")
    return 1


def _run(file: Path, servers: Servers, results: Path) -> int:
    purchases = read_purchases(file)
    expected = customers(purchases)
    total = sum(one.dollars for one in expected.values())
    say(f"{file.name}: {len(purchases):,} purchases of {len(expected):,} customers, ${total:,.2f}.")
    events = [purchase.event() for purchase in purchases]
    once = _import("once, in the file's order", events, servers)
    wrong_once = _wrong(once, expected)
    _tell(once, wrong_once)
    mixed = events * 2
    random.Random(SEED).shuffle(mixed)
    twice = _import("everything twice, in another order", mixed, servers)
    wrong_twice = _wrong(twice, expected)
    apart = len(contents(once.outputs.profiles.values()) ^ contents(twice.outputs.profiles.values()))
    if apart:
        wrong_twice.append(f"{apart} contents are published by one import and not by the other.")
    _tell(twice, wrong_twice)
    found = {
        "question": "Do people, orders and lifetime values come out right on CDNOW's purchases?",
        "file": file.name,
        "purchases": len(purchases),
        "customers": len(expected),
        "dollars": f"{total:.2f}",
        "servers": servers.description,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "imports": [once.summary(wrong_once), twice.summary(wrong_twice)],
    }
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(found, indent=2) + "\n")
    if wrong_once or wrong_twice:
        complain("What was published is not what the file says.")
        return 1
    say(
        "Every person, order and cent is the file's; delivering twice and in another order changes nothing.",
        "bold green",
    )
    return 0


def _import(name: str, events: list[bytes], servers: Servers) -> Imported:
    """Publish the events to fresh topics and a fresh part of the store, and wait until nothing is left to do."""
    say()
    say(f"{name[0].upper()}{name[1:]}: {len(events):,} events", "bold cyan")
    with ExitStack() as stack:
        settings = stack.enter_context(_fresh(servers))
        worker = stack.enter_context(worker_process(settings))
        watch = Watch(settings)
        stack.callback(watch.close)
        publisher = TouchpointPublisher(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
        stack.callback(publisher.stop)
        display = stack.enter_context(Display(OUT, len(events)))

        looked_at = -LOOK_SECONDS

        def is_done() -> bool:
            nonlocal looked_at
            if time.monotonic() - looked_at < LOOK_SECONDS:
                return False
            worker.require_alive()
            seen = watch.look(publisher.delivered)
            display.show(publisher.delivered, seen.resolved, seen.versions)
            looked_at = time.monotonic()
            return seen.settled and seen.resolved >= len(events)

        def look(_delivered: int) -> None:
            is_done()

        started = time.monotonic()
        publisher.publish(((None, event) for event in events), progress=look)
        if publisher.failed:
            raise PublishingError(publisher.reason)
        while not is_done():
            if time.monotonic() - watch.moved_at > STUCK_SECONDS:
                words = "\n  ".join(worker.last_log_lines())
                raise CommandFailedError(f"Nothing has moved for {STUCK_SECONDS:.0f} s. The worker says:\n  {words}")
            time.sleep(LOOK_SECONDS / 10)
        return Imported(name, len(events), watch.moved_at - started, read_outputs(settings))


def _wrong(imported: Imported, expected: dict[str, Customer]) -> list[str]:
    outputs = imported.outputs
    wrong = differences(outputs.profiles.values(), expected)
    if outputs.dead_letters:
        wrong.append(f"{outputs.dead_letters.total()} events were refused.")
    if outputs.refused or outputs.merged_away:
        wrong.append(f"{outputs.refused.total()} conflicts and {outputs.merged_away} merges where there can be none.")
    return wrong


def _tell(imported: Imported, wrong: Sequence[str]) -> None:
    profiles = imported.outputs.profiles
    orders = sum(one["orders"]["count"] for one in profiles.values())
    rate = imported.records / imported.seconds
    say(f"  {len(profiles):,} people with {orders:,} orders in {imported.seconds:.1f} s ({rate:,.0f} events/s)")
    if not wrong:
        say("  people, orders and lifetime values: equal to the file's, to the cent", "green")
    for sentence in wrong:
        complain(f"  {sentence}")


@contextmanager
def _servers(brokers: str | None, redis_url: str | None) -> Iterator[Servers]:
    """The servers that were named, or embedded ones for as long as the block runs."""
    if brokers and redis_url:
        say(f"Your servers: broker {brokers}.")
        yield Servers(brokers, redis_url, "named by --brokers and --redis", embedded=False)
        return
    if brokers or redis_url:
        raise CommandFailedError("Name both --brokers and --redis, or neither for the embedded servers.")
    with embedded_servers() as there:
        say(there.banner)
        yield Servers(there.brokers, there.redis_url, "embedded (Tansu, Valkey)", embedded=True)


@contextmanager
def _fresh(servers: Servers) -> Iterator[Settings]:
    """Settings under a prefix that nothing else uses, with topics; removed afterwards where servers live longer."""
    prefix = f"idweave-real-{secrets.token_hex(4)}"
    overrides = {
        "IDWEAVE_BROKERS": servers.brokers,
        "IDWEAVE_REDIS_URL": servers.redis_url,
        "IDWEAVE_TOPIC_PREFIX": prefix,
        "IDWEAVE_REDIS_PREFIX": prefix,
        "IDWEAVE_HTTP": "127.0.0.1:0",
        "IDWEAVE_CONFIG": str(PACKAGED_FILE),
    }
    settings = settings_for(overrides, DEMO_KEYS)
    settings = without_kafka_settings(settings) if servers.embedded else settings
    create_topics(broker_list(settings), prefix, settings.kafka_settings())
    try:
        yield settings
    finally:
        if not servers.embedded:
            remove_run(settings)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_input", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--brokers", metavar="HOST:PORT,...", help="real Kafka; with --redis")
    parser.add_argument("--redis", metavar="URL", help="real Redis; with --brokers")
    parser.add_argument("--file", type=Path, default=FILE, help="in CDNOW's format (default: what `make real` fetched)")
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
