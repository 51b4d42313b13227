"""docs/commands.md: what it shows is accepted as it stands."""

import json
import re
import shlex
from pathlib import Path

import pytest

from resolvers.admission import Admission
from resolvers.asking import ask
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from stream.cli import command as cli_command
from stream.cli.main import run
from stream.config.settings import Settings
from topics.commands import Block, Command, Erase, Merge, Split, Unbind, Unblock, Undo
from topics.records import Record

GUIDE = (Path(__file__).parents[1] / "docs" / "commands.md").read_text()


def blocks(language: str) -> list[str]:
    """The lines of the guide's blocks in a language."""
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return [line for block in found for line in block.splitlines()]


def test_its_command_lines_ask_for_what_they_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every line is read as a command, with the identifiers and options that stand there."""
    monkeypatch.chdir(tmp_path)
    asked: list[Command] = []

    def requested(command: Command, _settings: Settings, _timeout: float, *, as_json: bool) -> None:
        assert as_json == ("--json" in line)
        asked.append(command)

    monkeypatch.setattr(cli_command, "_request", requested)
    for line in blocks("bash"):
        words = shlex.split(line, comments=True)
        assert words.pop(0) == "idweave"
        assert run(words) == 0, line
    others = [Unbind, Block, Block, Unblock, Undo, Erase]
    assert [type(one) for one in asked] == [Split, Split, Merge, Undo, Undo, *others]
    assert [at for at, one in enumerate(asked) if one.dry_run] == [0, 7, 10]
    assert [one.id for one in asked[1:3]] == ["s-1", "m-1"]


def test_its_records_are_commands() -> None:
    """Every JSON line is a command whose identifiers can be read."""
    admission = Admission(DEFAULT_RULES, Pseudonyms(b"guide"))
    for at, line in enumerate(blocks("json")):
        asked = ask(Record("idweave.commands", 0, at, 0, None, line.encode(), ()), admission)
        assert asked.fault == ""
        assert asked.id == json.loads(line)["id"]
