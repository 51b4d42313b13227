"""The scripts that run inside Redis, each in a file of its own under `lua/` that says its KEYS, ARGV and reply.

They are called by digest; a server that does not know one (it was restarted, or its scripts were flushed) is told it
again. Must not know: steps.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from redis.exceptions import ClusterDownError, NoScriptError, OutOfMemoryError, ResponseError

from sinks.keys import Keys, pattern_of
from sinks.redis_link import Command, RedisLink
from sinks.store import StoreError, StoreFullError, StoreLostError

OTHER_GENERATION = "The store was emptied under this worker, is another one, or an erase lets everybody begin again"


class Script(NamedTuple):
    """A script: its text, and the digest that it is called by."""

    source: str
    sha1: str


def _text(name: str) -> str:
    return (files("sinks") / "lua" / f"{name}.lua").read_text("utf-8")


def script(name: str, *, guarded: bool = True) -> Script:
    """The script in `lua/<name>.lua`, behind the guard."""
    source = _text("guard") + _text(name) if guarded else _text(name)
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


CLAIM = script("claim")
SHORTEN = script("shorten")
READ_COMPONENTS = script("read_components")
COMMIT = script("commit")
FREEZE = script("freeze")
REDIRECT = script("redirect")
SETTLE = script("settle")
READ_PUBLICATIONS = script("read_publications")
INTEND = script("intend")
COMPLETE = script("complete")
SCHEDULE = script("schedule")
ADVANCE = script("advance")
DECIDE = script("decide")
REWRITE = script("rewrite")
FENCE = script("fence")
FORGET = script("forget")
FORGET_COMPONENT = script("forget_component")
FORGET_DUE = script("forget_due")
RESEAL = script("reseal", guarded=False)
SOURCES = {
    one.sha1: one.source
    for one in (
        *(CLAIM, SHORTEN, READ_COMPONENTS, COMMIT, FREEZE, REDIRECT, SETTLE, READ_PUBLICATIONS, INTEND, COMPLETE),
        *(SCHEDULE, ADVANCE, DECIDE, REWRITE, FENCE, FORGET, FORGET_COMPONENT, FORGET_DUE, RESEAL),
    )
}


def invoke(script: Script, keys: Keys, names: Sequence[str], arguments: Sequence[str | bytes | int] = ()) -> Command:
    """The command that runs a script on the named keys, in the store that `keys` was opened for."""
    return ["EVALSHA", script.sha1, len(names) + 1, keys.guard, *names, keys.generation, *arguments]


async def call(link: RedisLink, commands: Sequence[Command]) -> list[Any]:
    """Send commands together -> their replies; a script that the server does not know is loaded.

    Raises:
        StoreLostError, StoreFullError: as they say.
        StoreError: the server refused a command; its reason is in the message.
    """
    replies = await link.call(commands)
    unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        answers = await link.call([in_full(commands[at]) for at in unknown])
        for at, answer in zip(unknown, answers, strict=True):
            replies[at] = answer
    return accepted(replies, commands)


def in_full(command: Command) -> Command:
    """A script by its text: a load and a call in one, so that nothing can flush it in between."""
    _, sha1, *rest = command
    return ["EVAL", SOURCES[str(sha1)], *rest]


def accepted(replies: list[Any], commands: Sequence[Command]) -> list[Any]:
    """The replies to commands, if the server has refused none of them.

    Raises:
        StoreLostError, StoreFullError, StoreError: as `call`.
    """
    for reply, command in zip(replies, commands, strict=True):
        if isinstance(reply, ResponseError):
            if isinstance(reply, OutOfMemoryError) or "OOM" in str(reply):
                raise StoreFullError(f"Redis has no memory left: {reply}") from reply
            if str(reply).startswith("LOST"):
                raise StoreLostError(OTHER_GENERATION)
            if isinstance(reply, ClusterDownError):
                raise StoreLostError(f"The Redis Cluster is down: {reply}")
            if "BUSY" in str(reply):
                raise StoreFullError(f"Redis is busy: {reply}") from reply
            if "WRONGTYPE" in str(reply):
                raise StoreError(f"Redis refused a command on {patterns(command)}: {reply}") from None
            # An unknown command is answered with its arguments, which may hold identifiers.
            raise StoreError(f"Redis refused a command: {str(reply).partition(', with args')[0]}") from None
    return replies


def patterns(command: Command) -> str:
    """Which kinds of keys a command is about, without what they name."""
    is_script = str(command[0]) in ("EVALSHA", "EVAL")
    named = command[3 : 3 + int(command[2])] if is_script else command[1:2]
    return ", ".join(dict.fromkeys(pattern_of(str(name)) for name in named))
