"""The promises page: every promise names tests, and every test that it names is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "promises.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> list[str]:
    """The rows of the table of promises."""
    table = PAGE.read_text().partition("## Promises")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| **")]


def names_in(file: str) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_is_shown() -> None:
    """By at least one test."""
    assert len(promises()) > 15
    assert [row for row in promises() if not NAMED.search(row)] == []


def test_the_tests_that_are_named_are_there() -> None:
    """A test that was renamed takes its promise along, or this one fails."""
    gone = [f"{file}::{name}" for file, name in NAMED.findall(PAGE.read_text()) if name not in names_in(file)]
    assert gone == []
