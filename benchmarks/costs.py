"""What does an event cost that no machine changes: store steps, calls to Redis, bytes, records, Python calls?

`python -m benchmarks.costs` counts, compares with benchmarks/results/costs.json and fails (exit code 1) where something
got dearer; `make costs` writes them anew (`--keep`). A test compares them in every run, so nothing gets dearer unseen.
The same seeded events go through the pure core, batch by batch, with the clock standing still: once over the store in
memory, where steps, bytes and Python calls are counted, and once over a Redis of its own, which counts too.
Python calls are those of the core (functions, generators resumed, built-ins), and are kept for each minor version.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import redis
from msgspec import Struct

from benchmarks.figures import RESULTS, show
from benchmarks.workload import events
from resolvers.admission import Admission
from resolvers.arrivals import Arrival
from resolvers.cache import Cache
from resolvers.intake import Accepted, take_in
from resolvers.judging import Rulebook as MemberRules
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook, conflated, project
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.resolving import Resolved, resolve
from resolvers.steps import Notice, Notify, Outgoing, Protocol, Publish, Reply, Step
from sinks.carrying import carry, carry_in_memory
from sinks.memory_store import MemoryStore
from sinks.publisher import RawRecord
from sinks.redis_store import RedisStore
from stream.cli.console import complain, say
from stream.config.rules_file import PACKAGED_FILE, read_rules
from tests.live.redis_server import RedisServer
from topics.catalogue import TOUCHPOINTS
from topics.envelope import Limits
from topics.records import Record

RESULT: Final = RESULTS / "costs.json"
EVENTS: Final = 4_000
PEOPLE: Final = 1_000
BATCH: Final = 500
SEED: Final = 7
NOW_S: Final = 1_795_300_000
DEARER: Final = 0.03
"""More than this share above what was kept is dearer."""
CHEAPER: Final = 0.10
"""More than this share below it is worth keeping, so that it stays so."""
VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
RENEW: Final = "If that is meant, write the costs anew with `make costs` and commit benchmarks/results/costs.json."

Costs = dict[str, float]
"""By name, for each event."""


def batches(
    count: int = EVENTS, people: int = PEOPLE, size: int = BATCH, *, skewed: bool = True, seed: int = SEED
) -> Iterator[list[Record]]:
    """The benchmark's events as records of a log of four partitions, so many at once."""
    made = events(count, people, skewed=skewed, seed=seed, start_s=NOW_S - 86_400)
    topic = TOUCHPOINTS.full_name("idweave")
    log = [Record(topic, n % 4, n // 4, NOW_S * 1_000, None, value, ()) for n, value in enumerate(made)]
    for at in range(0, count, size):
        yield log[at : at + size]


class Core:
    """The pure core under fixed keys, rules and clock; `calls` are Python calls, counted while `counting` is so."""

    def __init__(self, *, counting: bool) -> None:
        rules, mistakes = read_rules(PACKAGED_FILE)
        assert not mistakes
        self.admission = Admission(DEFAULT_RULES, Pseudonyms(b"a key of the benchmark's own"))
        member = MemberRules(rules.rules, ZoneInfo(DEFAULT_RULES.timezone))
        self.rulebook = Rulebook(
            DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"an id key of its own", key, nth), member
        )
        self.cache = Cache()
        self.calls: Counter[str] = Counter()
        self._counting = counting

    def counted(self, what: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
        """Do some work, and count the calls in it."""
        if not self._counting:
            return work()
        number = 0

        def called(_frame: Any, event: str, _argument: Any) -> None:  # noqa: ANN401 - the interpreter's own
            nonlocal number
            if event in {"call", "c_call"}:
                number += 1

        sys.setprofile(called)
        try:
            return work()
        finally:
            sys.setprofile(None)
            self.calls[what] += number

    def stepped(self, what: str, protocol: Protocol[Any]) -> Protocol[Any]:
        """The same protocol, whose calls are counted while it thinks, and not while others answer."""

        def forward(reply: Reply) -> tuple[bool, Any]:
            try:
                return False, protocol.send(reply)
            except StopIteration as stop:
                return True, stop.value

        reply: Reply = None
        while True:
            ended, step = self.counted(what, lambda: forward(reply))  # noqa: B023 - it is called before the next round
            if ended:
                return step
            reply = yield step

    def taken(self, records: Iterable[Record]) -> list[Arrival]:
        """Decode and admit a batch."""
        found = [take_in(record, Limits(), self.admission) for record in records]
        assert all(isinstance(one, Accepted) for one in found)
        return [one.arrival for one in found if isinstance(one, Accepted)]

    def resolving(self, arrivals: Sequence[Arrival]) -> Protocol[Resolved]:
        """A batch's first half."""
        return self.stepped("resolve", resolve(arrivals, self.cache, DEFAULT_RULES))

    def projecting(self, resolved: Resolved) -> Protocol[Any]:
        """A batch's second half."""
        marks = [(one.component, one.cause.mark) for one in resolved.changed]
        notices = [Notice(one.name, one.version, mark.id, mark.source, mark.append_ms) for one, mark in marks]
        return self.stepped("project", project(conflated(notices), self.cache, self.rulebook, NOW_S * 1_000_000))


class Tally:
    """Answers a protocol from the store in memory, and counts what it is asked for."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self._store = MemoryStore(lambda: NOW_S * 1_000_000)

    def answer(self, step: Step) -> Reply:
        """The answer to one step."""
        if isinstance(step, Publish):
            self.steps["records published"] += len(step.records)
            self.sizes["bytes published"] += sum(map(_size, step.records))
            return [-1] * len(step.records)
        if isinstance(step, Notify):
            self.steps["notices"] += 1
            return None
        self.steps["steps"] += 1
        self.steps[type(step).__name__] += 1
        self.sizes["bytes to the store"] += _size(step)
        reply = self._store.execute(step)
        self.sizes["bytes from the store"] += _size(reply)
        return reply


def _size(value: object) -> int:
    """Bytes of all texts in something."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(name) + _size(one) for name, one in value.items())
    if isinstance(value, Struct):
        return sum(_size(getattr(value, name)) for name in value.__struct_fields__)
    return sum(map(_size, value)) if isinstance(value, Iterable) else 0


def offline() -> tuple[Costs, Costs]:
    """Over the store in memory: what is asked for, and Python calls."""
    core, tally, rounds = Core(counting=True), Tally(), 0

    def counting_rounds(protocol: Protocol[Any]) -> Protocol[Any]:
        nonlocal rounds
        step = next(protocol)
        while True:
            rounds += 1
            try:
                step = protocol.send((yield step))
            except StopIteration as stop:
                return stop.value

    for records in batches():
        arrivals = core.counted("take in", lambda: core.taken(records))  # noqa: B023 - called at once
        resolved = carry_in_memory(counting_rounds(core.resolving(arrivals)), tally.answer)
        carry_in_memory(counting_rounds(core.projecting(resolved)), tally.answer)
    costs = {name: number / EVENTS for name, number in sorted({**tally.steps, **tally.sizes}.items())}
    costs["rounds a batch"] = rounds * BATCH / EVENTS
    return costs, {what: number / EVENTS for what, number in core.calls.items()}


class _Outlet:
    """A publisher that takes everything."""

    async def send(self, records: Sequence[Outgoing | RawRecord]) -> list[int]:
        """Take records."""
        return [-1] * len(records)

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Take notices."""


def live(url: str) -> Costs:
    """Over a Redis that nobody else uses now: how often it is asked, and how many bytes go to and fro."""

    async def run() -> None:
        core = Core(counting=False)
        client.flushall()
        store = await RedisStore.open(url, "costs", "identity", topics="costs")
        client.config_resetstat()
        for records in batches():
            resolved = await carry(core.resolving(core.taken(records)), store, _Outlet())
            await carry(core.projecting(resolved), store, _Outlet())
        counted[:] = [client.info("commandstats"), client.info("stats")]
        await store.close()

    counted: list[dict[str, Any]] = []
    with redis.Redis.from_url(url) as client:
        asyncio.run(run())  # from here on the server knows the scripts
        asyncio.run(run())
        client.flushall()
    commands, stats = counted
    number = EVENTS / BATCH
    scripts = sum(one["calls"] for name, one in commands.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})
    return {
        "scripts a batch": scripts / number,
        "commands, those of scripts too": sum(one["calls"] for one in commands.values()) / EVENTS,
        "bytes to Redis": stats["total_net_input_bytes"] / EVENTS,
        "bytes from Redis": stats["total_net_output_bytes"] / EVENTS,
    }


class Difference(NamedTuple):
    """One that is not what was kept."""

    name: str
    kept: float
    now: float

    def __str__(self) -> str:
        return f"{self.name}: {self.now:,.2f} for each event, and {self.kept:,.2f} were kept ({self.change:+.1%})"

    @property
    def change(self) -> float:
        """By what share it is more."""
        return self.now / self.kept - 1 if self.kept else float("inf") if self.now else 0.0


def differences(kept: Mapping[str, float], now: Mapping[str, float]) -> list[Difference]:
    """What got dearer, or so much cheaper that it is worth keeping."""
    found = [Difference(name, kept.get(name, 0.0), now.get(name, 0.0)) for name in sorted({*kept, *now})]
    return [one for one in found if one.change > DEARER or one.change < -CHEAPER]


def kept_costs(path: Path = RESULT) -> dict[str, Any]:
    """What is kept."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, show, compare or keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write them anew instead of comparing")
    asked = parser.parse_args(arguments)
    steps, calls = offline()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as store:
        asked_of_redis = live(store.url)
    everything = {"in memory": steps, f"Python {VERSION} calls": calls, "Redis": asked_of_redis}
    rows = [[f"{kind}: {name}", f"{one:,.2f}"] for kind, costs in everything.items() for name, one in costs.items()]
    show("What no machine changes", ["", "an event"], rows)
    kept = kept_costs() if RESULT.exists() else {"python_calls": {}}
    if asked.keep:
        versions = {**kept["python_calls"], VERSION: _rounded(calls)}
        content = {
            "question": (__doc__ or "").splitlines()[0],
            "workload": {"events": EVENTS, "people": PEOPLE, "batch": BATCH, "seed": SEED},
            "in_memory": _rounded(steps),
            "redis": _rounded(asked_of_redis),
            "python_calls": dict(sorted(versions.items())),
        }
        RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        say(f"Kept in {RESULT}.")
        return 0
    wrong = differences(kept["in_memory"], steps) + differences(kept["redis"], asked_of_redis)
    wrong += differences(kept["python_calls"].get(VERSION, calls), calls)
    for one in wrong:
        complain(str(one))
    if wrong:
        complain(RENEW)
    return 1 if wrong else 0


def _rounded(costs: Mapping[str, float]) -> Costs:
    return {name: round(one, 4) for name, one in costs.items()}


if __name__ == "__main__":
    sys.exit(main())
