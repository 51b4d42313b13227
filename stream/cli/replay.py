"""`idweave replay`: rebuild a store from the kept log, and say what is different from what was published.

Rules: it writes to the store that it rebuilds, and to the output topics only what is different; with --dry-run and
--compare it publishes nothing. A store that is being rebuilt is nobody else's.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from msgspec.structs import replace
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sinks.journal import Journal
from sinks.kafka_producer import KafkaPublisher
from sinks.log_reader import LogReader, LogReadError
from sinks.publisher import PublishFailedError
from sinks.redis_store import RedisStore
from sinks.store import StoreError
from stream.cli.console import (
    ERR,
    FAILED,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    Redis,
    broker_list,
    no_broker,
    no_store,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.requirements import require_topics
from stream.cli.store import open_store
from stream.config.settings import Settings
from stream.operating.comparing import Comparing, Comparison, Unlike
from stream.operating.replaying import ReplayFailedError, Replaying, Servers, Shown, Totals
from stream.rulebook import admission_of, rulebook_of
from topics.catalogue import TOUCHPOINTS
from topics.codec import encode

KINDS: Final = {
    "missing": "live, and not rebuilt",
    "extra": "rebuilt, and not live",
    "people": "others belong together",
    "id": "another profile id",
    "contents": "other contents",
}

commands = Commands()


class Outcome(NamedTuple):
    """What was read; the records that are different, by topic; and the comparison, if one was asked for."""

    totals: Totals
    different: dict[str, int]
    compared: Comparison | None
    into: str


@commands.command(
    epilog="Examples:  idweave replay --into idweave-2 --compare\n\n  idweave replay --into idweave-2\n\n"
    "  idweave replay"
)
def replay(
    context: typer.Context,
    *,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX", help="The Redis prefix to rebuild under; IDWEAVE_REDIS_PREFIX if that is empty."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Rebuild, publish nothing: say what would be.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Rebuild, publish nothing: compare with the live store. 1 if they differ.")
    ] = False,
    as_json: AsJson = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Rebuild a store from the log.

    For a Redis that is lost, or a configuration that needs it. Into a fresh prefix, or an emptied one. Profile ids
    come from the topics identities and profiles, what operators ruled from commands.results, people from the
    touchpoints that are kept. What is older than these is not restored; docs/rebuild.md says what that means, and
    how to switch over. Stopped, it goes on where it was when run again.
    """
    settings = settings_for(servers(context, brokers, redis))
    target = replace(settings, redis_prefix=into or settings.redis_prefix)
    if compare and target.redis_prefix == settings.redis_prefix:
        raise CommandFailedError("Name the prefix of the store to compare with the live one:  --into PREFIX", USAGE)
    require_topics(settings)
    with _bar() as shown:
        try:
            outcome = asyncio.run(_replay(settings, target, dry_run=dry_run, compare=compare, shown=shown))
        except ReplayFailedError as error:
            raise CommandFailedError(str(error)) from error
        except StoreError as error:
            raise no_store(settings, error, "it goes on where it was") from error
        except LogReadError as error:
            raise no_broker(settings, str(error)) from error
        except PublishFailedError as error:
            raise CommandFailedError(f"{str(error).rstrip('.')}. Run it again: it goes on where it was.") from error
    publishes = not dry_run and not compare
    for line in [encode(_as_json(outcome)).decode()] if as_json else _lines(outcome, publishes=publishes):
        say(line)
    if outcome.compared is not None and outcome.compared.differing:
        raise typer.Exit(FAILED)


