"""`idweave republish`: say again what holds, where an output topic was lost or damaged.

Rules: the workers do it, one component after the other, so it may run at any time and beside them; what is said again
has a new version and the same contents.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from resolvers.people import VALUES_OF
from resolvers.standing import standing_of
from sinks.journal import Journal
from sinks.kafka_producer import KafkaPublisher
from sinks.log_reader import LogReader, LogReadError
from sinks.publisher import PublishFailedError
from sinks.redis_store import RedisStore
from sinks.store import StoreError
from stream.cli.console import (
    ERR,
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
from stream.cli.store import given, lives_in, named, nobody, open_store
from stream.config.settings import Settings
from stream.operating.republishing import Compared, Republishing, Told
from stream.rulebook import admission_of, rulebook_of
from topics.catalogue import IDENTITIES, PROFILES
from topics.codec import encode

RECORDS_AT_ONCE: Final = 5_000
TOPICS: Final[dict[str, Compared]] = {"profiles": "profiles", "identities": "identities"}

commands = Commands()

Shown = Callable[[str, int], None]


@commands.command(
    epilog="Examples:  idweave republish\n\n  idweave republish --topic profiles\n\n"
    "  idweave republish phone:13800138000"
)
def republish(
    context: typer.Context,
    who: Annotated[
        list[str] | None, typer.Argument(metavar="ID|NAMESPACE:VALUE", help="These people only; - reads one.")
    ] = None,
    *,
    topic: Annotated[
        str | None, typer.Option(metavar="profiles|identities", help="Only who is not there as published.")
    ] = None,
    as_json: AsJson = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Say again what holds.

    For a topic that was lost, cut or made anew. Of everybody; of the people named; or, with --topic, of those who
    are missing on that topic, or otherwise than the store says. Profiles, identities and ids that merged away are
    all said again. The workers publish; without one it is done when one starts.
    """
    if topic is not None and topic not in TOPICS:
        raise CommandFailedError("--topic is profiles or identities; the other topics forget, and need nothing.", USAGE)
    settings = settings_for(servers(context, brokers, redis))
    require_topics(settings)
    with _bar() as shown:
        try:
            told = asyncio.run(_told(settings, who or [], None if topic is None else TOPICS[topic], shown))
        except LogReadError as error:
            raise no_broker(settings, str(error)) from error
        except StoreError as error:
            raise no_store(settings, error, "saying it twice does no harm") from error
        except PublishFailedError as error:
            raise CommandFailedError(
                f"{str(error).rstrip('.')}. Run it again: saying it twice does no harm."
            ) from error
    if as_json:
        say(encode(told._asdict()).decode())
        return
    say(f"Looked at {plural(told.components, 'component')}: {plural(told.profiles, 'profile')} to be said again.")
    if told.strays:
        say(
            f"{plural(told.strays, 'profile')} on the topic that the store had forgotten: the workers are told of them."
        )
    if told.again or told.strays:
        say("The workers publish them now; where none runs, as soon as one does.")


async def _told(settings: Settings, who: list[str], topic: Compared | None, shown: Shown) -> Told:
    kafka = settings.kafka_settings()
    async with AsyncExitStack() as stack:
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        keys = [await _key(one, store, settings) for one in who]
        journal = None
        if topic is not None and not who:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="idweave-republish-"))
            journal = Journal(Path(folder) / "journal")
            stack.callback(journal.close)
            await asyncio.to_thread(_read, settings, topic, journal, shown)
        publisher = await KafkaPublisher.open(broker_list(settings), settings.topic_prefix, kafka)
        stack.push_async_callback(publisher.close)
        mint = rulebook_of(settings, lambda: standing_of(store.fences, admission_of(settings))).mint
        republishing = Republishing(store, publisher, mint, lambda done: shown("looking at people", done))
        if who:
            return await republishing.of_keys(keys)
        return await republishing.everybody(journal, topic or "profiles")


async def _key(text: str, store: RedisStore, settings: Settings) -> str:
    """The key of the identifier that leads to who is named."""
    who = named(given(text), settings)
    if not isinstance(who, str):
        return lives_in(store, settings).current(who.key)
    key = await store.profile_key(who)
    if key is None:
        raise nobody(who)
    return key.removeprefix(VALUES_OF)


def _read(settings: Settings, topic: Compared, journal: Journal, shown: Shown) -> None:
    """Read a topic into the journal."""
    name = (PROFILES if topic == "profiles" else IDENTITIES).full_name(settings.topic_prefix)
    reader = LogReader(broker_list(settings), settings.kafka_settings(), settings.topic_prefix)
    try:
        done = 0
        for stretches in reader.read(dict.fromkeys(reader.places(name)), {}, RECORDS_AT_ONCE):
            for _, _, _, records in stretches:
                done += len(records)
                if topic == "profiles":
                    journal.take_profiles((one.key, one.value, one.offset) for one in records)
                else:
                    journal.take_identities((one.key, one.value) for one in records)
            shown(f"reading {topic}", done)
    finally:
        reader.close()


@contextmanager
def _bar() -> Iterator[Shown]:
    """A progress bar on a terminal, one for each thing that is done."""
    if not ERR.is_terminal:
        yield lambda _what, _done: None
        return
    columns = (TextColumn("{task.description:<20}"), BarColumn(), TextColumn("{task.completed:>11,.0f}"))
    with Progress(*columns, TimeElapsedColumn(), console=ERR, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def shown(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=None)
            progress.update(tasks[what], completed=done)

        yield shown
