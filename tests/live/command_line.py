"""An operator's command line against live servers: `idweave` in a process of its own, knowing what it is given."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.live.engine import ROOT


class Line:
    """The command line of an operator's machine: it knows the brokers, and neither the store nor the keys.

    `more`: variables that it knows beside them.
    """

    def __init__(self, brokers: str, prefix: str, more: dict[str, str] | None = None) -> None:
        self.more = dict(more or {})
        self._environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
            "PYTHONPATH": str(ROOT),
            "IDWEAVE_BROKERS": brokers,
            "IDWEAVE_TOPIC_PREFIX": prefix,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`idweave ...` in a process of its own."""
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "stream.cli", *arguments],
            env=self._environment | self.more,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The same, while it runs."""
        command = [sys.executable, "-m", "stream.cli", *arguments]
        environment = self._environment | self.more
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603

    def answered(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The answer to a command, as JSON."""
        ended = self.run(*arguments, "--json")
        assert (ended.returncode, ended.stderr) == (code, ""), ended
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer
