"""A long run: `python -m tests.simulation.long N [--first SEED] [--out FILE]`.

N runs, dealt out over worlds and weathers, each checked as in the tests. What came of it is written as JSON, with the
machine it was run on; every failure has the world, seed and weather that show it again. Exit code 1 if there is one.
"""

import argparse
import json
import platform
import sys
import time
from collections import Counter
from itertools import islice, product
from pathlib import Path
from typing import Any

from tests.simulation.checks import check, naive
from tests.simulation.parts import WEATHERS
from tests.simulation.scheduler import Simulation
from tests.simulation.worlds import WORLDS, days_of


def run_many(count: int, first_seed: int) -> dict[str, Any]:
    """Run and check; failures are listed, not raised."""
    totals: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    start = time.process_time()
    per_seed = len(WORLDS) * len(WEATHERS)
    seeds = range(first_seed, first_seed + -(-count // per_seed))
    for seed, world, weather in islice(product(seeds, WORLDS, WEATHERS), count):
        log = world.log(seed)
        totals["runs"] += 1
        try:
            outcome = Simulation(log, seed, world.rules, WEATHERS[weather], days=days_of(seed)).run()
            totals.update(turns=outcome.turns, crashes=outcome.crashes, zombies=outcome.zombies, records=len(log))
            check(outcome, log, naive(log, world.rules, outcome.sent, outcome.now))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a finding
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            failures.append({"world": world.name, "seed": seed, "weather": weather, "error": said})
    return {
        "first_seed": seeds.start,
        "seeds": len(seeds),
        **totals,
        "failures": failures,
        "cpu_seconds": round(time.process_time() - start, 1),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def main() -> int:
    """Read the arguments, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, metavar="N", help="how many runs")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the result goes; without it, to the screen")
    arguments = parser.parse_args()
    result = run_many(arguments.count, arguments.first)
    text = json.dumps(result, indent=1) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text)
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
