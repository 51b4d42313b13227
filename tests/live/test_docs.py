"""The documentation, typed in: every page's commands print what the page says, on an engine as a person runs it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.config.settings import DEMO_KEYS
from stream.servers.child_process import LOOPBACK, free_port
from tests.conftest import Broker
from tests.live.engine import ROOT, Engine
from tests.live.redis_server import RedisServer
from tests.live.terminal import HTTP, Terminal, is_printed, steps

DOCS = ROOT / "docs"
LAST_WORDS = "Ctrl-C ends all of it."
PAGE_SECONDS = 400
"""Some forty commands, each a process of its own: a quarter of a minute alone, minutes on a machine that others use."""
BY_HAND = {"make setup", ". .venv/bin/activate", "idweave up", "make run", "make test"}
"""What a page says to set up or to leave running; the test has done it its own way."""


def typed(page: Path) -> Iterator[tuple[str, str | None]]:
    """What a page says to type, without what the test has done, and what it says is printed."""
    for script, printed in steps(page.read_text()):
        lines = [line for line in script.splitlines() if line.partition("  #")[0].strip() not in BY_HAND]
        if any(line.strip() for line in lines):
            yield "\n".join(lines), printed


class Up:
    """`idweave up` in another terminal, on ports of its own."""

    def __init__(self, terminal: Terminal) -> None:
        ports = ["--broker-port", str(free_port()), "--store-port", str(free_port())]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "stream.cli", "up", *ports],
            cwd=terminal.folder,
            env=terminal.environment | {"IDWEAVE_HTTP": "127.0.0.1:0", "TMPDIR": str(terminal.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def wait_until_ready(self) -> dict[str, str]:
        """Read until it says so -> the variables that it says to export."""
        for line in self.process.stdout or ():
            self.said.append(line)
            if line.startswith(LAST_WORDS):
                return dict(re.findall(r"^  export (\w+)=(\S+)$", "".join(self.said), re.MULTILINE))
        raise AssertionError(f"it ended: {self.said}")


@pytest.mark.timeout(PAGE_SECONDS)
def test_the_tour(tmp_path: Path) -> None:
    """From `idweave up` to its end: what a person types in five minutes, and sees, and the requests of docs/http.md."""
    terminal = Terminal(tmp_path / "folder", {})
    up = Up(terminal)
    try:
        variables = up.wait_until_ready()
        assert {name: variables.pop(name) for name in DEMO_KEYS} == DEMO_KEYS
        terminal.environment |= variables
        assert "They keep everything in memory and lose it" in "".join(up.said)
        for script, printed in typed(DOCS / "tour.md"):
            terminal.play(script, printed)
        [(address, token)] = re.findall(r"http://(\S+)/#token=(\S+)", "".join(up.said))
        [(asked, _)] = steps((DOCS / "http.md").read_text())
        told = terminal.run(f"TOKEN={token}\n{asked.replace(HTTP, address)}")
        assert told.endswith("}")
        assert '"detail":"1 identifier would leave 4 identifiers behind."' in told
        assert "<svg" in (terminal.folder / "evidence.svg").read_text()
        up.process.send_signal(signal.SIGINT)
        rest, _ = up.process.communicate(timeout=30)
    finally:
        up.process.kill()
    assert (up.process.returncode, rest) == (0, "Ended. What it held is gone with it.\n")
    assert list(terminal.folder.glob("idweave-*")) == []


def test_the_readme(terminal: Terminal) -> None:
    """What it says to type prints what it says; what a person does next in the console, `make walk` does and times."""
    for script, printed in typed(ROOT / "README.md"):
        terminal.play(script, printed)
    terminal.run("idweave split openid:oX1 --id s")
    assert "not one person" in terminal.run("idweave explain mac:aa:bb:cc:00:11:22 openid:oX1")
    terminal.run("idweave undo s")


@pytest.fixture
def terminal(kafka: Broker, redis_server: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal with the variables of an engine on real servers, whose worker runs."""
    with Engine(kafka.bootstrap, redis_server.url, topic_prefix, tmp_path / "engine") as engine:
        variables = {
            "IDWEAVE_BROKERS": kafka.bootstrap,
            "IDWEAVE_REDIS_URL": redis_server.url,
            "IDWEAVE_TOPIC_PREFIX": topic_prefix,
            "IDWEAVE_REDIS_PREFIX": topic_prefix,
            **DEMO_KEYS,
        }
        worker = engine.start_worker(**variables)
        engine.until(lambda: engine.is_ready(worker), "the worker is ready")
        variables["IDWEAVE_HTTP"] = "127.0.0.1:0"  # `doctor` looks whether the address is free
        yield Terminal(tmp_path / "folder", variables, f"{LOOPBACK}:{worker.port}")


