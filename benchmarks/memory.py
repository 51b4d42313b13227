"""How much memory of the store does a person take: four identifiers, twenty events, all keys?

`python -m benchmarks.memory [--people N]`. Twenty events a person on average, drawn evenly, as they come from the
benchmark's generator, through a worker; then what the store has more in memory than before, by the number of people.
Results go to benchmarks/results/memory.json.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import RESULTS, Figure, Quiet, figure, keep, show
from benchmarks.load import Load, under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.workload import command
from sinks.keys import Keys
from stream.cli.console import say

RESULT: Final = RESULTS / "memory.json"
PEOPLE: Final = 10_000
EVENTS_EACH: Final = 20


def measured(servers: Servers, people: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Bytes a person, and how they are divided among kinds of keys.

    Raises:
        CommandFailedError: the run fails.
    """
    with under_load(servers, "memory") as load:
        before = _used_bytes(load)
        load.throughput(command(people * EVENTS_EACH, people, "uniform"), people * EVENTS_EACH, progress)
        each: Figure = figure((_used_bytes(load) - before) / people, "bytes")
        kinds = _by_kind(load)
    return {
        **each,
        "people": people,
        "events_per_person": EVENTS_EACH,
        "keys_alone": {kind: round(size / people) for kind, size in kinds.most_common()},
    }


def _used_bytes(load: Load) -> int:
    load.store.memory_purge()
    return int(load.store.info("memory")["used_memory"])


def _by_kind(load: Load) -> "Counter[str]":
    """Bytes of keys and values by the first part of a key's name, without what the server adds for its table."""
    prefix = Keys(load.settings.redis_prefix).position("", 0).partition(":pos:")[0]
    found: Counter[str] = Counter()
    keys = list(load.store.scan_iter(f"{prefix}:*", count=1_000))
    for at in range(0, len(keys), 1_000):
        asking = load.store.pipeline(transaction=False)
        for key in keys[at : at + 1_000]:
            asking.memory_usage(key, samples=0)
        for key, size in zip(keys[at : at + 1_000], asking.execute(), strict=True):
            found[key.decode().removeprefix(f"{prefix}:").partition(":")[0]] += size or 0
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        say(f"{asked.people * EVENTS_EACH:,} events of {asked.people:,} people")
        found = measured(servers, asked.people)
        rows = [["all, by the server", f"{found['value']:,}"]]
        rows += [[f"keys {kind}:", f"{size:,}"] for kind, size in found["keys_alone"].items()]
        show("The store's memory", ["", "bytes a person"], rows)
        keep(asked.results, __doc__ or "", found | {"servers": servers.description}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
