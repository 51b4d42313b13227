"""The command line as people meet it: help with examples that work, completion, and Ctrl-C from the first moment on."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stream.cli.help import OTHERS, examples
from stream.cli.main import SECTIONS, app, run

ROOT = Path(__file__).parents[2]
WRITERS = {
    "demo",
    "up",
    "worker",
    "topics create",
    "publish",
    "generate",
    "dlq resume",
}
"""Commands that answer nothing that a program would want to read."""


def tree(path: str = "", command: Any = None) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - of a vendored library
    """Every command with its path, groups too."""
    found = typer.main.get_command(app) if command is None else command
    yield path, found
    for name, below in getattr(found, "commands", {}).items():
        yield from tree(f"{path} {name}".strip(), below)


COMMANDS = dict(tree())
LEAVES = {path: one for path, one in COMMANDS.items() if not hasattr(one, "commands")}


def helped(capsys: pytest.CaptureFixture[str], path: str) -> str:
    """The help of a command."""
    assert run([*path.split(), "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_help_is_for_people(capsys: pytest.CaptureFixture[str], path: str) -> None:
    """No sentence is cut off, no name of a type stands where a word should, and lines fit a narrow terminal."""
    said = helped(capsys, path)
    text = said.partition("Example")[0]
    assert re.findall(r"\w\.\.\.$|<\w+>|int range|float range", text, re.MULTILINE) == []
    assert max(len(line) for line in text.splitlines()) <= 80
    assert f"Usage: idweave {path}".strip() in said


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_every_command_has_examples_that_it_understands(capsys: pytest.CaptureFixture[str], path: str) -> None:
    """Each is in the help as one line, and is a use of this command with options that it has."""
    lines = examples(LEAVES[path].epilog)
    assert lines
    said = helped(capsys, path).splitlines()
    for line in lines:
        assert f"  {line}" in said
        words = shlex.split(line)[1:]
        assert words[: len(path.split())] == path.split()
        LEAVES[path].make_context(path, words[len(path.split()) :])


def test_every_command_is_listed_by_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of commands has sections, and each command is in one of them."""
    said = helped(capsys, "")
    assert OTHERS not in said
    assert [title for title in SECTIONS if f"\n{title}:\n" in said] == list(SECTIONS)


def test_every_reader_speaks_json() -> None:
    """Whatever answers something has `--json`."""
    silent = {path for path, one in LEAVES.items() if not any("--json" in option.opts for option in one.params)}
    assert silent == WRITERS


def test_a_wrong_use_points_to_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Not to the list of all commands."""
    assert run(["dlq", "show"]) == 2
    assert capsys.readouterr().err == "Missing argument 'PARTITION:OFFSET'. See `idweave dlq show --help`.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands(shell: str) -> None:
    """What `--install-completion` puts into a shell asks the program, which answers with commands."""
    asked = {"_IDWEAVE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "idweave ti"}
    asked |= {"COMP_WORDS": "idweave ti", "COMP_CWORD": "1", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ended = child("import stream.cli.__main__ as program; program.main()", **asked)
    assert "timeline" in ended.stdout
    assert "publish" not in ended.stdout
    script = child("import stream.cli.__main__ as program; program.main()", _IDWEAVE_COMPLETE=f"source_{shell}")
    assert "_IDWEAVE_COMPLETE=complete_" in script.stdout


def child(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A Python process of its own that runs `code`."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")}
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, "--help"],
        env={**environment, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        check=False,
    )


INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

import stream.cli.__main__ as program
sys.meta_path.insert(0, Interrupting())
program.main()
"""


@pytest.mark.parametrize("name", ["stream.cli.main", "typer", "confluent_kafka", "stream.cli.doctor"])
def test_ctrl_c_while_modules_are_read_is_a_word(name: str) -> None:
    """The first half second is no traceback either, wherever in it Ctrl-C falls."""
    ended = child(INTERRUPTED.format(name=name))
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "Stopped.\n")


def test_ctrl_c_while_a_command_runs_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Typer is not the one to notice."""

    def interrupted(_app: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.main.get_command", interrupted)
    assert run(["--help"]) == 1


def test_a_command_does_not_wait_for_the_worker_s_modules() -> None:
    """Faust takes a quarter of a second to read, which no command but a worker has to pay."""
    ended = child("import sys, stream.cli.main; sys.exit('faust' in sys.modules)")
    assert (ended.returncode, ended.stderr) == (0, "")