class Example:
    """An example that goes on until Ctrl-C, as a child process."""

    def __init__(self, name: str, terminal: Terminal) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own example
            [sys.executable, str(DOCS / "examples" / name)],
            env=terminal.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, words: str) -> str:
        """The next line with these words in it."""
        for line in self.process.stdout or ():
            if words in line:
                return line
        raise AssertionError(f"it ended without: {words}")

    def stop(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=30)
        assert (self.process.returncode, err) == (0, "")


def test_the_examples(terminal: Terminal) -> None:
    """Published by one, read by another, counted by a third that begins in the middle, joined by the last."""
    examples = f"{sys.executable} {DOCS / 'examples'}"
    said = terminal.run(f"{examples}/publish.py")
    assert said.count("arrived at partition") == 2
    profiles = Example("profiles.py", terminal)
    try:
        profiles.line("card main:88001234, phone 138****8000, openid main:oX1; worth {'CNY': '258.00'}")
        segments = Example("bootstrap.py", terminal)
        try:
            start = segments.line("at the start")
            terminal.run(f"{examples}/publish.py")  # again: nothing changes, for nobody
            terminal.run("idweave split openid:oX1 --id s")
            new_id = profiles.line("openid main:oX1; worth nothing yet").partition(":")[0]
            terminal.run("idweave undo s")
            assert "merged into" in profiles.line(f"{new_id}: ")
            assert start.startswith("at the start: {")
        finally:
            segments.stop()
    finally:
        profiles.stop()
    (terminal.folder / "members.csv").write_text("name,phone\nAn,138 0013 8000\nBo,+86 139 0013 9000\n")
    joined = terminal.run(f"{examples}/join.py < members.csv").splitlines()
    assert re.fullmatch(r"An: [a-z2-7]{26}, worth \{'CNY': '258.00'\}", joined[0])
    assert joined[1] == "Bo: nobody yet"


@pytest.mark.timeout(PAGE_SECONDS)
def test_the_guides(terminal: Terminal) -> None:
    """One after the other, as they would be read: what each says to type prints what it says."""
    (terminal.folder / "rules.yaml").write_text((ROOT / "rules.yaml").read_text())  # as in a clone
    for script, printed in typed(DOCS / "guides" / "publisher.md"):
        terminal.play(script, printed)
    terminal.run(f"{sys.executable} {DOCS / 'examples' / 'publish.py'}")
    for name in ("subscriber", "member-centre", "sre"):
        for script, printed in typed(DOCS / "guides" / f"{name}.md"):
            terminal.play(script, printed)


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nb\n", False),
        ("profile " + "a" * 26 + ", version 12\n", "profile " + "b" * 26 + ", version 7\n", True),
        ("2 events\n", "3 events\n", False),
    ],
)
def test_what_is_printed_is_compared(expected: str, said: str, same: bool) -> None:  # noqa: FBT001 - a table
    """Ids, versions and instants may differ, a line of dots is any lines, and everything else is the same."""
    assert is_printed(expected, said) is same
