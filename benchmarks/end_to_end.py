"""How many events a second one worker takes, and two, end to end on real Kafka and Redis on this machine.

`python -m benchmarks.end_to_end [--events N] [--people N] [--runs N]`. The generator publishes from a process of its
own while the worker works; the clock runs from the first event resolved to the last profile acknowledged. Afterwards
every visit must be in the profiles, and a sample of people is held against the naive model. Skewed: people drawn by
Zipf 1.1 out of `--people`. Uniform: evenly out of ten times as many, so that nearly every event is somebody new.
The median of the runs is kept in benchmarks/results/end_to_end.json.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.figures import RESULTS, Figure, Quiet, figure, keep, show
from benchmarks.load import Measured, under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.sample import check_engine
from benchmarks.workload import command
from stream.cli.console import broker_list, say

RESULT: Final = RESULTS / "end_to_end.json"
EVENTS: Final = 1_000_000
PEOPLE: Final = 100_000
UNIFORM_TIMES: Final = 10
"""So many times as many people are drawn evenly: a million, where a hundred thousand are drawn by Zipf."""


class Case(NamedTuple):
    """One of the ways in which it is measured. `share`: of the events, because some take longer."""

    draw: str
    workers: int
    share: float

    @property
    def name(self) -> str:
        """What the figure is called."""
        return f"end_to_end_{self.draw}" + ("" if self.workers == 1 else f"_{self.workers}_workers")


CASES: Final = (Case("skewed", 1, 1.0), Case("skewed", 2, 1.0), Case("uniform", 1, 1.0))


def measured(servers: Servers, case: Case, events: int, people: int) -> Measured:
    """One run, checked.

    Raises:
        CommandFailedError: it fails, or what comes out is wrong.
    """
    people *= UNIFORM_TIMES if case.draw == "uniform" else 1
    with under_load(servers, "bench", case.workers) as load:
        one = load.throughput(command(events, people, case.draw), events)
        settings = load.settings
        check_engine(broker_list(settings), settings.topic_prefix, settings.hash_key.reveal(), events)
    return one


def run_case(servers: Servers, case: Case, asked: argparse.Namespace, tick: Callable[[str], None]) -> list[Measured]:
    """All runs of a case, the median one last; `tick` is told what is next."""
    found = []
    for n in range(asked.runs):
        tick(f"{case.name}, run {n + 1} of {asked.runs}")
        found.append(measured(servers, case, round(asked.events * case.share), asked.people))
    return sorted(found, key=lambda one: one.per_second)


def described(case: Case, runs: Sequence[Measured]) -> dict[str, Any]:
    """Of all runs of a case: rates, and what one event costs whom."""
    spent: dict[str, list[float]] = {"worker": [], "kafka": [], "redis": []}
    for one in runs:
        for name, seconds in one.cpu._asdict().items():
            spent[name] += [] if seconds is None else [1e6 * seconds / one.events]
    return {
        **middle(runs),
        "runs": [round(one.per_second) for one in runs],
        "events_a_run": runs[0].events,
        "seconds": round(median(one.seconds for one in runs), 2),
        "notices_per_event": round(median(one.changes / one.events for one in runs), 3),
        "cpu_us_per_event": {name: round(median(all_of), 1) for name, all_of in spent.items() if all_of},
        "workers": case.workers,
    }


def middle(runs: Sequence[Measured]) -> Figure:
    """The median rate."""
    return figure(median(one.per_second for one in runs), "events/s")


def row(case: Case, one: dict[str, Any]) -> list[str]:
    """A line of the table."""
    costs = one["cpu_us_per_event"]
    return [
        case.name,
        f"{one['value']:,}",
        " ".join(f"{rate:,}" for rate in one["runs"]),
        *(f"{costs[name]:,.0f}" if name in costs else "?" for name in ("worker", "kafka", "redis")),
    ]


HEADER: Final = ["", "events/s", "of the runs", "CPU us/event: worker", "Kafka", "Redis"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--events", type=int, default=EVENTS, help="a run (%(default)s)")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        found = {case.name: described(case, run_case(servers, case, asked, say)) for case in CASES}
        show(f"End to end on {servers.description}", HEADER, [row(case, found[case.name]) for case in CASES])
        workload = {"people": asked.people, "servers": servers.description}
        keep(asked.results, __doc__ or "", found | {"workload": workload}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
