"""Where does an event's CPU go: taking in, resolving, projecting, by how many events are worked on together?

`python -m benchmarks.phases [--events N]`. The pure core over the store in memory, with the packaged rules, so that
nothing is waited for and no server shares the machine: small batches are what a quiet stream makes, large ones a
backlog. CPU time of this process, without what the collector of garbage takes between batches; "store" is that of the
store in memory, and stands for no real one. Results go to benchmarks/results/phases.json.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.costs import NOW_S, Core, batches
from benchmarks.figures import RESULTS, Quiet, keep, show
from resolvers.steps import Notify, Publish, Reply, Step
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from stream.cli.console import progress_bar
from stream.garbage import collect_between_batches, spare_the_collector
from topics.records import Record

RESULT: Final = RESULTS / "phases.json"
EVENTS: Final = 40_000
PEOPLE: Final = {"skewed": 100_000, "uniform": 1_000_000}
BATCHES: Final = (16, 250, 16_000)
SEED: Final = 5
PHASES: Final = ("take in", "resolve", "project", "store")


class Clock:
    """CPU seconds by phase."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PHASES, 0.0)
        self._store = MemoryStore(lambda: NOW_S * 1_000_000)
        self._published = 0

    def timed(self, phase: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
        """Do some work; what the store takes meanwhile is not the phase's."""
        store, began = self.spent["store"], time.process_time()
        done = work()
        self.spent[phase] += time.process_time() - began - (self.spent["store"] - store)
        return done

    def answer(self, step: Step) -> Reply:
        """The answer to one step, by a store in memory and a broker that takes everything."""
        if isinstance(step, Publish):
            self._published += len(step.records)
            return list(range(self._published - len(step.records), self._published))
        if isinstance(step, Notify):
            return None
        began = time.process_time()
        reply = self._store.execute(step)
        self.spent["store"] += time.process_time() - began
        return reply


def _worked_on(records: Sequence[Record], core: Core, clock: Clock) -> int:
    """Work on a batch -> how many components had to be projected."""
    arrivals = clock.timed("take in", lambda: core.taken(records))
    resolved = clock.timed("resolve", lambda: carry_in_memory(core.resolving(arrivals), clock.answer))
    clock.timed("project", lambda: carry_in_memory(core.projecting(resolved), clock.answer))
    return len({one.component.name for one in resolved.changed})


def measured(draw: str, count: int, batch: int, progress: Callable[[int, int | None], None]) -> dict[str, float]:
    """CPU microseconds an event by phase, of all of them, and how many components an event had to be projected."""
    core, clock, notices = Core(counting=False), Clock(), 0
    waiting = list(batches(count, PEOPLE[draw], batch, skewed=draw == "skewed", seed=SEED))
    spare_the_collector()  # as a worker does
    gc.collect()
    gc.freeze()
    for number, records in enumerate(waiting):
        notices += _worked_on(records, core, clock)
        collect_between_batches()
        progress(number * batch + len(records), count)
    each = {phase: round(1e6 * clock.spent[phase] / count, 1) for phase in PHASES}
    return {**each, "all but the store": round(sum(each.values()) - each["store"], 1), "projected": notices / count}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()
    found: dict[str, Any] = {}
    for draw in PEOPLE:
        for batch in BATCHES:
            with progress_bar(f"{draw}, {batch:,} at once") as progress:
                found[f"{draw} {batch}"] = measured(draw, asked.events, batch, progress)
    header = ["people, events at once", *PHASES, "all but the store", "projected"]
    show("CPU us an event", header, [[name, *(f"{one:,.3g}" for one in row.values())] for name, row in found.items()])
    keep(asked.results, __doc__ or "", {**found, "events": asked.events}, quiet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
