"""The demo, run as a person runs it: a child process on its embedded servers."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
import typer

from stream.cli.engine import ended_with
from stream.servers.embedded import embedded_servers

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "stream.cli"]
DEMO_SECONDS = 120
PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)")


def environment() -> dict[str, str]:
    """This process's, without any setting of IDWeave."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")}
    return {**ours, "PYTHONPATH": str(ROOT)}


def idweave(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Return as soon as the condition holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def lines_under(title: str, said: str) -> list[str]:
    """The indented lines of a section of the summary."""
    after = said.partition(f"\n{title}")[2]
    assert after, f"the summary has no section {title}"
    return [line.strip() for line in after.partition("\n\n")[0].splitlines()[1:]]


def test_the_demo_ends_with_people_as_the_truth_has_them(tmp_path: Path) -> None:
    """Exit 0; every record accounted for; precision and recall above 0.98; a person whole, with why it is one."""
    done = idweave(tmp_path, "demo", "--people", "300")
    said = done.stdout
    assert (done.returncode, done.stderr) == (0, ""), said
    assert "They keep everything in memory" in said
    assert re.search(r"\n3,029 records in: 2,878 events, 139 sent twice, \d+ late, 12 broken\n", said)
    for line in lines_under("365 profiles out: 283 known, 82 anonymous", said)[2:]:
        precision, recall = (float(share) for share in line.split()[1:])
        assert precision > 0.98, line
        assert recall > 0.98, line
    letters = lines_under("Dead letters, by code", said)
    assert len(letters) == 7
    assert all(line.endswith("as expected") for line in letters), letters
    assert lines_under("Lifetime value", said) == ["CNY 159,337.06 of 141 people"]
    assert any(line.startswith("unique ") for line in lines_under("Links refused, by rule", said))
    assert re.search(r"p50 \d+ ms, p99 \d+ ms", "".join(lines_under("Speed", said)))
    person = lines_under("One of them, whole", said)
    whys = lines_under("Why these identifiers are one person", said)
    held = [line for line in person[1:] if not line.startswith('"')]
    assert len(whys) == len(held) - 1 >= 1, "a tree joins all identifiers"
    assert all("together in " in line for line in whys)


def test_its_output_is_plain_and_names_nobody(tmp_path: Path) -> None:
    """In a pipe there are no control codes; nowhere is there a phone number, a traceback, or a mention of a key."""
    said = idweave(tmp_path, "demo", "--people", "20", "--seed", "7")
    text = said.stdout + said.stderr
    assert said.returncode == 0, text
    assert "\x1b" not in text
    assert "\r" not in text
    assert "Traceback" not in text
    assert "known-to-everybody" not in text
    assert PHONE.search(text) is None


def test_a_request_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle: a word at once and one at the end, exit code 1, and no server or folder is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    demo = subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "demo", "--people", "300"],
        cwd=tmp_path,
        env={**environment(), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: any(folder.glob("idweave-demo-*")), 30)  # the worker has been started
        said = next(line for line in demo.stdout or () if line.startswith("Embedded servers"))
        demo.send_signal(signal.SIGTERM)
        at_once = (demo.stderr or io.StringIO()).readline()
        assert demo.poll() is None, "it was said when all was over"
        _, err = demo.communicate(timeout=30)
    finally:
        demo.kill()
    assert demo.returncode == 1
    assert at_once.startswith("Ending: ")
    assert err.strip() == "Stopped."
    assert list(folder.iterdir()) == []
    for port in re.findall(r"127\.0\.0\.1:(\d+)", said):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0, "a server still listens"


def test_up_with_a_taken_port_says_so(tmp_path: Path) -> None:
    """Who has a broker already is told which port is taken and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = idweave(tmp_path, "up", "--broker-port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken, so the embedded broker cannot start there." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["demo", "--people", "10"], ["worker"]])
def test_missing_servers_are_a_sentence(tmp_path: Path, command: list[str]) -> None:
    """Real servers that are not there: which, where, and what to do; within the client's own patience."""
    keys = {"IDWEAVE_HASH_KEY": "a-key-of-a-test-that-is-long-enough", "IDWEAVE_ID_KEY": "another-one-that-is-long-too"}
    (tmp_path / ".env").write_text("\n".join(f"{name}={key}" for name, key in keys.items()))
    done = idweave(tmp_path, *command, "--brokers", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "No Kafka broker answers at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_ends_when_a_server_of_its_own_has_died(capsys: pytest.CaptureFixture[str]) -> None:
    """What an embedded server kept is gone with it, so `up` says which one it was and ends: 1, and no wait for it."""

    def ended(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        with embedded_servers() as there:
            os.kill(there.store.pid, signal.SIGKILL)
            with pytest.raises(typer.Exit) as how, ended_with(there):
                threading.Event().wait(30)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert how.value.exit_code == 1
    assert f"The embedded store on port {there.store.port} has stopped by itself." in capsys.readouterr().err


CUT_OFF = """
import os, signal, time
from stream.cli import engine
from stream.servers.embedded import embedded_servers
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a worker that is slow to end
engine.END_SECONDS = 0.5
with embedded_servers() as there:
    os.kill(there.broker.pid, signal.SIGKILL)
    with engine.ended_with(there):
        time.sleep(3)
        os._exit(0)  # as a worker does that was told to stop, and could not close everything
"""


def test_up_whose_worker_is_too_slow_to_end_is_cut_off_as_failed() -> None:
    """A worker that is told to stop ends with 0; where a server of this process has died, all is not well."""
    done = subprocess.run([sys.executable, "-c", CUT_OFF], capture_output=True, text=True, check=False, timeout=40)  # noqa: S603
    assert done.returncode == 1
    assert "has stopped by itself" in done.stderr
