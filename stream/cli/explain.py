"""`idweave explain`: why two identifiers are one person, or why not, from the evidence in the store.

Rules: read from the store alone, so that it works whether or not a worker runs; a value of a hashed namespace is never
repeated.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from sinks.redis_store import RedisStore
from stream.cli.console import AsJson, Brokers, CommandFailedError, Redis, say, servers, settings_for
from stream.cli.evidence_text import lines
from stream.cli.help import Commands
from stream.cli.store import given, lives_in, open_store, read_identifier, unread
from stream.config.settings import Settings
from stream.reading.evidence_picture import picture
from stream.reading.explaining import Explaining
from stream.reading.walking import UnavailableError
from topics.answers import Explanation
from topics.codec import encode
from topics.identifiers import Identifier

commands = Commands()

Who = Annotated[str, typer.Argument(metavar="NAMESPACE:VALUE", help="An identifier; - reads it from the input.")]


@commands.command(epilog="Example:  idweave explain phone:13800138000 card:88001234 --svg why.svg")
def explain(
    context: typer.Context,
    a: Who,
    b: Who,
    *,
    as_json: AsJson = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it to this file too.")] = None,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Tell why two identifiers are one person, or why not.

    The events that link them, and the evidence that was refused, with the rule that refused it.
    """
    settings = settings_for(servers(context, brokers, redis))
    asked = [read_identifier(given(one), settings) for one in (a, b)]
    told = asyncio.run(_told(asked[0], asked[1], settings))
    if told is None:
        kinds = " or that ".join(dict.fromkeys(one.namespace for one in asked))
        raise CommandFailedError(f"Nobody is known by that {kinds}. Was it published, and is a worker running?")
    if svg is not None:
        try:
            svg.write_text(picture(told), encoding="utf-8")
        except OSError as error:
            raise CommandFailedError(f"{svg} cannot be written: {(error.strerror or '').lower()}.") from error
    for line in [encode(told).decode()] if as_json else lines(told):
        say(line)


async def _told(a: Identifier, b: Identifier, settings: Settings) -> Explanation | None:
    store = await open_store(settings)

    async def current() -> RedisStore:
        return store

    try:
        return await Explaining(current, settings.configuration.rules, lives_in(store, settings).current).between(a, b)
    except UnavailableError as error:
        raise unread(settings, "evidence", error) from error
    finally:
        await store.close()
