"""CHANDO's month, worked through: how many fans bound a card, what they bought, and how many people took part?

`python -m benchmarks.chando` (or `make example-chando`) publishes a synthetic month, reads the people who come out with
a stock client and holds their numbers against the truth. The embedded servers are used unless --brokers and --redis
name real ones. The same seed gives the same numbers and the same picture. Exit code 1 on any difference.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chando_month import CURRENCY, DAYS, FANS_DEFAULT, START, Month, SceneCount, counted, generate, published
from benchmarks.line_chart import Line, line_chart
from benchmarks.running import Servers, fresh_engine, with_servers
from benchmarks.worked_example import example_options, save_picture, verdict
from stream.cli.console import say
from stream.demo.outputs import read_outputs


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish, read, count, compare -> the exit code."""
    asked = _arguments(arguments)
    return with_servers(asked, lambda servers: _run(asked.seed, asked.fans, asked.picture, servers))


def report(month: Month, fans: int, events: int) -> Iterator[str]:
    """The numbers, as they are printed."""
    total = month.total
    rate = month.interacting / month.people
    yield f"CHANDO's month, {START:%B %Y}, scaled: {fans:,} fans, {events:,} events sent"
    yield ""
    yield f"  fans recruited      {total.fans:>12,}"
    yield f"  cards bound         {total.bound:>12,}   {total.bound / total.fans:.1%} of the fans"
    yield f"  converted orders    {total.orders:>12,}   paid by fans who have bound a card"
    yield f"  their value         {total.value:>12,.2f}   {CURRENCY}, paid less refunded"
    yield f"  people seen         {month.people:>12,}   with any event in the month"
    yield f"  of them took part   {month.interacting:>12,}   an interaction rate of {rate:.1%}"
    yield ""
    yield f"  {'scene':<18}{'fans':>8}{'bound':>8}{'rate':>8}{'orders':>8}{'value':>14}"
    for name, one in month.scenes.items():
        yield _scene(name, one)


def picture(month: Month) -> str:
    """The month as a chart."""
    names = ("followed", "bound a card", "bought")
    lines = [Line(name, [day[at] for day in month.days]) for at, name in enumerate(names)]
    times = [f"{day + 1} May" if day % 5 == 0 else "" for day in range(DAYS)]
    step = 10 ** (len(str(month.total.fans)) - 1)
    top = -(-month.total.fans // step) * step
    title = "CHANDO's month: people who followed, bound a card and bought, up to each day"
    return line_chart(title, times, lines, top=top, text=lambda value: f"{value:,.0f}")


def _run(seed: int, fans: int, picture_file: Path | None, servers: Servers) -> int:
    events, truth = generate(seed, fans)
    with fresh_engine(servers, "idweave-chando") as run:
        seconds = run.publish(events)
        outputs = read_outputs(run.settings)
    found = counted(map(published, outputs.profiles.values()))
    say()
    for line in report(found, fans, len(events)):
        say(line)
    say()
    say(f"{len(outputs.profiles):,} people came out in {seconds:.1f} s.")
    save_picture(picture_file, picture, found)
    return verdict((found, len(outputs.profiles)), (counted(truth), len(truth)))


def _scene(name: str, one: SceneCount) -> str:
    rate = one.bound / max(one.fans, 1)
    return f"  {name:<18}{one.fans:>8,}{one.bound:>8,}{rate:>8.1%}{one.orders:>8,}{one.value:>14,.2f}"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = example_options("chando", __doc__)
    parser.add_argument("--fans", type=int, default=FANS_DEFAULT, help="how many are recruited (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
