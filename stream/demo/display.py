"""The demo's progress: bars that move on a terminal, a line every other second elsewhere.

Must not know: what is counted.
"""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS: Final = 2.0


class Display:
    """Three counts: events published, events resolved, profile versions published. Used as a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._said_at = time.monotonic()
        self._said = ""
        self._bars = Progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(bar_width=36),
            TextColumn("{task.completed:>9,.0f}"),
            TextColumn("{task.fields[beside]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=False,
        )
        self._tasks: list[TaskID] = []

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            names = (("published", self._total), ("resolved", self._total), ("profiles", None))
            self._tasks = [self._bars.add_task(name, total=total, beside="") for name, total in names]
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            if error is None:
                versions = self._bars.tasks[2].completed
                self._bars.update(self._tasks[2], total=max(versions, 1), completed=versions)
            self._bars.stop()

    def show(self, published: int, resolved: int, versions: int, beside: str = "") -> None:
        """Show where everything is; `beside` is a word on what is going on."""
        if self._console.is_terminal:
            for task, count in zip(self._tasks, (published, resolved, versions), strict=True):
                self._bars.update(task, completed=count)
            self._bars.update(self._tasks[1], beside=beside)
            return
        line = f"  published {published:,}  resolved {resolved:,}  profile versions {versions:,}  {beside}".rstrip()
        if time.monotonic() - self._said_at >= LINE_SECONDS and line != self._said:
            self._said_at, self._said = time.monotonic(), line
            self._console.print(line, markup=False)
