"""How right are the people? Precision and recall per policy on the synthetic retail day, whose truth is known.

Run from the root: `python -m benchmarks.truth [--people N] [--seed N]`. Every record goes through the engine's pure
core (intake, resolve, people) over the store in memory, once per policy; beside the policies stand the two that anyone
would try first, linking everything and linking by phone only. Recall is over pairs that some evidence joins.
Results go to benchmarks/results/truth.json.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final, get_args

from msgspec.structs import replace
from rich.progress import track

from benchmarks.figures import machine
from resolvers.admission import Admission
from resolvers.arrivals import Arrival
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.intake import Accepted, take_in
from resolvers.namespaces import DEFAULT_RULES, Policy
from resolvers.people import people
from resolvers.pseudonyms import Pseudonyms
from resolvers.resolving import resolve
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from stream.demo.truth import Quality, link_everything, quality, same_phone_only
from stream.demo.world import PEOPLE_DEFAULT, World, generate
from topics.envelope import Limits
from topics.records import Record

RESULT: Final = Path(__file__).with_name("results") / "truth.json"
DAY: Final = date(2026, 11, 21)
APPENDED_MS: Final = 1_795_300_000_000
"""Append time of the first record: after the day, whose events are then at most late."""
BATCH: Final = 500


def measured(world: World) -> dict[str, Quality]:
    """The two simple ways, and the engine under each policy."""
    found = {
        "link everything": quality(link_everything(world.truth, world.observed), world.truth, world.observed),
        "same phone only": quality(same_phone_only(world.truth, world.observed), world.truth, world.observed),
    }
    for policy in track(get_args(Policy), "policies"):
        found[policy] = quality(resolved(world, policy), world.truth, world.observed)
    return found


def resolved(world: World, policy: Policy) -> dict[str, str]:
    """Identifier as the truth writes it -> the holder of the person whom the engine gives it to."""
    rules = replace(DEFAULT_RULES, policy=policy)
    admission = Admission(rules, Pseudonyms(b"a key of the benchmark's own"))
    store, cache = MemoryStore(), Cache()
    arrivals = list(_arrivals(world, admission))
    for at in range(0, len(arrivals), BATCH):
        carry_in_memory(resolve(arrivals[at : at + BATCH], cache, rules), store.execute)
    holder: dict[str, str] = {}
    for name, fields in store.content.components.items():
        component = Component.parse(name, fields)
        if component.moved_to is None:
            holder.update(
                {key: one.holder for one in people(component, rules, now_us=0).persons for key in one.members}
            )
    return world.found(holder, admission)


def _arrivals(world: World, admission: Admission) -> Iterator[Arrival]:
    """The accepted records, as they would lie on one partition."""
    for offset, one in enumerate(world.records):
        taken = take_in(Record("t", 0, offset, APPENDED_MS + offset, one.key, one.value, ()), Limits(), admission)
        if isinstance(taken, Accepted):
            yield taken.arrival


def main() -> None:
    """Measure, show and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE_DEFAULT)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    world = generate(options.seed, options.people, DAY)
    found = measured(world)
    for name, one in found.items():
        figures = "  ".join(f"{figure.replace('_', ' ')} {share:.4f}" for figure, share in one._asdict().items())
        print(f"{name:16}  {figures}")
    described = {
        "quality": {
            name: {figure: round(share, 4) for figure, share in one._asdict().items()} for name, one in found.items()
        },
        "world": {"people": options.people, "seed": options.seed, "day": str(DAY), "records": len(world.records)},
        "machine": machine(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
