"""`idweave rules preview`: how many people each rule of a file that is not live yet would gain and lose.

Rules: nothing is written, so it may run beside workers; people are counted, and nobody is named.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from resolvers.judging import Rulebook
from resolvers.rules import Rules
from stream.cli.console import AsJson, Redis, plural, progress_bar, say, servers, settings_for
from stream.cli.store import the_store
from stream.config.mistakes import ConfigError
from stream.config.rules_file import read_rules
from stream.config.settings import Settings
from stream.operating.previewing import Preview, Previewing, Row
from stream.reading.component_pages import Progress
from topics.codec import encode

NOUNS = {"tags": "tag", "segments": "segment", "lifecycle": "stage", "tiers": "tier"}


def preview(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rules.yaml to try, as a whole.")],
    *,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Judge the people of so many groups of linked identifiers, drawn by lot."
        ),
    ] = None,
    as_json: AsJson = False,
    redis: Redis = None,
) -> None:
    """Tell whom each rule of FILE would gain and lose.

    How many people, by tag, segment, stage and tier. Judges the people in the store by the rules that are read here and
    by those of FILE; nothing is changed.
    """
    settings = settings_for(servers(context, None, redis))
    candidate, mistakes = read_rules(file)
    if mistakes:
        raise ConfigError(mistakes)
    with progress_bar("judging") as told:
        found = asyncio.run(_previewed(settings, candidate.rules, sample, told))
    for line in [encode(_as_json(found, file)).decode()] if as_json else lines(found, file):
        say(line)


async def _previewed(settings: Settings, candidate: Rules, sample: int | None, told: Progress) -> Preview:
    rules = settings.configuration.rules
    live, then = (Rulebook(one, ZoneInfo(rules.timezone)) for one in (settings.member_rules.rules, candidate))
    async with the_store(settings) as store:
        return await Previewing(store, rules, live, then, told).run(sample, await store.clock_us())


def lines(found: Preview, file: Path) -> Iterator[str]:
    """The report, a line at a time: the rules that would change first."""
    people = f"{found.people:,} {'person' if found.people == 1 else 'people'}"
    yield f"Judged {people} by the live rules and by {file}: {found.changed:,} would be decided otherwise."
    changing = [one for one in found.rows if one.gains or one.loses]
    if changing:
        width = max(len(_named(one)) for one in changing)
        yield f"{'rule':<{width}}  {'now':>11}  {'gains':>11}  {'loses':>11}  {'then':>11}"
        for one in changing:
            yield f"{_named(one):<{width}}  {one.now:>11,}  {one.gains:>11,}  {one.loses:>11,}  {one.then:>11,}"
    if len(found.rows) > len(changing):
        yield f"{plural(len(found.rows) - len(changing), 'rule')} would gain and lose nobody."


def _named(one: Row) -> str:
    return f"{NOUNS[one.section]} {one.name}"


def _as_json(found: Preview, file: Path) -> dict[str, object]:
    return {"candidate": str(file), **found._asdict(), "rows": [one._asdict() for one in found.rows]}
