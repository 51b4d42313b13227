"""The rules of the house that a machine can check: the map of the files, their size, and what no file may hold."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAP = ROOT / "ARCHITECTURE.md"
FOLDERS = ("topics", "resolvers", "sinks", "stream", "benchmarks")
MODULE_LINES_MAX = 400
ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$", re.MULTILINE)
# A path of one person's machine. It starts a word, so that an address or a relative path that holds the same is free.
MACHINE_PATH = re.compile(r"(?<![\w./:$}-])/(?:work|root|home|Users)/\w")
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-docs.lock", "requirements-real.lock")


def modules() -> list[str]:
    """Every module of the packages and the benchmarks, as a path from the root; a package's `__init__` is none."""
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py")
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def committed_texts() -> list[Path]:
    """Every text file that git keeps, or would keep once it is added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed
    paths = (ROOT / name for name in names.splitlines())
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


def mapped() -> dict[str, str]:
    """File -> what its row in ARCHITECTURE.md says of it."""
    return dict(ROW.findall(MAP.read_text()))


def pins(lock: str) -> set[str]:
    """The `name==version` lines of a lock, with their markers."""
    return {line.removesuffix(" \\") for line in (ROOT / lock).read_text().splitlines() if "==" in line.split("#")[0]}


def test_every_module_is_on_the_map() -> None:
    """A reader of ARCHITECTURE.md finds every module there; a missing row is printed, ready to paste."""
    missing = []
    for module in sorted(set(modules()) - set(mapped())):
        docstring = ast.get_docstring(ast.parse((ROOT / module).read_text())) or "what it does"
        missing.append(f"| `{module}` | {docstring.splitlines()[0].rstrip('.')} |")
    assert not missing, "Add to the table of files in ARCHITECTURE.md:\n" + "\n".join(missing)


def test_every_row_names_a_file() -> None:
    """No signpost points at a file that is gone or renamed."""
    gone = sorted(name for name in mapped() if not (ROOT / name).is_file())
    assert not gone, f"Remove from the table of files in ARCHITECTURE.md, or correct: {gone}"


@pytest.mark.parametrize("module", modules())
def test_modules_fit_in_a_head(module: str) -> None:
    """A module that grows over the limit holds more than one idea."""
    lines = len((ROOT / module).read_text().splitlines())
    assert lines <= MODULE_LINES_MAX, f"{module} has {lines} lines; part it by ideas"


def test_no_file_names_a_machine() -> None:
    """Nothing that is committed works on one person's machine only."""
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed_texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not named, f"These lines name a folder of one machine: {named}"


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_digests_and_no_addresses(lock: str) -> None:
    """A lock pins versions and contents; where they are fetched from is each machine's own business."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_what_runs_is_what_is_tested() -> None:
    """Every version of the runtime lock is in the lock that the tests run with."""
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_locks_cover_what_the_project_asks_for() -> None:
    """A dependency added to pyproject.toml is in the lock: otherwise run `make lock`."""
    asked = re.search(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert asked is not None
    names = {
        re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r'^\s+"([\w.-]+)', asked.group(1), re.MULTILINE)
    }
    locked = {pin.split("==")[0] for pin in pins("requirements.lock")}
    assert len(names) > 10
    assert names <= locked, f"Run `make lock`: not in requirements.lock: {sorted(names - locked)}"


@pytest.mark.parametrize("record", sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md")))
def test_decisions_are_written_in_one_form(record: str) -> None:
    """Each decision record is numbered and has its status, context, decision and consequences, in this order."""
    text = (ROOT / "docs" / "adr" / record).read_text()
    number = re.match(r"(\d{4})-[a-z0-9-]+\.md$", record)
    assert number is not None
    assert text.startswith(f"# {number.group(1)}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"]
