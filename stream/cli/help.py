"""What `--help` looks like: commands by what they are for, options without type names, examples that can be copied.

A command's examples are its epilog: `Example:  idweave ...`, or `Examples:` with a blank line between them. `examples`
reads them back, for the reference page and for the test that runs them.
Must not know: what a command does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

PROGRAM: Final = "idweave"
OTHERS: Final = "Other commands"

Function = TypeVar("Function", bound=Callable[..., Any])

_TYPE = re.compile(r" <[^>]*>+$")


def examples(epilog: str | None) -> list[str]:
    """The command lines in an epilog."""
    return re.findall(rf"{PROGRAM} .+?(?=\n|$)", epilog or "")


class _Command(TyperCommand):
    """A command as people read it."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of a vendored library without a name
        """Arguments and options, each by the name that says what it is."""
        sections: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name, text = record
                sections[parameter.param_type_name].append((_TYPE.sub("", name), text))
        for title, rows in zip(("Arguments", "Options"), sections.values(), strict=True):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Examples, each in a line that is never broken."""
        lines = examples(self.epilog)
        if not lines:
            super().format_epilog(ctx, formatter)
            return
        formatter.write_paragraph()
        formatter.write("Example:\n" if len(lines) == 1 else "Examples:\n")
        for line in lines:
            formatter.write(f"  {line}\n")


class _Group(TyperGroup):
    """Commands, listed by what they are for where that is said. `sections`: title -> commands."""

    sections: Mapping[str, Sequence[str]] = {}

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """One list for each section, with names in one column."""
        left = [name for name in self.list_commands(ctx) if not self.commands[name].hidden]
        width = max(map(len, left))
        placed = {name for names in self.sections.values() for name in names}
        rest = {OTHERS if self.sections else "Commands": [name for name in left if name not in placed]}
        for title, names in {**self.sections, **rest}.items():
            there = [name for name in names if name in left]
            if there:
                with formatter.section(title):
                    limit = formatter.width - width - 6
                    formatter.write_dl(
                        [(name.ljust(width), self.commands[name].get_short_help_str(limit)) for name in there]
                    )


class Commands(typer.Typer):
    """Commands of `idweave`, with help of this kind. `sections`: title -> names of commands, where there are many."""

    def __init__(self, sections: Mapping[str, Sequence[str]] | None = None, **more: Any) -> None:  # noqa: ANN401
        group = type("Group", (_Group,), {"sections": dict(sections or {})})
        super().__init__(cls=group, rich_markup_mode=None, **more)

    def command(self, name: str | None = None, **more: Any) -> Callable[[Function], Function]:  # noqa: ANN401
        """As Typer's."""
        return super().command(name, cls=_Command, **more)
