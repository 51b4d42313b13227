"""What was last published of a component, and what is about to be: the memory that makes differences possible.

Before anything is sent, the state that will hold afterwards is written down as the *intent*, with the digests of all
that is touched left blank and every record that can't be computed again in `carry`. So whoever finds an intent (the
worker after a crash, or the component that this one moved into) takes it as the state: a blank digest
says "publish this whatever the difference says", and `carry` is sent byte for byte.
Must not know: Kafka, Redis, profiles' contents.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from resolvers.steps import Outgoing

BLANK = b""


class Published(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One profile as last published.

    Attributes:
        holder: the key of its strongest identifier, which holds the profile id.
        born: the version at which the id was first published; the smaller the older.
        version: of the last record. digest: of its contents; blank: unknown, publish it again.
        members: keys of its identifiers.
        value: lifetime value per currency.
        merged_from: ids that ended in this one.
        offset: of the last record in its partition of the profiles topic; -1 while it is not sent.
    """

    holder: str
    born: int
    version: int
    digest: bytes
    members: tuple[str, ...]
    value: dict[str, str] = {}
    merged_from: tuple[str, ...] = ()
    offset: int = -1


class State(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All that was published of a component.

    Attributes:
        version: the highest given to a record.
        profiles: by profile id.
        ended: ids that merged away -> the id they merged into.
        refused: digests of the refused evidence that was reported.
        carry: records that must be sent, byte for byte, before this state holds.
        taken_over: components that moved in and whose publications are in this state already.
        component_version: of the component that this was made from; no older one may be published after it.
    """

    version: int = 0
    profiles: dict[str, Published] = {}
    ended: dict[str, str] = {}
    refused: tuple[bytes, ...] = ()
    carry: tuple[Outgoing, ...] = ()
    taken_over: tuple[str, ...] = ()
    component_version: int = 0


class Publication(NamedTuple):
    """The store's record: a revision for compare-and-set, the state, and the intent while something is being sent."""

    revision: int
    state: State
    intent: State | None = None

    def recovered(self) -> State:
        """The state to start from: the intent where one is left."""
        return self.state if self.intent is None else self.intent


NOTHING = Publication(0, State())

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """A state at rest."""
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """The state that `encode` wrote."""
    return _decoder.decode(data)


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
        state.carry + other.carry,
        component_version=state.component_version,
    )
