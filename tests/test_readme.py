"""The README: what it names exists."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import typer

from resolvers.admission import Admission
from resolvers.intake import Accepted, take_in
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from stream.cli.main import app
from stream.demo.outputs import Outputs
from stream.demo.summary import Pace, sections
from stream.demo.world import PEOPLE_DEFAULT, generate
from topics.envelope import Limits
from topics.records import Record

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINES_MAX = 130


def commands() -> set[str]:
    """Every command of the command line, as it is typed."""
    found: set[str] = set()
    waiting = [("", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        below = getattr(command, "commands", {})
        waiting += [(f"{path} {name}".strip(), one) for name, one in below.items()]
        found.update({path} if path else ())
    return found


def test_it_is_short() -> None:
    """Whoever opens it reads it to the end."""
    assert len(README.splitlines()) <= LINES_MAX


@pytest.mark.parametrize("place", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_links_lead_somewhere(place: str) -> None:
    """Every link is a file or a folder of this repository."""
    assert (ROOT / place).exists()


def test_commands_exist() -> None:
    """Every `idweave ...` in it is a command, with options that the command has."""
    known = commands()
    named = re.findall(r"idweave ((?:[a-z]+ ?)+)", re.sub(r"```text.*?```", "", README, flags=re.DOTALL))
    assert named
    for text in named:
        words = text.split()
        assert words[0] in known or not words, f"idweave {text}"
    for text in re.findall(r"idweave [^\n`#]*?(--[a-z-]+)", README):
        assert text in {"--check", "--help", "--map"}


def test_its_events_are_one_person() -> None:
    """The events that it shows are accepted as they stand, and have an identifier in common."""
    events = re.findall(r"^\{.*\}$", README, re.MULTILINE)
    admission = Admission(DEFAULT_RULES, Pseudonyms(b"readme"))
    append_ms = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000)
    seen: list[set[str]] = []
    for at, line in enumerate(events):
        taken = take_in(Record("touchpoints", 0, at, append_ms, None, line.encode(), ()), Limits(), admission)
        assert isinstance(taken, Accepted)
        seen.append(set(taken.arrival.keys))
    assert len(seen) == 2
    assert len(seen[0] & seen[1]) == 1


def test_the_demo_s_output_is_what_it_prints() -> None:
    """What does not depend on the run or on the day is on the page as it is printed: the day, and who is in it."""
    [block] = [one for one in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "retail day" in one]
    world = generate(1, PEOPLE_DEFAULT, date(2026, 11, 21))
    admission = Admission(DEFAULT_RULES, Pseudonyms(b"readme"))
    said = next(sections(world, Outputs(), admission, Pace(0, 0.0, 0, 0.0, [])))
    assert f"A retail day of {PEOPLE_DEFAULT:,} people: {len(world.records):,} records to publish." in block
    assert f"\n\n{said.title}\n  {said.lines[0]}\n  {said.lines[1]}\n  ...\n" in block


def test_make_targets_exist() -> None:
    """Every `make ...` in it is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"run", "test"} <= named <= targets


def test_the_picture_can_be_read_in_the_dark() -> None:
    """The picture brings its own colours for a dark page, says in words what it shows, and loads nothing."""
    picture = (ROOT / "docs" / "overview.svg").read_text()
    assert "prefers-color-scheme: dark" in picture
    assert "<title" in picture
    assert "href" not in picture
    assert re.findall(r"https?://[^\"']+", picture) == ["http://www.w3.org/2000/svg"]
