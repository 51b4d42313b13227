"""The documentation as a whole: links lead somewhere, every page can be found, every command line is one."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stream.cli.main import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"])
COMMAND = typer.main.get_command(app)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead, within the repository."""
    prose = FENCED.sub("", page.read_text())
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", one)]


def anchors(page: Path) -> set[str]:
    """The places in a page that a link can name, as forges make them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link is a file or a folder of this repository, and the place in it that it names."""
    for link in links(page):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_found() -> None:
    """From the front page of the documentation, by links alone."""
    found: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    missing = [name_of(page) for page in PAGES if page not in found and "adr" not in page.parts]
    assert set(missing) <= {"README.md", "ARCHITECTURE.md", "CHANGELOG.md"}, "Link them from docs/index.md"


def command_lines() -> Iterator[tuple[str, str]]:
    """Every line in a block for shells that begins with `idweave`, with its page."""
    for page in PAGES:
        for language, block in FENCED.findall(page.read_text()):
            if language in ("sh", "bash"):
                for line in re.findall(r"^(?:\.venv/bin/)?(idweave .+)$", block, re.MULTILINE):
                    yield name_of(page), line


@pytest.mark.parametrize(("page", "line"), sorted(set(command_lines())))
def test_a_command_line_is_one(page: str, line: str) -> None:
    """It is read by the command line as it stands: the command is there, and has these options."""
    assert page
    words = shlex.split(re.split(r" (?:[|>&]|2>)", line)[0], comments=True)[1:]
    command: Any = COMMAND
    context = typer.Context(command, info_name="idweave")
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if words == ["--help"]:
        return
    assert command is not COMMAND
    command.make_context("idweave", words, parent=context)


def test_the_chinese_quick_start_is_the_tour() -> None:
    """All that it says to type, and what is printed, is in the tour in the same order, which is typed in by a test."""
    block = re.compile(r"^```sh\n.*?^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)
    tour, chinese = (block.findall((DOCS / name).read_text()) for name in ("tour.md", "quickstart.zh.md"))
    assert len(chinese) > 5
    assert [one for one in tour if one in chinese] == chinese


def test_the_example_subscriber_keeps_the_rules() -> None:
    """What is older or known changes nothing, an id that merged away stays so, and a tombstone leaves nothing."""
    profiles = runpy.run_path(str(DOCS / "examples" / "profiles.py"))["Profiles"]()

    def record(version: int, **more: str) -> bytes:
        person = {"identifiers": [{"namespace": "card", "display": "main:1"}], "lifetime_value": {}}
        return json.dumps({"version": version, **person, **more}).encode()

    assert profiles.apply("p", record(2)) == "card main:1; worth nothing yet"
    assert (profiles.apply("p", record(2)), profiles.apply("p", record(1))) == ("known", "known")
    assert profiles.apply("p", record(3, merged_into="q")) == "merged into q"
    assert profiles.of["p"]["merged_into"] == "q"
    assert (profiles.apply("p", None), profiles.of) == ("erased", {})


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("*.svg")), ids=name_of)
def test_a_picture_stands_alone(picture: Path) -> None:
    """It says in words what it shows, can be read in the dark, and loads nothing."""
    text = picture.read_text()
    assert "<title" in text
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
