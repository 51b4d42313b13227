"""Alcon's year, worked through: an old member base comes to life. How does the share of active members grow?

`python -m benchmarks.alcon` (or `make example-alcon`) writes an old member base and old receipts as files, imports both
with `idweave import`, then publishes a year of recruiting. After every second month it looks at the people as a
subscriber of profiles and segments has them, and holds their numbers against the truth. The embedded servers are used
unless --brokers and --redis name real ones. The same seed gives the same numbers and picture. Exit code 1 on any
difference.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.alcon_year import LEGACY_DEFAULT, STARTS, Count, Member, Row, World, Year
from benchmarks.following import Follower
from benchmarks.line_chart import Line, line_chart
from benchmarks.running import Run, Servers, fresh_engine, with_servers
from benchmarks.worked_example import example_options, save_picture, verdict
from stream.cli.console import CommandFailedError, say
from stream.demo.day import environment_of

SEGMENT: Final = "legacy_not_on_wechat"
HERE: Final = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, publish, follow, compare -> the exit code."""
    asked = _arguments(arguments)
    return with_servers(asked, lambda servers: _run(asked.seed, asked.legacy, asked.picture, servers))


def report(year: Year, legacy: int) -> Iterator[str]:
    """The numbers, as they are printed."""
    yield f"Alcon's year: {legacy:,} rows of an old member base"
    yield ""
    yield f"  {'before':<14}{'members':>9}{'active':>9}{'share':>8}{'legacy, not on WeChat':>24}"
    for start, one in zip(STARTS, year.looks, strict=True):
        numbers = f"{one.members:>9,}{one.active:>9,}{_share(one):>8.1%}{one.not_on_wechat:>24,}"
        yield f"  {start:%Y-%m-%d}    {numbers}"
    new = sum(year.channels.values())
    yield ""
    yield f"  new members {new:,}, of them on the invitation of a friend {year.referred:,}"
    yield "  where they were first seen:"
    for channel, number in sorted(year.channels.items(), key=lambda one: (-one[1], one[0])):
        yield f"    {channel:<14}{number:>9,}{number / max(new, 1):>8.1%}"


def picture(year: Year) -> str:
    """The year as a chart."""
    first = year.looks[0].not_on_wechat
    lines = [
        Line("members who are active", [_share(look) for look in year.looks]),
        Line("old base not on WeChat", [look.not_on_wechat / first for look in year.looks]),
    ]
    times = [f"{start:%b %Y}" for start in STARTS]
    title = "Alcon's year: active in 365 days, and old members not found on WeChat yet"
    return line_chart(title, times, lines, top=1.0, text=lambda value: f"{value:.0%}")


def published(profile: Mapping[str, Any]) -> Member:
    """What a published profile says of the person; whether they are in the segment is told on a topic of its own."""
    membership = profile["membership"]
    return Member(
        since=_instant(membership["since"]),
        legacy=membership["legacy"],
        active_at=_instant(profile["activity"]["last_at"]),
        not_on_wechat=False,
        channel=profile["acquisition"]["first_touch"].get("channel") or "",
        referred=profile["referral"]["referred"],
    )


def _run(seed: int, legacy: int, picture_file: Path | None, servers: Servers) -> int:
    world = World(seed, legacy)
    found, expected = Year(), Year()
    started = time.monotonic()
    with fresh_engine(servers, "idweave-alcon") as run:
        follower = Follower(run.settings, published, SEGMENT)

        def look() -> None:
            follower.catch_up()
            inside = follower.segment
            found.look(one._replace(not_on_wechat=key in inside) for key, one in follower.people.items())
            expected.look(person.member() for person in world.people)

        with tempfile.TemporaryDirectory(prefix="idweave-alcon-") as folder:
            members, receipts = Path(folder) / "members.csv", Path(folder) / "receipts.csv"
            imported = _import(members, "gb18030", world.rows, HERE / "alcon.map.yaml", run)
            imported += _import(receipts, "utf-8", world.receipts, HERE / "alcon_tills.map.yaml", run)
        run.published_elsewhere(imported)
        look()
        for events in world.periods():
            run.publish(events)
            look()
        published_events = run.published
    say()
    for line in report(found, legacy):
        say(line)
    say()
    say(f"{published_events:,} events in {time.monotonic() - started:.1f} s, looked at {len(STARTS)} times.")
    save_picture(picture_file, picture, found)
    return verdict((found, len(follower.people)), (expected, len(world.people)))


def _import(file: Path, encoding: str, rows: Sequence[Row], import_map: Path, run: Run) -> int:
    """Write a file of rows and import it with the command line -> how many events came of it.

    Raises:
        CommandFailedError: the import did.
    """
    with file.open("w", encoding=encoding, newline="") as opened:
        csv.writer(opened).writerows(rows)
    say(f"idweave import {file.name} --map {import_map.relative_to(HERE.parent)}", "bold cyan")
    command = [sys.executable, "-m", "stream.cli", "import", str(file), "--map", str(import_map), "--json"]
    environment = environment_of(run.settings, 0)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise CommandFailedError("The import has failed; its words are above.")
    told = orjson.loads(done.stdout)
    say(f"  {told['rows']:,} rows: {told['published']:,} published, {sum(told['rejected'].values()):,} rejected")
    return int(told["published"])


def _share(one: Count) -> float:
    return one.active / one.members


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = example_options("alcon", __doc__)
    parser.add_argument("--legacy", type=int, default=LEGACY_DEFAULT, help="rows of the old base (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
