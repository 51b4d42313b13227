"""What the worked examples have in common: their options, and how each of them ends.

Rules: a picture is drawn of what was found, never of the truth; the verdict is 1 on any difference.
Must not know: servers, what is counted.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.running import server_options
from stream.cli.console import complain, say

Found = TypeVar("Found")


def example_options(module: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser that knows servers, a seed and a picture; `doc`: of the module, whose first line says what it is for."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(doc or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another world")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where the picture goes (an SVG)")
    return parser


def save_picture(file: Path | None, draw: Callable[[Found], str], found: Found) -> None:
    """Write the picture of what was found, where one is wanted."""
    if file is not None:
        file.write_text(draw(found))
        say(f"The picture: {file}")


def verdict(found: tuple[object, int], expected: tuple[object, int]) -> int:
    """Say whether the numbers, and how many people there are, are those of the truth -> the exit code."""
    if found != expected:
        complain(f"What was published is not the truth, which is: {expected[1]:,} people and {expected[0]}")
        return 1
    say("Every number is the truth's.", "bold green")
    return 0
