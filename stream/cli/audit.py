"""`idweave audit`: is the store whole, and is what was published what the evidence says?

Rules: nothing is written, so it may run beside workers; identifiers are named as the store names them, by token. Exit
code 0: nothing is wrong with what was looked at; 1: something is.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stream.cli.console import ERR, FAILED, AsJson, Redis, plural, say, servers, settings_for
from stream.cli.help import Commands
from stream.cli.store import the_store
from stream.config.settings import Settings
from stream.operating.auditing import Auditing, Report
from topics.codec import encode

commands = Commands()

Shown = Callable[[int, int | None], None]


@commands.command(epilog="Example:  idweave audit --sample 10000")
def audit(
    context: typer.Context,
    *,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Look at so many identifiers, drawn by lot, instead of all.")
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, max=3600, help="For how many seconds a finding must stay to be believed."
        ),
    ] = 10.0,
    as_json: AsJson = False,
    redis: Redis = None,
) -> None:
    """Recompute people from the evidence in the store and compare.

    With what is stored and with what was published, while workers work. Give it the configuration that they have.
    """
    settings = settings_for(servers(context, None, redis))
    with _bar() as shown:
        report = asyncio.run(_audited(settings, sample, patience, shown))
    for line in [encode(_as_json(report)).decode()] if as_json else _lines(report):
        say(line)
    if report.findings:
        raise typer.Exit(FAILED)


async def _audited(settings: Settings, sample: int | None, patience: float, shown: Shown) -> Report:
    async with the_store(settings) as store:
        return await Auditing(store, settings.configuration.rules, shown).run(sample, patience)


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"Looked at {plural(report.identifiers, 'identifier')} in {plural(report.components, 'component')},"
        f" published as {plural(report.profiles, 'profile')}."
    )
    if not report.findings:
        yield "Nothing is wrong: people, components and publications are what the evidence says."
        return
    yield f"{plural(len(report.findings), 'finding')}, each seen again and again until the patience was over:"
    for one in report.findings:
        yield f"  {one.rule} in {one.component}: {one.message}"
        if one.keys:
            yield f"    {', '.join(one.keys)}"


def _as_json(report: Report) -> dict[str, object]:
    return {**report._asdict(), "findings": [one._asdict() for one in report.findings]}


@contextmanager
def _bar() -> Iterator[Shown]:
    """A progress bar on a terminal; it has an end where that is known."""
    if not ERR.is_terminal:
        yield lambda _done, _of: None
        return
    columns = (TextColumn("auditing"), BarColumn(), TextColumn("{task.completed:>11,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task("identifiers", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
