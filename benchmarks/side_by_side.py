"""How far ahead is the engine of what one might write instead? Rivals on the same input, in the same run.

`python -m benchmarks.side_by_side [--scale F]`. The rivals are in benchmarks/peers/, each with what it cannot do in its
first lines. Each gets the first events of the same generator (as many as it does in some ten seconds), all of them
published before it starts, while the engine shares the machine with its generator. Events a second and CPU seconds are
the rival's own, from its first event to its last record acknowledged. Afterwards a sample of people is held against
the naive model. Quix and Pathway run in an environment of their own: `make bench` makes it, and without it they are
left out. Results go to benchmarks/results/side_by_side.json, and a picture to benchmarks/results/side_by_side.svg.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, NamedTuple

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.bar_chart import Bar, bar_chart
from benchmarks.end_to_end import CASES, PEOPLE, described, measured
from benchmarks.figures import RESULTS, Quiet, figure, keep, show
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.sample import check_labels, check_rival, read
from benchmarks.workload import command
from stream.cli.console import CommandFailedError, complain, say
from stream.servers.redis_client import stock_client

RESULT: Final = RESULTS / "side_by_side.json"
ROOT: Final = Path(__file__).resolve().parents[1]
APART: Final = ROOT / ".cache/peers/bin/python"
HASH_KEY: Final = "the-key-of-a-benchmark-that-everybody-knows"
PARTITIONS: Final = 4
SECONDS: Final = 180.0


class Rival(NamedTuple):
    """A program in benchmarks/peers/. `events`: about as many as it does in ten seconds. `apart`: where it runs."""

    name: str
    title: str
    module: str
    events: int
    checked: str
    apart: bool = False


RIVALS: Final = (
    Rival("plain_faust", "Faust, event by event", "faust_plain", 10_000, "people"),
    Rival("batched_faust", "Faust, with take", "faust_batched", 40_000, "people"),
    Rival("quix", "Quix Streams", "quix", 60_000, "people", apart=True),
    Rival("networkx", "networkx", "networkx_batch", 30_000, "people"),
    Rival("pathway", "Pathway", "pathway_components", 15_000, "labels", apart=True),
    Rival("ceiling", "bytes passed on", "passing", 300_000, "records"),
)


class Stood(NamedTuple):
    """How a rival did."""

    events: int
    seconds: float
    cpu_seconds: float
    sample: str

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def run_rival(servers: Servers, rival: Rival, events: int, people: int) -> Stood:
    """Give a rival its events, let it work, and look at what it made of them.

    Raises:
        CommandFailedError: it fails, or somebody is wrong.
    """
    prefix = f"peer-{rival.module.replace('_', '-')}-{token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": servers.brokers})
    topics = [NewTopic(f"{prefix}.{name}", PARTITIONS, 1) for name in ("touchpoints", "profiles")]
    for waiting in admin.create_topics(topics).values():
        waiting.result(SECONDS)
    subprocess.run(  # noqa: S603 - our own program
        [*command(events, people, "skewed"), servers.brokers, f"{prefix}.touchpoints"], check=True
    )
    try:
        told = _told(servers, rival, prefix, events)
    finally:
        with stock_client(servers.redis_url, SECONDS) as store:
            keys = list(store.scan_iter(f"{prefix}:*", count=10_000))
            for at in range(0, len(keys), 1_000):
                store.unlink(*keys[at : at + 1_000])
    if told["events"] != events:
        raise CommandFailedError(f"{rival.module} read {told['events']:,} of {events:,} events.")
    return Stood(events, told["seconds"], told["cpu_seconds"], _checked(servers.brokers, rival, prefix, events))


def _told(servers: Servers, rival: Rival, prefix: str, events: int) -> dict[str, Any]:
    """What the rival says of itself."""
    python = str(APART) if rival.apart else sys.executable
    program = [python, "-m", f"benchmarks.peers.{rival.module}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATHWAY_LICENSE_KEY": "", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [*program, servers.brokers, servers.redis_url, prefix, str(events), HASH_KEY],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{rival.module} was not done after {SECONDS:.0f} s.") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise CommandFailedError(f"{rival.module} ended with exit code {done.returncode}: {done.stderr.strip()[-600:]}")
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def _checked(brokers: str, rival: Rival, prefix: str, events: int) -> str:
    if rival.checked == "people":
        return check_rival(brokers, prefix, HASH_KEY)
    if rival.checked == "labels":
        return check_labels(brokers, prefix, HASH_KEY)
    passed = sum(1 for _ in read(brokers, f"{prefix}.profiles"))
    if passed != events:
        raise CommandFailedError(f"{rival.module} passed {passed:,} of {events:,} records on.")
    return "every record passed on"


def cannot(rival: Rival) -> str:
    """What a rival cannot do, in the words of its first lines."""
    text = (Path(__file__).parent / "peers" / f"{rival.module}.py").read_text(encoding="utf-8")
    said = text.split('"""')[1]
    return " ".join(said[said.index("It ") :].split())


