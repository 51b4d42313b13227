"""Figures: what a benchmark keeps, with the machine it was measured on, and whether that had anything else to do.

Rules: a result lies in `benchmarks/results/NAME.json`; it says what was asked, and on what it was answered. Whether the
machine was shared is measured before anything is started: on one that is, CPU seconds, bytes and counts
hold, and times do not.
Must not know: what is measured.
"""

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypedDict

from rich.table import Table

from stream.cli.console import OUT, say

RESULTS: Final = Path(__file__).with_name("results")
LOOK_SECONDS: Final = 1.0
QUIET_SHARE: Final = 0.1
"""A machine that is busier than this before the benchmark begins is shared."""
HERTZ: Final = os.sysconf("SC_CLK_TCK")


class Figure(TypedDict):
    """A number and its unit."""

    value: float
    unit: str


def figure(value: float, unit: str) -> Figure:
    """A figure, as it is kept: three digits after the point are enough for a ratio, and more than a rate needs."""
    return {"value": round(value) if abs(value) >= 100 else round(value, 3), "unit": unit}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


class Quiet(NamedTuple):
    """How busy the machine was before anything was started: a share of all its cores."""

    busy_before: float

    @classmethod
    def look(cls) -> "Quiet":
        """Look for a second. Where the system does not say, the machine counts as shared."""
        try:
            first = _cpu_times()
            time.sleep(LOOK_SECONDS)
            second = _cpu_times()
        except OSError:
            return cls(1.0)
        busy, total = second[0] - first[0], second[1] - first[1]
        return cls(busy / max(total, 1))

    def described(self) -> dict[str, Any]:
        """For a result."""
        shared = self.busy_before > QUIET_SHARE
        words = {"machine_shared": "other programs ran meanwhile: CPU seconds, bytes and counts hold, times do not"}
        return {"busy_before": round(self.busy_before, 2)} | (words if shared else {})


def _cpu_times() -> tuple[int, int]:
    """Busy and all clock ticks of the machine so far."""
    ticks = [int(one) for one in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def cpu_seconds(pid: int) -> float:
    """What a process has worked so far, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def keep(path: Path, question: str, found: Mapping[str, Any], quiet: Quiet) -> None:
    """Write a result down: the first line of `question` is what was asked."""
    asked = question.strip().splitlines()[0]
    described = {**found, "question": asked, "machine": machine() | quiet.described()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    say(f"Kept in {path}.")


def shown(number: float | None) -> str:
    """A number in a table; None was not measured."""
    return "?" if number is None else f"{number:,}"


def show(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A table: names to the left, numbers to the right."""
    table = Table(title=title, title_justify="left")
    for at, name in enumerate(header):
        table.add_column(name, justify="right" if at else "left")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
