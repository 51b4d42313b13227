"""What commands that look into the store share: open it, and read an identifier as an operator writes it.

Must not know: any one command.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from resolvers.admission import Unreadable, parse_identifier
from resolvers.lives import Lives
from resolvers.standing import standing_of
from sinks.redis_store import RedisStore
from sinks.store import StoreError, StoreLostError
from stream.cli.console import USAGE, CommandFailedError, no_store, reason_of, remedy_of, standard_input
from stream.config.settings import Settings
from stream.reading.walking import UnavailableError
from stream.rulebook import admission_of
from topics.identifiers import Identifier

PROFILE_ID: Final = re.compile("[a-z2-7]{26}")
"""What `resolvers.pseudonyms.mint` makes."""


async def open_store(settings: Settings) -> RedisStore:
    """The store that the settings name.

    Raises:
        CommandFailedError: it does not answer, does not do what it is asked, or must not be used.
    """
    try:
        url = settings.redis_url.reveal()
        return await RedisStore.open(url, settings.redis_prefix, settings.identity_fingerprint)
    except StoreError as error:
        raise no_store(settings, error) from error


@asynccontextmanager
async def the_store(settings: Settings) -> AsyncIterator[RedisStore]:
    """The store that the settings name, for as long as the block takes, which can be begun again as a whole.

    Raises:
        CommandFailedError: it does not answer, or stopped doing so, or must not be used.
    """
    store = await open_store(settings)
    try:
        yield store
    except StoreError as error:
        if isinstance(error, StoreLostError) and remedy_of(error) is None:
            raise CommandFailedError(f"The store stopped answering: {reason_of(error)}. Run it again.") from error
        raise no_store(settings, error) from error
    finally:
        await store.close()


def unread(settings: Settings, what: str, error: UnavailableError) -> CommandFailedError:
    """The sentence for something that cannot be read now; a store that answers and refuses says what to do."""
    cause = error.__cause__
    if isinstance(cause, StoreError) and not isinstance(cause, StoreLostError):
        return no_store(settings, cause)
    why = reason_of(cause) if isinstance(cause, StoreError) else str(cause or "")
    reason = f"{error}: {why.rstrip('.')}" if why else error
    return CommandFailedError(f"The {what} cannot be read: {reason}. Try again in a moment.")


def lives_in(store: RedisStore, settings: Settings) -> Lives:
    """Which lives identifiers have, as a store was when it was opened."""
    return standing_of(store.fences, admission_of(settings)).lives


def given(text: str) -> str:
    """What was given, from the input where that keeps it out of the shell's history.

    Raises:
        CommandFailedError: there is no input.
    """
    return standard_input().readline().decode(errors="replace").strip() if text == "-" else text


def named(text: str, settings: Settings) -> Identifier | str:
    """The identifier of `namespace:value`, or the profile id, that somebody is named by.

    Raises:
        CommandFailedError: it is neither.
    """
    if ":" in text:
        return read_identifier(text, settings)
    require_profile_id(text)
    return text


def nobody(who: Identifier | str) -> CommandFailedError:
    """What to say where nobody is known by an identifier or a profile id."""
    return CommandFailedError(
        "Nobody is known by that id. Profile ids are on the topic profiles; an identifier is namespace:value."
        if isinstance(who, str)
        else f"Nobody is known by that {who.namespace}. Was it published, and is a worker running?"
    )


def require_profile_id(text: str) -> None:
    """Refuse what cannot be one: it may be a number whose namespace was forgotten, and is not repeated.

    Raises:
        CommandFailedError: it is none.
    """
    if PROFILE_ID.fullmatch(text) is None:
        raise CommandFailedError(
            "This is neither a profile id (26 small letters and digits) nor an identifier, which is namespace:value,"
            " for example phone:13800138000.",
            USAGE,
        )


def read_identifier(text: str, settings: Settings) -> Identifier:
    """The identifier of `namespace:value` or `namespace:~token`.

    Raises:
        CommandFailedError: it is none.
    """
    identifier = parse_identifier(text, admission_of(settings))
    if isinstance(identifier, Unreadable):
        raise CommandFailedError(f"{identifier.message}.", USAGE)
    return identifier
