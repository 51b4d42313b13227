"""The Makefile: it sets up once, and what goes wrong on a strange machine is a sentence that says what to do."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make") or "make"


def make(
    target: str, venv: Path, python: str = sys.executable, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run `make target` with an environment folder of the test's own; exit code and everything it said."""
    command = [MAKE, target, f"VENV={venv}", f"PYTHON={python}"]
    environment = {"PATH": "/usr/bin:/bin", **(variables or {})}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment whose Python runs, but whose pip always fails, as without a network."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text('#!/bin/sh\nif [ "$1" = -m ]; then echo "no such host" >&2; exit 1; fi\n')
    python.chmod(0o755)
    return folder


def stamp(venv: Path, lock: str) -> Path:
    """Mark `lock` and pyproject.toml as what was installed last."""
    installed = venv / f"{lock}.installed"
    installed.write_bytes((ROOT / lock).read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return installed


def test_no_python_is_a_sentence(tmp_path: Path) -> None:
    """Without a Python that is new enough, it says which were tried and how to name another."""
    code, said = make("setup", tmp_path / "venv", python="python2.0 python3.1")
    assert code != 0
    assert "needs Python 3.11 or newer, and none of these is: python2.0 python3.1." in said


def test_python_without_venv_is_a_sentence(tmp_path: Path) -> None:
    """Debian parts venv from Python: the package to install is named."""
    (tmp_path / "venv.py").write_text("raise ImportError")
    code, said = make("setup", tmp_path / "venv", variables={"PYTHONPATH": str(tmp_path)})
    assert code != 0
    assert "apt-get install python3-venv" in said


@pytest.mark.parametrize(("target", "lock"), [("setup", "requirements.lock"), ("setup-dev", "requirements-dev.lock")])
def test_failed_install_is_a_sentence_and_is_tried_again(venv: Path, target: str, lock: str) -> None:
    """Without a network it says so after pip's own words, and nothing counts as installed."""
    for _ in range(2):
        code, said = make(target, venv)
        assert code != 0
        assert f"installing {lock}" in said
        assert "no such host" in said
        assert "Check the network" in said
    assert list(venv.glob("*.installed")) == []


def test_nothing_is_installed_while_the_lock_is_the_same(venv: Path) -> None:
    """A second run installs nothing; a changed lock is installed; the tools' lock holds the runtime's too."""
    installed = stamp(venv, "requirements.lock")
    assert make("setup", venv) == (0, "")
    installed.write_text("another lock")
    code, said = make("setup", venv)
    assert code != 0
    assert "installing requirements.lock" in said


def test_help_names_every_target() -> None:
    """`make` alone lists what there is, each in a line."""
    said = make("help", Path("unused"))[1]
    for target in (
        "run",
        "test",
        "check",
        "bench",
        "chaos",
        "soak",
        "real",
        "docs",
        "dashboard",
        "example-chando",
        "example-alcon",
        "setup",
        "setup-dev",
        "lock",
    ):
        assert f"\n  make {target} " in f"\n{said}"
