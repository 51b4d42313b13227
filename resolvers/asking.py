"""Asking: a command as it lies in the log, decoded, with its identifiers read.

Rules: every record is something that can be answered; a bad one is a reason, never an exception. No raw value leaves
this module but in what people see of an identifier.
Must not know: the store, what a command does.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from resolvers.admission import Admission, Seen, Unreadable, is_nobodys_value, parse_seen
from resolvers.evidence import Mark
from resolvers.junk import PATTERN_PREFIX, BadPatternError
from resolvers.life_keys import shown
from topics.commands import (
    COMMAND_SOURCE,
    Block,
    Command,
    Erase,
    Merge,
    Split,
    Unbind,
    Unblock,
    command_id,
    decode_command,
)
from topics.headers import traceparent
from topics.records import APPEND_MS_END, NOT_APPENDED, Record
from topics.refusals import Refusal

_canonical = msgspec.json.Encoder(order="sorted")


class Asked(NamedTuple):
    """One record of the commands topic.

    `id`: the command's; where the record has none, one made of its place. `command` is None where `fault` says what is
    wrong with the record. `named`: its identifiers, distinct, in the order given. `nobodys`: namespaces of values that
    no event could have. `pattern`: of a block or unblock that names no one value. `body`: keyed digest of the command,
    by which the same id with another body is told. `mark`: where it stands in the log.
    """

    id: str
    command: Command | None
    fault: str
    named: tuple[Seen, ...]
    nobodys: tuple[str, ...]
    body: str
    mark: Mark
    traceparent: str | None
    pattern: str = ""


def ask(record: Record, admission: Admission) -> Asked:
    """What a record of the commands topic asks for."""
    text = record.value or b""
    command = decode_command(text)
    name = command_id(text) if isinstance(command, Refusal) else command.id
    name = f"record:{record.partition}:{record.offset}" if name is None else name
    mark = Mark(record.append_ms * 1000, *record.position, name, COMMAND_SOURCE)
    trace = traceparent(record.headers) if record.headers else None
    if isinstance(command, Refusal):
        return Asked(name, None, command.message, (), (), "", mark, trace)
    if record.append_ms >= APPEND_MS_END:
        return Asked(name, None, NOT_APPENDED, (), (), "", mark, trace)
    body = admission.pseudonyms.sealed(_canonical.encode(command))
    texts = _texts(command)
    named: dict[str, Seen] = {}
    for text_of_one in texts:
        seen = parse_seen(text_of_one, admission)
        if isinstance(seen, Unreadable):
            return Asked(name, None, seen.message, (), (), body, mark, trace)
        named.setdefault(seen.key, seen)
    pattern = _pattern(command)
    if (fault := _pattern_fault(command, pattern, admission)) is not None:
        return Asked(name, None, fault, (), (), body, mark, trace)
    nobodys = tuple(one.partition(":")[0].strip() for one in texts if is_nobodys_value(one, admission))
    return Asked(name, command, "", tuple(named.values()), nobodys, body, mark, trace, pattern)


def matching(asked: Asked, keys: Iterable[str], admission: Admission) -> list[Seen]:
    """Those of some identifiers, as the store has them, that a block's pattern names; each once, in its first life.

    In a hashed namespace none: what is stored of a value there says nothing of it.
    """
    namespace = admission.namespaces.get(asked.command.namespace or "") if isinstance(asked.command, Block) else None
    if not asked.pattern or namespace is None or namespace.pii is not None:
        return []
    blocklist = admission.blocklist(namespace.name, asked.pattern)
    assert blocklist is not None
    found: list[Seen] = []
    for key in dict.fromkeys(map(shown, keys)):
        name, _, token = key.partition(":")
        if name == namespace.name and blocklist.holds(token, token.partition(":")[2] or token):
            found.append(Seen(token, key))
    return found


def _texts(command: Command) -> tuple[str, ...]:
    match command:
        case Merge() | Split():
            return command.identifiers
        case Erase(identifier=str(text)):
            return (text,)
        case Unbind():
            return (command.identifier, command.from_)
        case Block() | Unblock():
            if command.identifier is not None:
                return (command.identifier,)
            return () if _pattern(command) else (f"{command.namespace}:{command.pattern}",)
        case _:
            return ()


def _pattern(command: Command) -> str:
    """What a block or unblock names all values by; a pattern that is one value names that."""
    if isinstance(command, Block | Unblock) and (pattern := command.pattern or "").startswith(PATTERN_PREFIX):
        return pattern
    return ""


def _pattern_fault(command: Command, pattern: str, admission: Admission) -> str | None:
    if not pattern or not isinstance(command, Block | Unblock):
        return None
    try:
        if admission.blocklist(command.namespace or "", pattern) is None:
            return admission.undeclared
    except BadPatternError as error:
        return f"The pattern is not taken: {error}"
    return None
