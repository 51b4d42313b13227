"""`idweave profile` and `idweave token`: one person as last published, and what stands for a value.

Rules: read from the store and the profiles topic, so that it works whether or not a worker runs; a value of a hashed
namespace is never repeated.
"""

import asyncio
from typing import Annotated

import orjson
import typer

from sinks.profile_reader import ProfileReader, ProfileReadError
from sinks.redis_store import RedisStore
from stream.cli.console import (
    AsJson,
    Brokers,
    Person,
    Redis,
    broker_list,
    no_broker,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.person_card import card
from stream.cli.store import given, lives_in, named, nobody, open_store, read_identifier, unread
from stream.config.settings import Settings
from stream.reading.lookup import Found, Lookup
from stream.reading.walking import UnavailableError
from topics.identifiers import Identifier

commands = Commands()


@commands.command(epilog="Example:  idweave profile phone:13800138000 --json")
def profile(
    context: typer.Context,
    who: Person,
    *,
    as_json: AsJson = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Show a person as last published.

    By profile id or by any of the identifiers. An id that was merged away shows the person that it became part of.
    """
    found = last_published(given(who), settings_for(servers(context, brokers, redis)))
    for line in [found.json.decode()] if as_json else card(orjson.loads(found.json)):
        say(line)


@commands.command(epilog="Example:  idweave token phone:13800138000")
def token(
    context: typer.Context,
    value: Annotated[str, typer.Argument(metavar="NAMESPACE:VALUE", help="An identifier; - reads it from the input.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print what stands for a value in store and topics.

    The value itself, or a keyed hash where its namespace is hashed: the key of the id map is `namespace:token`.
    """
    identifier = read_identifier(given(value), settings_for(servers(context, None)))
    named = {"namespace": identifier.namespace, "token": identifier.token}
    say(orjson.dumps(named).decode() if as_json else identifier.token)


def last_published(name: str, settings: Settings) -> Found:
    """The profile of an id or of an identifier, as last published.

    Raises:
        CommandFailedError: there is none, or it can't be read.
    """
    who = named(name, settings)
    found = asyncio.run(_found(who, settings))
    if found is None:
        raise nobody(who)
    return found


async def _found(who: str | Identifier, settings: Settings) -> Found | None:
    store = await open_store(settings)
    try:
        reader = await ProfileReader.open(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except ProfileReadError as error:
        await store.close()
        raise no_broker(settings, str(error)) from error

    async def current() -> RedisStore:
        return store

    try:
        lookup = Lookup(current, reader, lives_in(store, settings).current)
        return await (lookup.by_id(who) if isinstance(who, str) else lookup.by_identifier(who))
    except UnavailableError as error:
        raise unread(settings, "profile", error) from error
    finally:
        await reader.close()
        await store.close()
