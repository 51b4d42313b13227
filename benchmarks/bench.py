"""The figures by which IDWeave is judged, in under ten minutes on a quiet machine of two cores: `make bench`.

`python -m benchmarks.bench [--scale F]`. Each figure is measured by the module that has its question: end_to_end,
side_by_side, latency, memory, growth. To be done in time, runs are shorter than those of `make bench-full`: 100,000
events of skewed people, half as many with two workers, 40,000 of a million people, three times each, of which the
median counts; one run of each rival. `--scale` makes all of it smaller, for a first look, which is kept in
.cache/bench/. Figures of the whole go to benchmarks/results/latest.json as `{name: {"value", "unit"}}`, with the
machine, and docs/capacity.md and its picture are made anew from them.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import capacity, growth, latency, memory, side_by_side
from benchmarks.end_to_end import CASES, HEADER, PEOPLE, described, row, run_case
from benchmarks.figures import RESULTS, Quiet, figure, keep, show
from benchmarks.running import Servers, real_servers, server_options, with_servers
from stream.cli.console import ERR, say

RESULT: Final = RESULTS / "latest.json"
FIRST_LOOK: Final = Path(__file__).parents[1] / ".cache/bench/latest.json"
SHARES: Final = {"end_to_end_skewed": 1.0, "end_to_end_skewed_2_workers": 0.5, "end_to_end_uniform": 0.4}
EVENTS: Final = 100_000
RUNS: Final = 3
RATE: Final = 2_000.0
LATENCY_SECONDS: Final = 20.0
MEMORY_PEOPLE: Final = 4_000
GROWTH_EVENTS: Final = 20_000
GROWTH_SIZES: Final = (10_000, 1_000_000)
LEAST_EVENTS: Final = 1_000


def measure(servers: Servers, asked: argparse.Namespace, tick: Callable[[str], None]) -> tuple[dict[str, Any], str]:
    """All figures, and the picture.

    Raises:
        CommandFailedError: something failed, or what came out was wrong.
    """

    def scaled(number: float) -> int:
        return max(LEAST_EVENTS, round(number * float(asked.scale)))

    figures: dict[str, Any] = {}
    details: dict[str, Any] = {}
    people = scaled(PEOPLE)
    cases = [case._replace(share=SHARES[case.name]) for case in CASES]
    for case in cases:
        case_asked = argparse.Namespace(runs=asked.runs, events=scaled(EVENTS), people=people)
        one = details[case.name] = described(case, run_case(servers, case, case_asked, tick))
        figures[case.name] = {"value": one["value"], "unit": one["unit"]}
    show(f"End to end on {servers.description}", HEADER, [row(case, details[case.name]) for case in cases])
    engine = details["end_to_end_skewed"]
    stood = side_by_side.run_rivals(servers, people, asked.scale, tick)
    figures |= side_by_side.ratios(engine["value"], stood)
    details["side_by_side"] = side_by_side.detailed(engine, stood)
    side_by_side.table(engine, stood)
    tick(f"latency at {RATE:,.0f} events/s")
    waits = latency.measured(servers, RATE, max(2.0, LATENCY_SECONDS * min(1.0, asked.scale)), people)
    details["latency"] = waits._asdict()
    figures[f"latency_p50_ms_at_{RATE:.0f}"] = figure(waits.p50_ms, "ms")
    figures[f"latency_p99_ms_at_{RATE:.0f}"] = figure(waits.p99_ms, "ms")
    tick("memory of the store")
    details["memory"] = memory.measured(servers, max(100, round(MEMORY_PEOPLE * asked.scale)))
    figures["redis_bytes_per_person"] = figure(details["memory"]["value"], "bytes")
    sizes = [scaled(size) for size in GROWTH_SIZES]
    details["growth"] = growth.run(servers, sizes, scaled(GROWTH_EVENTS), tick, ["steady"])
    figures["flatness_10k_1m"] = figure(growth.flatness(details["growth"]), "x")
    return {**figures, "details": details}, side_by_side.picture(engine, stood)


def steps(runs: int) -> int:
    """How often `measure` says what is next."""
    return runs * len(CASES) + len(side_by_side.RIVALS) + 2 + 2 * len(GROWTH_SIZES)


@contextmanager
def ticking(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, a line with the minutes so far elsewhere, told what is next."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    began = time.monotonic()
    with Progress(*columns, TimeElapsedColumn(), console=ERR, disable=not ERR.is_terminal) as progress:
        task = progress.add_task("starting servers", total=total)
        done = -1

        def tick(doing: str) -> None:
            nonlocal done
            done += 1
            progress.update(task, completed=done, description=doing)
            if not ERR.is_terminal:
                say(f"{(time.monotonic() - began) / 60:4.1f} min  {doing}")

        yield tick


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of events and people (%(default)s)")
    parser.add_argument("--runs", type=int, default=RUNS, help="of the engine's own rates (%(default)s)")
    parser.add_argument("--results", type=Path, help="where the result is kept")
    asked = parser.parse_args(arguments)
    if asked.results is None:
        asked.results = RESULT if asked.scale == 1 else FIRST_LOOK
        asked.results.parent.mkdir(parents=True, exist_ok=True)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        began = time.monotonic()
        with ticking(steps(asked.runs)) as tick:
            found, picture = measure(servers, asked, tick)
        workload = {"events": round(EVENTS * asked.scale), "people": round(PEOPLE * asked.scale), "runs": asked.runs}
        found |= {"workload": workload, "servers": servers.description}
        rows = [[name, f"{one['value']:,}", one["unit"]] for name, one in found.items() if "value" in one]
        show("make bench", ["figure", "value", "unit"], rows)
        minutes = (time.monotonic() - began) / 60
        say(f"{minutes:.1f} minutes. Runs are sized for under ten; `make bench-full` has longer ones, and more.")
        if quiet.described().get("machine_shared"):
            say("The machine had other work: CPU seconds, bytes and counts hold, times do not.", "yellow")
        keep(asked.results, __doc__ or "", found | {"minutes": round(minutes, 1)}, quiet)
        if asked.results == RESULT:
            capacity.main()
            capacity.PICTURE.write_text(picture, encoding="utf-8")
        else:
            asked.results.with_suffix(".svg").write_text(picture, encoding="utf-8")
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