def run_rivals(
    servers: Servers, people: int, scale: float, tick: Callable[[str], None], rivals: Sequence[Rival] = RIVALS
) -> dict[str, Stood]:
    """All that can be run here; `tick` is told which is next."""
    found = {}
    for rival in rivals:
        tick(f"rival: {rival.module}")
        if rival.apart and not APART.exists():
            complain(f"{rival.module} is left out: its environment, .cache/peers, is made by `make peers`.", "yellow")
            continue
        found[rival.name] = run_rival(servers, rival, max(1_000, round(rival.events * scale)), people)
    return found


def ratios(engine_per_second: float, stood: Mapping[str, Stood]) -> dict[str, Any]:
    """The engine's rate by that of each; of the ceiling too: how much of it the engine reaches."""
    return {f"ratio_{name}": figure(engine_per_second / one.per_second, "x") for name, one in stood.items()}


def detailed(engine: Mapping[str, Any], stood: Mapping[str, Stood]) -> dict[str, Any]:
    """Everybody's figures, for the result."""
    rivals = {rival.name: rival for rival in RIVALS}
    return {
        name: {
            **figure(one.per_second, "events/s"),
            "title": rivals[name].title,
            "events": one.events,
            "seconds": round(one.seconds, 2),
            "cpu_us_per_event": round(1e6 * one.cpu_seconds / one.events, 1),
            "engine_is_times": round(engine["value"] / one.per_second, 2),
            "sample": one.sample,
            "cannot": cannot(rivals[name]),
        }
        for name, one in stood.items()
    }


def table(engine: Mapping[str, Any], stood: Mapping[str, Stood]) -> None:
    """Show everybody."""
    rows = [
        [
            "IDWeave, one worker",
            f"{engine['value']:,}",
            f"{engine['cpu_us_per_event']['worker']:,.0f}",
            "1",
            "all of it",
        ]
    ]
    titles = {rival.name: rival.title for rival in RIVALS}
    for name, one in stood.items():
        rate, cpu = f"{one.per_second:,.0f}", f"{1e6 * one.cpu_seconds / one.events:,.0f}"
        rows.append([titles[name], rate, cpu, f"{engine['value'] / one.per_second:,.2f}", one.sample])
    show("Side by side, skewed people", ["", "events/s", "CPU us/event", "IDWeave is x times", "sample"], rows)


def picture(engine: Mapping[str, Any], stood: Mapping[str, Stood]) -> str:
    """Bars, as SVG."""
    bars = [Bar("IDWeave, one worker", engine["value"], ours=True)]
    bars += [Bar(rival.title, stood[rival.name].per_second) for rival in RIVALS if rival.name in stood]
    return bar_chart(
        "Events a second on the same input, on a machine of two cores", bars, text=lambda one: f"{one:,.0f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--events", type=int, default=100_000, help="of the engine (%(default)s)")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--scale", type=float, default=1.0, help="of the rivals' numbers of events")
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        say("IDWeave")
        engine = described(CASES[0], [measured(servers, CASES[0], asked.events, asked.people)])
        stood = run_rivals(servers, asked.people, asked.scale, say)
        table(engine, stood)
        found = {"engine": engine, **detailed(engine, stood), "servers": servers.description}
        keep(asked.results, __doc__ or "", found, quiet)
        asked.results.with_suffix(".svg").write_text(picture(engine, stood), encoding="utf-8")
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
