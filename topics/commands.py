"""Commands: what operators ask for, and the answer to each. Decoding only; nothing here decides or acts.

Identifiers are written `namespace:value`, or `namespace:~token` where only the token is known.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from topics import strict_json
from topics.envelope import explain
from topics.events import Instant, Name
from topics.records import LogPosition
from topics.refusals import Refusal, RefusalCode

COMMAND_SOURCE: Final = "idweave.commands"
"""What stands for the source of what a command causes, where an event has its publisher's; the id is the command's."""

_BYTES_MAX: Final = 1_000_000
_DEPTH_MAX: Final = 16

# Namespace, colon, value. No NUL, because the value is hashed behind one.
IdentifierText = Annotated[str, Meta(pattern=r"^[^:\x00]+:[^\x00]+(?![\s\S])", max_length=512)]
Reason = Annotated[str, Meta(max_length=4096)]


class CommandHeader(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What every command says. Its `time` is for people: what was before or after it, log positions say."""

    id: Name
    time: Instant | None = None
    by: Name | None = None
    reason: Reason | None = None
    dry_run: bool = False


class Merge(CommandHeader, tag="merge", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The identifiers are one person from now on."""

    identifiers: Annotated[tuple[IdentifierText, ...], Meta(min_length=2, max_length=1000)]


class Split(CommandHeader, tag="split", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The identifiers leave the person they are in, together."""

    identifiers: Annotated[tuple[IdentifierText, ...], Meta(min_length=1, max_length=1000)]


class Unbind(CommandHeader, tag="unbind", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The identifier changed hands: a new life from now on. What was before stays with the person of `from`."""

    identifier: IdentifierText
    from_: IdentifierText = field(name="from")


class Erase(CommandHeader, tag="erase", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A person is to be forgotten: named by an identifier or by a profile id, never by both."""

    identifier: IdentifierText | None = None
    profile_id: Name | None = None


class BlockTarget(CommandHeader, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One identifier, or all values of a namespace that a pattern matches; never both."""

    identifier: IdentifierText | None = None
    namespace: Name | None = None
    pattern: Name | None = None


class Block(BlockTarget, tag="block", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The values are dropped from events, and their links do not count."""


class Unblock(BlockTarget, tag="unblock", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The values are to be taken again."""


class Undo(CommandHeader, tag="undo", tag_field="type", frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The merge, split, unbind or block with the id `of` is taken back."""

    of: Name


Command = Merge | Split | Unbind | Erase | Block | Unblock | Undo
COMMAND_TYPES: Final = (Merge, Split, Unbind, Erase, Block, Unblock, Undo)


class Result(Struct, frozen=True, kw_only=True):
    """The answer to a command: key = its id, recorded for ever, repeated when the same id comes again.

    Attributes:
        identifiers: what the command acted on as it was resolved when first decided, `namespace:~token`.
        detail: for people, without personal data.
        body: digest of the command's body, by which the same id with another body is told.
        append_ms, topic, partition, offset: the command's log position; a rebuild applies the result there.
        effect: what the decision fixed beyond the identifiers (lives, commands lifted, profile ids).
    """

    id: str
    type: str
    status: Literal["done", "refused", "not_found", "invalid"]
    identifiers: tuple[str, ...] = field(default_factory=tuple)
    detail: str = ""
    dry_run: bool = False
    body: str = ""
    append_ms: int = 0
    topic: str = ""
    partition: int = 0
    offset: int = 0
    effect: dict[str, Any] = field(default_factory=dict)

    @property
    def position(self) -> LogPosition:
        """Where the command lies in the log."""
        return LogPosition(self.append_ms, self.topic, self.partition, self.offset)


class _OnlyId(Struct, frozen=True, gc=False):
    id: Name


_COMMAND: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(Command)
_ONLY_ID: Final = msgspec.json.Decoder(_OnlyId)
_RESULT: Final = msgspec.json.Decoder(Result)


def decode_command(text: bytes) -> Command | Refusal:
    """The command in a record's value, or why there is none. Codes: `too_large`, `invalid_json`, `invalid_event`."""
    if len(text) > _BYTES_MAX:
        return Refusal(RefusalCode.TOO_LARGE, f"The value has {len(text)} bytes, more than {_BYTES_MAX}")
    fault = strict_json.fault(text, _DEPTH_MAX)
    if fault is not None:
        return fault
    try:
        command = _COMMAND.decode(text)
    except msgspec.ValidationError as error:
        return Refusal(RefusalCode.INVALID_EVENT, explain(error))
    reason = _fault(command)
    return command if reason is None else Refusal(RefusalCode.INVALID_EVENT, reason)


def command_id(text: bytes) -> str | None:
    """The id of a command that may be invalid otherwise, so that it can be answered; None where it has none."""
    if len(text) > _BYTES_MAX or strict_json.fault(text, _DEPTH_MAX) is not None:
        return None
    try:
        found = _ONLY_ID.decode(text).id
    except msgspec.ValidationError:
        return None
    return None if "\0" in found else found


def decode_result(text: bytes) -> Result:
    """A record of `commands.results`, which we wrote.

    Raises:
        msgspec.DecodeError: somebody else wrote to the topic.
    """
    return _RESULT.decode(text)


def _fault(command: Command) -> str | None:
    if "\0" in command.id:
        return "A NUL character - at `$.id`"
    match command:
        case Erase(identifier=identifier, profile_id=profile_id):
            if (identifier is None) == (profile_id is None):
                return "Expected either `identifier` or `profile_id` - at `$`"
        case Block() | Unblock():
            by_pattern = command.namespace is not None and command.pattern is not None
            partly = command.namespace is not None or command.pattern is not None
            if by_pattern != partly or by_pattern == (command.identifier is not None):
                return "Expected either `identifier` or both `namespace` and `pattern` - at `$`"
        case _:
            pass
    return None
