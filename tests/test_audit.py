"""The audit of dependencies: it reads every lock, tells a finding from silence, and accepts nothing for ever."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import audit
from benchmarks.audit import COULD_NOT_ASK, LOCKS, Acceptance, LockError, Package, locked, main, open_ones

ROOT = Path(__file__).parents[1]
VULNERABLE = "h11"


class Database(BaseHTTPRequestHandler):
    """Knows an advisory on one package."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012 - of the class, so that the test sees it

    def do_POST(self) -> None:
        """Answer as OSV does."""
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.asked.extend(queries)
        known = [{"vulns": [{"id": "X-1"}]} if one["package"]["name"] == VULNERABLE else {} for one in queries]
        body = json.dumps({"results": known}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the standard library's
        """Say nothing."""


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database on loopback."""
    server = HTTPServer(("127.0.0.1", 0), Database)
    monkeypatch.setenv("IDWEAVE_AUDIT_DATABASE", f"http://127.0.0.1:{server.server_port}/")
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize("name", LOCKS)
def test_locks_lock(name: str) -> None:
    """Every package of every lock has one version and digests; so no other file can come in its place."""
    packages = locked((ROOT / name).read_text())
    assert packages
    assert set(LOCKS) == {path.name for path in ROOT.glob("requirements*.lock")}


@pytest.mark.parametrize("line", ["h11>=0.16", "h11==0.16.0", "h11 @ file:///h11.whl", "-e ."])
def test_what_does_not_lock_is_named(line: str) -> None:
    """A range, a version without digest, a file."""
    with pytest.raises(LockError, match="not locked to a version and a digest"):
        locked(f"# a lock\n{line}\n")


def test_a_finding_fails_and_names_the_package(
    database: None,  # noqa: ARG001 - it is there
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names and versions go out and nothing else; what is accepted passes until its day."""
    assert main() == 1
    assert f"{VULNERABLE} 0." in capsys.readouterr().out
    assert {*Database.asked[0]} == {"package", "version"}
    monkeypatch.setattr(audit, "ACCEPTED", {"X-1": Acceptance("a test", date(9999, 1, 1))})
    assert main() == 0
    assert "none has an open advisory" in capsys.readouterr().out


def test_an_acceptance_ends() -> None:
    """On its last day it holds, on the next it is looked at again."""
    found = {Package("h11", "0.16.0"): ["X-2"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "ACCEPTED", {"X-2": Acceptance("a test", date(2026, 1, 1))})
        assert open_ones(found, date(2026, 1, 1)) == []
        assert "was accepted until 2026-01-01" in open_ones(found, date(2026, 1, 2))[0]


def test_silence_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a network it says so, by an exit code of its own."""
    monkeypatch.setenv("IDWEAVE_AUDIT_DATABASE", "http://127.0.0.1:9/")
    assert main() == COULD_NOT_ASK
    assert "could not be asked" in capsys.readouterr().out
