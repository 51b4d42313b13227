"""A person's terminal: pages of the documentation are typed into it, block by block, and what it says is compared.

A block is ```sh; if a block of ```text follows it, that is what it must print. What differs from one run to the next
(ids that are minted, versions, instants of this day, seconds) is masked, and a line `...` stands for any lines.
Must not know: what a page is about.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path(__file__).parents[2]
PREFIX: Final = "idweave"
HTTP: Final = "127.0.0.1:6066"
"""What pages say of topics and of a worker's address; a test's own stand in for them."""
BLOCK_SECONDS = 90.0
PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.3
READERS = re.compile(r"(idweave (profile|explain|timeline|dlq list|token|rules|topics|doctor|audit|config)|curl)\b")
"""What may be asked again until the engine has come so far, as a person would."""

_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_MASKS: Final = (
    (re.compile(r"\b[a-z2-7]{26}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"version \d+|\"version\":\d+"), "VERSION"),
    (re.compile(r"(20\d\d-\d\d-\d\d)[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?"), "TIME"),
    (re.compile(r"20\d\d-\d\d-\d\d"), "DAY"),
    (re.compile(r"in \d+\.\d s\b"), "in N s"),
    (re.compile(r"CPython [\d.]+ on \w+"), "CPython"),
    (re.compile(r"/\S+/(\w+\.yaml)"), r"\1"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"#token=\S+"), "#token=..."),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"(?<=\S) {2,}"), "  "),  # how wide a column is
)


class Step(NamedTuple):
    """What is typed, and what must be printed; None: that is not said."""

    script: str
    printed: str | None


def steps(page: str) -> list[Step]:
    """The steps of a page, in order."""
    return [Step(script, printed or None) for script, printed in _BLOCK.findall(page)]


def masked(text: str) -> str:
    """A text without what differs from one run to the next."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text.strip()


def is_printed(expected: str, said: str) -> bool:
    """Whether this is what a page says; a line of `...` stands for any lines."""
    lines = [".*?" if line.strip() == "..." else re.escape(line) + r"\n" for line in masked(expected).splitlines()]
    return re.fullmatch("".join(lines), masked(said) + "\n", re.DOTALL) is not None


class Terminal:
    """A shell in a folder, with `idweave` on its path and an environment that goes on from block to block.

    `variables`: of the engine that it speaks with; `http`: where a worker of it answers.
    """

    def __init__(self, folder: Path, variables: dict[str, str], http: str = "") -> None:
        self.folder = folder
        self._prefix = variables.get("IDWEAVE_TOPIC_PREFIX", PREFIX)
        self._http = http
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "120",
            **variables,
        }
        (folder / "bin").mkdir(parents=True)
        program = folder / "bin" / "idweave"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m stream.cli "$@"\n')
        program.chmod(0o755)
        self._state = folder / "bin" / "state"
        self._state.touch()

    def run(self, script: str, code: int = 0) -> str:
        """Type a block -> what it printed, to both outputs. `code`: how it must end."""
        asked = script.replace(HTTP, self._http) if self._http else script
        whole = f"set -euo pipefail\n. {self._state}\n{asked}\nexport -p > {self._state}\n"
        ended = subprocess.run(  # noqa: S603 - a page of ours
            ["/bin/bash", "-c", whole],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        assert "Traceback" not in ended.stdout, ended.stdout
        assert ended.returncode == code, f"{script}\nends with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout.replace(f"{self._prefix}.", f"{PREFIX}.")

    def play(self, script: str, printed: str | None) -> None:
        """Type a block, and compare what it prints. What only asks is asked again for a while."""
        asks = all(READERS.match(line) for line in script.splitlines() if line.strip())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                said = self.run(script)
            except AssertionError:
                if not asks or time.monotonic() > deadline:
                    raise
                said = ""
            if printed is None or is_printed(printed, said):
                return
            assert asks, f"{script}\nprints\n{said}\nand not\n{printed}"
            assert time.monotonic() < deadline, f"{script}\nprints\n{said}\nand not\n{printed}"
            time.sleep(LOOK_SECONDS)
