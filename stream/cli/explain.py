"""`idweave explain`: why two identifiers are one person, or why not, from the evidence in the store.

Rules: read from the store alone, so that it works whether or not a worker runs; a value of a hashed namespace is never
repeated.
"""

import asyncio
from collections.abc import Sequence
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
    if svg is not None:
        try:
            svg.write_text(picture(told), encoding="utf-8")
        except OSError as error:
            raise CommandFailedError(f"{svg} cannot be written: {(error.strerror or '').lower()}.") from error
    for line in [encode(told).decode()] if as_json else lines(told):
        say(line)


async def _told(a: Identifier, b: Identifier, settings: Settings) -> Explanation:
    """The explanation.

    Raises:
        CommandFailedError: one of them was never seen, or was erased, or nobody can tell now.
    """
    store = await open_store(settings)

    async def current() -> RedisStore:
        return store

    try:
        explaining = Explaining(current, settings.configuration.rules, lives_in(store, settings).current)
        told = await explaining.between(a, b)
        known = [await explaining.known(one) for one in (a, b)] if told is None else []
    except UnavailableError as error:
        raise unread(settings, "evidence", error) from error
    finally:
        await store.close()
    if told is None:
        raise CommandFailedError(_nobody((a, b), known))
    return told


def _nobody(asked: Sequence[Identifier], known: Sequence[bool]) -> str:
    """Which of the two nobody is known by."""
    ordinals = ("first", "second")
    if any(known) and not all(known):
        which, other = (0, 1) if known[1] else (1, 0)
        return (
            f"Nobody is known by the {ordinals[which]} of the two, that {asked[which].namespace}."
            f" The {ordinals[other]}, that {asked[other].namespace}, is known."
            f" Was the {ordinals[which]} published, and is a worker running?"
        )
    kinds = " or that ".join(dict.fromkeys(one.namespace for one in asked))
    return f"Nobody is known by that {kinds}. Was it published, and is a worker running?"
