"""The page docs/cli.md: every command's help, as a terminal of 80 columns shows it.

Must not know: any one command.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer

from stream.cli.help import PROGRAM
from stream.cli.main import app

COLUMNS: Final = 80
HEAD: Final = """# Commands

Made from `idweave --help` and each command's own by `python -m stream.reference`; a test compares the two.

`--brokers` and `--redis` are before the environment, wherever they stand. Exit codes: 0 done, 1 failed, 2 wrong usage
or configuration. Errors and progress go to stderr, results to stdout; with `--json` a result is one line of JSON.
Times are UTC. Colours and bars are on a terminal only. `idweave --install-completion` makes the shell complete commands
and options.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    top = typer.main.get_command(app)
    with typer.Context(top, info_name=PROGRAM, terminal_width=COLUMNS, **top.context_settings) as context:
        yield from _section(top, context, PROGRAM)


def _section(command: Any, context: Any, title: str) -> Iterator[str]:  # noqa: ANN401 - of a vendored library
    yield f"## {title}\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"
    for name, below in getattr(command, "commands", {}).items():
        inner = typer.Context(below, info_name=name, parent=context, terminal_width=COLUMNS)
        yield from _section(below, inner, f"{title} {name}")