async def _replay(settings: Settings, target: Settings, *, dry_run: bool, compare: bool, shown: Shown) -> Outcome:
    admission = admission_of(settings)
    rulebook = rulebook_of(settings, lambda: replaying.standing)
    kafka = settings.kafka_settings()
    async with AsyncExitStack() as stack:
        live = None
        if compare:
            live = await open_store(settings)
            stack.push_async_callback(live.close)
        url = settings.redis_url.reveal()
        identity, topics = settings.identity_fingerprint, settings.topic_prefix
        store = await RedisStore.open(url, target.redis_prefix, identity, topics=topics, rebuild=True)
        stack.push_async_callback(store.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="idweave-replay-"))
        journal = Journal(Path(folder) / "journal")
        stack.callback(journal.close)
        reader = LogReader(broker_list(settings), kafka, settings.topic_prefix)
        stack.callback(reader.close)
        replaying = Replaying(settings, rulebook, admission, Servers(store, reader, journal), shown)
        await replaying.read_journal()
        await replaying.apply_decisions()
        if live is not None:
            places = reader.places(TOUCHPOINTS.full_name(topics))
            compared = await Comparing(replaying, store, live, rulebook, places).run()
            return Outcome(replaying.totals(), {}, compared, target.redis_prefix)
        if dry_run:
            await replaying.resolve(None)
            return Outcome(replaying.totals(), await _would(replaying, store), None, target.redis_prefix)
        publisher = await KafkaPublisher.open(broker_list(settings), settings.topic_prefix, kafka)
        stack.push_async_callback(publisher.close)
        await replaying.resolve(publisher)
        sent = await replaying.publish(publisher, await store.clock_us())
        await replaying.finish()
        return Outcome(replaying.totals(), dict(sent), None, target.redis_prefix)


async def _would(replaying: Replaying, store: RedisStore) -> dict[str, int]:
    """What would be published, by topic."""
    now_us = await store.clock_us()
    would: Counter[str] = Counter()
    async for page in replaying.pages(now_us):
        for one in page:
            change = replaying.different(one, now_us)
            would.update(record.topic for record in (change.records if change is not None else ()))
    return dict(would)


def _as_json(outcome: Outcome) -> dict[str, object]:
    compared = outcome.compared
    examples = [] if compared is None else [one._asdict() for one in compared.examples]
    return {
        **outcome._asdict(),
        "totals": outcome.totals._asdict(),
        "compared": None if compared is None else {**compared._asdict(), "examples": examples},
    }


def _lines(outcome: Outcome, *, publishes: bool) -> Iterator[str]:
    totals = outcome.totals
    yield (
        f"Read {plural(totals.touchpoints, 'touchpoint')} ({totals.refused:,} of them refused),"
        f" {plural(totals.commands, 'command')}, and the journal: {plural(totals.profiles, 'profile')},"
        f" {plural(totals.identifiers, 'identifier')}, {totals.merged:,} merged away."
    )
    if totals.kept_since_ms is not None:
        since = datetime.fromtimestamp(totals.kept_since_ms / 1000, UTC)
        yield f"Touchpoints are kept since {since:%Y-%m-%d %H:%M} UTC; what is older is not restored."
    if outcome.compared is not None:
        yield from _compared(outcome.compared)
    else:
        yield _published(outcome.different, publishes=publishes)
    if publishes:
        yield f"The store under {outcome.into} is whole: run workers with IDWEAVE_REDIS_PREFIX={outcome.into}."
    else:
        yield (
            f"The store under {outcome.into} is not finished, and no worker starts on it: run"
            f" `idweave replay --into {outcome.into}` to finish it, or delete its keys."
        )


def _published(different: dict[str, int], *, publishes: bool) -> str:
    if not different:
        return "What is published is what the log says: nothing is different."
    told = ", ".join(f"{topic} {count:,}" for topic, count in sorted(different.items()))
    return f"{'Published, because it is' if publishes else 'Would be published, because it is'} different: {told}."


def _compared(compared: Comparison) -> Iterator[str]:
    yield f"Compared {compared.rebuilt:,} people rebuilt with {compared.live:,} live ones."
    if not compared.differing:
        yield "They are the same: who belongs together, under which id, with what contents."
        return
    for kind, count in compared.differing.items():
        yield f"{count:>9,} {KINDS[kind]}"
        yield from (f"          {_example(one)}" for one in compared.examples if one.kind == kind)


def _example(one: Unlike) -> str:
    ids = (
        one.live_id if one.live_id == one.rebuilt_id else f"{one.live_id or '-'} live, {one.rebuilt_id or '-'} rebuilt"
    )
    fields = f": {', '.join(one.fields)}" if one.fields else ""
    return f"{one.holder}  {ids}{fields}"


@contextmanager
def _bar() -> Iterator[Shown]:
    """A progress bar on a terminal, one for each thing that is done."""
    if not ERR.is_terminal:
        yield lambda _what, _done, _of: None
        return
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def shown(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield shown
