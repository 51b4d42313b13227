"""`idweave timeline`: what happened to a person: merges, splits, moves, conflicts, commands.

Rules: read from the store and the topics, so that it works whether or not a worker runs; a value of a hashed namespace
is never repeated.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sinks.history_reader import History, read_history
from sinks.redis_store import RedisStore
from stream.cli.console import (
    ERR,
    AsJson,
    Brokers,
    Person,
    Redis,
    broker_list,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.store import given, lives_in, named, nobody, open_store, unread
from stream.cli.timeline_text import lines
from stream.config.settings import Settings
from stream.reading.recalling import Keys, Recalling
from stream.reading.walking import UnavailableError
from topics.answers import Timeline
from topics.codec import encode
from topics.identifiers import Identifier

commands = Commands()

Told = Callable[[int, int], None]


@commands.command(epilog="Example:  idweave timeline phone:13800138000 --json")
def timeline(
    context: typer.Context,
    who: Person,
    *,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=3600, help="Read for so long at most, the newest first.")
    ] = 30.0,
    as_json: AsJson = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Tell what happened to a person, newest last.

    Merges, splits, moves and conflicts of the profile and of those that merged into it, with the events behind them,
    for as long as they are kept (7 days unless set); and what operators asked for.
    """
    settings = settings_for(servers(context, brokers, redis))
    whom = named(given(who), settings)
    with _bar() as shown:
        told = asyncio.run(_told(whom, settings, seconds, shown))
    if told is None:
        raise nobody(whom)
    if as_json:
        say(encode(told).decode())
    else:
        for line, style in lines(told):
            say(line, style)


async def _told(who: str | Identifier, settings: Settings, seconds: float, shown: Told) -> Timeline | None:
    store = await open_store(settings)

    async def current() -> RedisStore:
        return store

    def read(keys: Keys) -> History:
        kafka = settings.kafka_settings()
        return read_history(broker_list(settings), settings.topic_prefix, kafka, keys, seconds=seconds, progress=shown)

    async def histories(keys: Keys) -> History:
        return await asyncio.to_thread(read, keys)

    try:
        recalling = Recalling(
            current, histories, settings.configuration.retention_days, lives_in(store, settings).current
        )
        return await (recalling.by_id(who) if isinstance(who, str) else recalling.by_identifier(who))
    except UnavailableError as error:
        raise unread(settings, "timeline", error) from error
    finally:
        await store.close()


@contextmanager
def _bar() -> Iterator[Told]:
    """A progress bar on a terminal, in records."""
    if not ERR.is_terminal:
        yield lambda _done, _of: None
        return
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task("records", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
