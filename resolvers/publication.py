"""What was last published of a component, and what is about to be: the memory that makes differences possible.

Before anything is sent, it is written down what will hold afterwards: a *begun* publication. Whoever finds one (the
worker after a crash, or the owner of a component that has moved) brings it to an end before anything else: where a
record can't be computed again (a merge, a value, a tombstone), all records of the change are there and are sent again
byte for byte; otherwise the profiles concerned become blank, which says "publish this whatever the difference says". So
the records of one change are never repeated behind those of a later one.
Must not know: Kafka, Redis, profiles' contents.
"""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

import msgspec
from msgspec import Struct

from resolvers.steps import Outgoing
from topics.codec import decode as decode_json

BLANK = b""

ERASED = ""
"""What the id of who was erased merged into: it is remembered, so that it never comes back."""


class Remembered(NamedTuple):
    """An occasion of a reminder that held, `rank` while it does, or was told; young until `until_s` where it was."""

    reminder: str
    occasion: str
    rank: int | None = None
    until_s: int = 0


class Decisions(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What was told of what rules decide of a profile. `tags`, `segments`: names, sorted, with spaces between them."""

    stage: str = ""
    tags: str = ""
    segments: str = ""
    occasions: tuple[Remembered, ...] = ()


NOTHING_DECIDED = Decisions()


class Published(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One profile as last published.

    Attributes:
        holder: the key of its strongest identifier, which holds the profile id.
        born: the version at which the id was first published; the smaller the older.
        version: of the last record. digest: of its contents; blank: unknown, publish it again.
        members: keys of its identifiers.
        value: lifetime value per currency.
        merged_from: ids that ended in this one.
        decided: what was told of the rules' decisions.
    """

    holder: str
    born: int
    version: int
    digest: bytes
    members: tuple[str, ...]
    value: dict[str, str] = {}
    merged_from: tuple[str, ...] = ()
    decided: Decisions = NOTHING_DECIDED


class State(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All that was published of a component.

    Attributes:
        version: the highest given to a record.
        profiles: by profile id.
        ended: ids that merged away -> the id they merged into; or `ERASED`.
        refused: digests of the refused evidence that was reported.
        taken_over: components that moved in and whose publications are in this state already.
        component_version: of the component that this was made from; no older one may be published after it.
        used: ids that its identifiers once had and that are somebody else's now; never given out here.
        later: records that are still to be sent, at versions up to `version`: one after the other, each once the one
            before has arrived, because a topic's records of a key must not be repeated behind a later one.
        due_us: when the component is to be looked at again, as it was scheduled; 0: never.
    """

    version: int = 0
    profiles: dict[str, Published] = {}
    ended: dict[str, str] = {}
    refused: tuple[bytes, ...] = ()
    taken_over: tuple[str, ...] = ()
    component_version: int = 0
    used: tuple[str, ...] = ()
    later: tuple[tuple[Outgoing, ...], ...] = ()
    due_us: int = 0


class Sending(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is being sent: the ids of the profiles, and all records if one of them can't be computed again."""

    profiles: tuple[str, ...] = ()
    records: tuple[Outgoing, ...] = ()


class Begun(Struct, frozen=True, gc=False):
    """What holds when all that is being sent has arrived."""

    state: State
    sending: Sending


class Publication(Struct, frozen=True, gc=False):
    """The store's record.

    `revision`: for compare-and-set. `offsets`: of each profile's last record in its partition of the profiles topic.
    `begun`: while something is being sent, and after a crash until it is brought to an end.
    """

    revision: int
    state: State
    offsets: Mapping[str, int] = {}
    begun: Begun | None = None


NOTHING = Publication(0, State())

_encoder = msgspec.msgpack.Encoder()
_state = msgspec.msgpack.Decoder(State)
_sending = msgspec.msgpack.Decoder(Sending)
_offsets = msgspec.msgpack.Decoder(list[int])


def encode(part: State | Sending) -> bytes:
    """A part of the record at rest."""
    return _encoder.encode(part)


def decode(data: bytes) -> State:
    """The state that `encode` wrote."""
    return _state.decode(data)


def encode_offsets(state: State, offsets: Mapping[str, int]) -> bytes:
    """The offsets of a state's profiles at rest: in their order, -1 where there is none."""
    return _encoder.encode([offsets.get(profile_id, -1) for profile_id in state.profiles])


def parse(
    revision: bytes | None, state: bytes | None, offsets: bytes | None, after: bytes | None, sending: bytes | None
) -> Publication:
    """The publication of a store record's fields, each None where it is missing."""
    if revision is None:
        return NOTHING
    now = State() if state is None else decode(state)
    places = () if offsets is None else _offsets.decode(offsets)
    begun = None if after is None or sending is None else Begun(decode(after), _sending.decode(sending))
    return Publication(int(revision), now, dict(zip(now.profiles, places, strict=False)), begun)


def blanked(state: State, profile_ids: Iterable[str], before: State) -> State:
    """The state with some profiles that are to be published whatever the difference says.

    Their last records, as far as anybody knows, are those of the state `before`.
    """
    blank = {
        one: msgspec.structs.replace(
            state.profiles[one], version=before.profiles.get(one, state.profiles[one]).version, digest=BLANK
        )
        for one in profile_ids
    }
    return msgspec.structs.replace(state, profiles={**state.profiles, **blank})


def inherited(state: State, absorbed: Mapping[str, State]) -> State:
    """The state of a component that others moved into, whose states are given by name; each is taken over once.

    An id that two of them knew is published whatever the difference says.
    """
    known = {*state.taken_over, *(name for other in absorbed.values() for name in other.taken_over)}
    for name, other in absorbed.items():
        if name not in known:
            state = _joined(state, other)
    return msgspec.structs.replace(state, taken_over=tuple(absorbed))


def _joined(state: State, other: State) -> State:
    profiles = {**state.profiles, **other.profiles}
    for profile_id in state.profiles.keys() & other.profiles.keys():
        newer = max(state.profiles[profile_id], other.profiles[profile_id], key=lambda one: one.version)
        profiles[profile_id] = msgspec.structs.replace(newer, digest=BLANK)
    return State(
        max(state.version, other.version),
        profiles,
        {**state.ended, **other.ended},
        tuple(sorted({*state.refused, *other.refused})),
        component_version=state.component_version,
        used=tuple(sorted({*state.used, *other.used})) if state.used or other.used else (),
        later=_later(state, other) if other.later else state.later,
        due_us=state.due_us,
    )


def _later(state: State, other: State) -> tuple[tuple[Outgoing, ...], ...]:
    """What both have still to send, of each topic and key in the order of versions."""
    rounds: list[list[Outgoing]] = []
    taken: dict[tuple[str, bytes], int] = {}
    for _, one in sorted((*_versioned(state), *_versioned(other)), key=itemgetter(0)):
        nth = taken[one.topic, one.key] = taken.get((one.topic, one.key), -1) + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(one)
    return tuple(map(tuple, rounds))


def _versioned(state: State) -> list[tuple[int, Outgoing]]:
    """What a state has still to send, with its versions; a tombstone has that of what comes after it under its key."""
    found: list[tuple[int, Outgoing]] = []
    after: dict[tuple[str, bytes], int] = {}
    for one in reversed([one for some in state.later for one in some]):
        place = one.topic, one.key
        version = after.get(place, state.version) if one.value is None else int(decode_json(one.value)["version"])
        after[place] = version
        found.append((version, one))
    return found[::-1]
