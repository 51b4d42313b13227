"""What do merge storms cost: chains, stars and hubs, beside pairs of strangers?

`python -m benchmarks.storms [--events N]`. Each event names two identifiers, and nearly each joins two that were apart.
Pairs: two that nobody has seen. Chains: OpenIDs and numbers of tills by turns, each of a hundred linked with the next
one, in random order, so that pieces grow together; the limits let only some of these links count. Stars: a hundred
cookies of one card, of which fifty may count. Hubs: one device that two thousand phones used, which is no link any more
after twenty. Every visit must be in the profiles afterwards.
Results go to benchmarks/results/storms.json.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import RESULTS, Quiet, keep, show, shown
from benchmarks.load import under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.sample import last_profiles, require_all_visits
from benchmarks.workload import publish
from stream.cli.console import broker_list, say
from topics.codec import encode
from topics.instants import to_text

RESULT: Final = RESULTS / "storms.json"
EVENTS: Final = 20_000
SHAPES: Final = ("pairs", "chains", "stars", "hubs")
CHAIN: Final = 100
STAR: Final = 100
HUB: Final = 2_000


def links(shape: str, count: int, seed: int = 5) -> Iterator[dict[str, str]]:
    """The identifiers of `count` events."""
    rng = random.Random(seed)
    numbers = list(range(count))
    rng.shuffle(numbers)
    for n in numbers:
        match shape:
            case "chains":
                chain, link = divmod(n, CHAIN)
                even, odd = link + link % 2, link + 1 - link % 2
                yield {"openid": f"main:oC{chain:06d}L{even:03d}", "external": f"till:C{chain:06d}L{odd:03d}"}
            case "stars":
                star, ray = divmod(n, STAR)
                yield {"card": f"77{star:08d}", "cookie": f"c-{star:06d}-{ray:03d}"}
            case "hubs":
                hub, phone = divmod(n, HUB)
                yield {"phone": f"138{phone + hub * HUB:08d}", "mac": f"0c:00:00:{hub >> 8:02x}:{hub & 255:02x}:01"}
            case _:
                yield {"phone": f"136{n:08d}", "openid": f"main:oP{n:010d}"}


def values(shape: str, count: int) -> Iterator[bytes]:
    """The events of a storm."""
    start_us = time.time_ns() // 1_000 - 3_600_000_000
    for n, named in enumerate(links(shape, count)):
        data: dict[str, Any] = {"identifiers": named, "counters": {"visits": 1}}
        body = {"id": f"{shape}-{n}", "source": "/storm", "type": "page.viewed", "time": to_text(start_us + n * 1_000)}
        yield encode(body | {"data": data})


def measured(servers: Servers, shape: str, count: int) -> dict[str, Any]:
    """One storm.

    Raises:
        CommandFailedError: the run fails, or a visit is missing.
    """
    with under_load(servers, "storm") as load:
        program = [sys.executable, "-m", "benchmarks.storms", "publish", shape, str(count)]
        one = load.throughput(program, count)
        profiles = last_profiles(broker_list(load.settings), f"{load.settings.topic_prefix}.profiles")
        require_all_visits(profiles.values(), count)
    return {
        "events": count,
        "events_per_second": round(one.per_second),
        "worker_us": round(one.worker_us, 1),
        "redis_us": None if one.cpu.redis is None else round(1e6 * one.cpu.redis / one.events, 1),
        "people": len(profiles),
        "identifiers_of_the_largest": max(len(one["identifiers"]) for one in profiles.values()),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--events", type=int, default=EVENTS, help="of each storm (%(default)s)")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        found: dict[str, Any] = {}
        for shape in asked.shapes:
            say(shape)
            found[shape] = measured(servers, shape, asked.events)
        rows = [[shape, *map(shown, one.values())] for shape, one in found.items()]
        header = ["", "events", "events/s", "worker us/event", "Redis us/event", "people", "largest"]
        show("Merge storms", header, rows)
        keep(asked.results, __doc__ or "", found | {"servers": servers.description}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


def _publish(arguments: Sequence[str]) -> int:
    """Publish a storm: this program is its own generator."""
    shape, count, brokers, topic = arguments
    publish(brokers, topic, values(shape, int(count)))
    return 0


if __name__ == "__main__":
    sys.exit(_publish(sys.argv[2:]) if sys.argv[1:2] == ["publish"] else main())
