"""`idweave shadow`: who would merge, split or move under other rules, before anybody switches to them.

Rules: nothing is written, so it may run beside workers; a value of a hashed namespace is never repeated: people read
its display, programs (`--json`) its token too.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from resolvers.namespaces import IdentityRules, identity_fingerprint
from resolvers.shadow import identity_changes
from stream.cli.console import (
    USAGE,
    AsJson,
    CommandFailedError,
    Redis,
    complain,
    plural,
    progress_bar,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.store import the_store
from stream.config.configuration import read_configuration
from stream.config.mistakes import ConfigError
from stream.config.settings import Settings
from stream.operating.shadowing import Example, Report, Shadowing, Shown
from stream.reading.component_pages import Progress
from topics.codec import encode

HEADINGS: Final = {
    "merge": "Would merge, several people into one",
    "split": "Would split, one person into several",
    "move": "Would move, identifiers from one person to another",
}

commands = Commands()


@commands.command(epilog="Example:  idweave shadow candidate.yaml --sample 10000")
def shadow(
    context: typer.Context,
    candidate: Annotated[Path, typer.Argument(metavar="CONFIG", help="The idweave.yaml to try, as a whole.")],
    *,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Look at so many groups of linked identifiers, drawn by lot.")
    ] = None,
    as_json: AsJson = False,
    redis: Redis = None,
) -> None:
    """Tell who would merge, split or move under other rules.

    Divides the people in the store by the rules that the workers have and by those of CONFIG, and compares. Limits,
    unique, policy, weak, person and caps can be tried so; nothing is changed.
    """
    settings = settings_for(servers(context, None, redis))
    rules = _candidate(candidate, settings)
    for note in notes(settings.configuration.rules, rules):
        complain(f"note: {note}", "yellow")
    with progress_bar("comparing") as told:
        report = asyncio.run(_compared(settings, rules, sample, told))
    for line in [encode(_as_json(report, candidate)).decode()] if as_json else lines(report, candidate):
        say(line)


def _candidate(file: Path, settings: Settings) -> IdentityRules:
    """The candidate's rules.

    Raises:
        ConfigError: the file has mistakes.
        CommandFailedError: it cannot be switched to.
    """
    configuration, mistakes = read_configuration(file)
    if mistakes:
        raise ConfigError(mistakes)
    for warning in configuration.warnings:
        complain(f"warning: {warning}", "yellow")
    live, wanted = settings.configuration.rules, configuration.rules
    if identity_fingerprint(wanted, settings.key_ids) != identity_fingerprint(live, settings.key_ids):
        changes = ", ".join(identity_changes(live, wanted))
        raise CommandFailedError(
            f"{file} changes {changes}. Changing the order, scope, normaliser or pii of a namespace needs a replay into"
            " a fresh store, so there is nothing to compare with.",
            USAGE,
        )
    return wanted


def notes(live: IdentityRules, candidate: IdentityRules) -> Iterator[str]:
    """What the comparison cannot show."""
    if live.blocked != candidate.blocked or live.sources != candidate.sources:
        yield "blocked values and sources concern events to come; what is in the store stays as it is."
    if candidate.caps.weak > live.caps.weak or candidate.caps.other > live.caps.other:
        yield "identifiers that are hubs already stay so under a larger caps.neighbours: their links were not kept."
    unique = [{name for name, one in rules.namespaces.items() if one.unique} for rules in (live, candidate)]
    if unique[0] != unique[1]:
        yield "events with two values of a unique namespace are refused as they come: that changes for later ones only."
    if live.caps.component != candidate.caps.component or live.dedupe != candidate.dedupe:
        yield "caps.component and dedupe concern events to come."


async def _compared(settings: Settings, rules: IdentityRules, sample: int | None, told: Progress) -> Report:
    async with the_store(settings) as store:
        return await Shadowing(store, settings.configuration.rules, rules, told).run(sample)


def lines(report: Report, candidate: Path) -> Iterator[str]:
    """The report, a line at a time."""
    looked = f"Looked at {plural(report.components, 'component')}: {_people(report.before)} now, {report.after:,}"
    yield f"{looked} under {candidate}."
    if report.left_out:
        yield f"{plural(report.left_out, 'component')} could not be compared: `idweave audit` says what is wrong."
    if not report.changes:
        yield "Nobody would merge, split or move."
    for kind, heading in HEADINGS.items():
        if kind in report.changes:
            yield f"{heading}: {report.changes[kind]:,} ({report.affected[kind]:,} of the people now)"
            yield from (line for one in report.examples if one.kind == kind for line in _example(one))
            if report.changes[kind] > sum(one.kind == kind for one in report.examples):
                yield "  ... the largest are shown"
    rules = sorted({*report.refused_before, *report.refused_after})
    if rules:
        yield "Evidence refused, by rule           now      then"
    for rule in rules:
        yield f"  {rule:<28}{report.refused_before.get(rule, 0):>9,} {report.refused_after.get(rule, 0):>9,}"


def _example(one: Example) -> Iterator[str]:
    yield f"  {_people(one.people_before)}:"
    yield from (f"    {_person(person)}" for person in one.before)
    yield f"  -> {_people(one.people_after)}:"
    yield from (f"    {_person(person)}" for person in one.after)


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _person(person: Shown) -> str:
    more = f" and {person.more:,} more" if person.more else ""
    named = zip(person.identifiers, person.displays, strict=True)
    names = ", ".join(f"{key.partition(':')[0]} {display}" for key, display in named)
    return f"{f'{person.profile_id}  ' if person.profile_id else ''}{names}{more}"


def _as_json(report: Report, candidate: Path) -> dict[str, object]:
    return {
        "candidate": str(candidate),
        **report._asdict(),
        "examples": [
            {
                **one._asdict(),
                "before": [person._asdict() for person in one.before],
                "after": [person._asdict() for person in one.after],
            }
            for one in report.examples
        ],
    }
