"""Asking: a command as it lies in the log, decoded, with its identifiers read.

Rules: every record is something that can be answered; a bad one is a reason, never an exception. No raw value leaves
this module but in what people see of an identifier.
Must not know: the store, what a command does.
"""

from typing import NamedTuple

import msgspec

from resolvers.admission import Admission, Seen, Unreadable, is_nobodys_value, parse_seen
from resolvers.evidence import Mark
from topics.commands import COMMAND_SOURCE, Command, Erase, Merge, Split, command_id, decode_command
from topics.headers import traceparent
from topics.records import Record
from topics.refusals import Refusal

_canonical = msgspec.json.Encoder(order="sorted")


class Asked(NamedTuple):
    """One record of the commands topic.

    `id`: the command's; where the record has none, one made of its place. `command` is None where `fault` says what is
    wrong with the record. `named`: its identifiers, distinct, in the order given. `nobodys`: namespaces of values that
    no event could have. `body`: keyed digest of the command, by which the same id with another body is told. `mark`:
    where it stands in the log.
    """

    id: str
    command: Command | None
    fault: str
    named: tuple[Seen, ...]
    nobodys: tuple[str, ...]
    body: str
    mark: Mark
    traceparent: str | None


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
    body = admission.pseudonyms.sealed(_canonical.encode(command))
    texts = _texts(command)
    named: dict[str, Seen] = {}
    for text_of_one in texts:
        seen = parse_seen(text_of_one, admission)
        if isinstance(seen, Unreadable):
            return Asked(name, None, seen.message, (), (), body, mark, trace)
        named.setdefault(seen.key, seen)
    nobodys = tuple(one.partition(":")[0].strip() for one in texts if is_nobodys_value(one, admission))
    return Asked(name, command, "", tuple(named.values()), nobodys, body, mark, trace)


def _texts(command: Command) -> tuple[str, ...]:
    match command:
        case Merge() | Split():
            return command.identifiers
        case Erase(identifier=str(text)):
            return (text,)
        case _:
            return ()
