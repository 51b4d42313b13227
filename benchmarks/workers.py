"""What do more workers bring, and what does a cluster of three stores cost, on one machine?

`python -m benchmarks.workers [--events N] [--workers 1 2 4]`. The benchmark's skewed events, by so many workers on one
Redis, and by two on a Redis Cluster of three. On a machine of few cores all of them share these with Kafka and Redis:
read what an event costs, not how many there are a second. Every visit must be in the profiles afterwards, and a sample
of people is held against the naive model. Results go to benchmarks/results/workers.json.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.end_to_end import HEADER, PEOPLE, Case, described, measured, row
from benchmarks.figures import RESULTS, Quiet, keep, show
from benchmarks.running import Servers, real_servers, real_servers_with_cluster, server_options, with_servers
from stream.cli.console import say

RESULT: Final = RESULTS / "workers.json"
EVENTS: Final = 100_000
WORKERS: Final = (1, 2, 4)
CLUSTER_WORKERS: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()
    found: dict[str, Any] = {}
    rows = []

    def on(servers: Servers, workers: int, beside: str) -> None:
        name = f"{workers} {'worker' if workers == 1 else 'workers'}{beside}"
        say(name)
        case = Case("skewed", workers, 1.0)
        found[name] = described(case, [measured(servers, case, asked.events, asked.people)])
        found[name]["servers"] = servers.description
        rows.append([name, *row(case, found[name])[1:]])

    def single(servers: Servers) -> int:
        for workers in asked.workers:
            on(servers, workers, "")
        return 0

    def cluster(servers: Servers) -> int:
        on(servers, CLUSTER_WORKERS, ", cluster of 3")
        return 0

    code = with_servers(asked, single, real_servers)
    if code == 0 and not asked.redis:
        code = with_servers(asked, cluster, real_servers_with_cluster)
    if code == 0:
        show("Skewed people, by how many work", HEADER, rows)
        keep(asked.results, __doc__ or "", found, quiet)
    return code


if __name__ == "__main__":
    sys.exit(main())
