"""Restoring: what was published of a component, from what the output topics say, for a store that has lost it.

The topics are the journal: `identities` says whose profile each identifier is in, `profiles` what was said last of each
id, and into which id it merged. From these comes the state that the projection would have left, so that what it
publishes next is only what is different now.
Rules (contract, section 4): an id goes to the strongest identifier of the profile that it was published for, as far as
that is here again; an id that merged away keeps resolving; no id is ever given to somebody else. What the topics do not
say, or say in two ways, is published again.
Must not know: how topics are read, where this is kept meanwhile.
"""

import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from resolvers.component import Component
from resolvers.difference import digests_of
from resolvers.namespaces import IdentityRules
from resolvers.partition import strength
from resolvers.people import VALUES_OF, People, Person
from resolvers.profile_ids import Mint
from resolvers.publication import (
    BLANK,
    NOTHING_DECIDED,
    Decisions,
    Published,
    Sending,
    State,
    decode,
    encode,
    encode_offsets,
)
from resolvers.publication import Remembered as Occasion
from resolvers.reminded import with_those_that_hold
from resolvers.steps import Complete, Intend, NameProfile, Protocol, Together
from topics.codec import encode as encode_json

FRAME: Final = ("id", "profile_id", "version", "at", "cause")
"""The fields of a profile that are not of its contents; they lead the record."""


class Said(msgspec.Struct, array_like=True, frozen=True):
    """The last record of a profile that lives.

    Attributes:
        version: of the record. digest: of its contents, as a state keeps it.
        members: keys of its identifiers, strongest first.
        value: lifetime value per currency.
        merged_from: ids that ended in it.
        stage, tags, segments: what rules had decided, as a state keeps it.
    """

    version: int
    digest: bytes
    members: tuple[str, ...]
    value: dict[str, str]
    merged_from: tuple[str, ...]
    stage: str = ""
    tags: str = ""
    segments: str = ""


class Merged(NamedTuple):
    """The last record of a profile id that ended: the id that it merged into."""

    version: int
    into: str


class Remembered(NamedTuple):
    """What the topics say of an id that lives.

    `members`: the identifiers that `identities` leads to it -> the version that says so. `minted`: the version at which
    the id was first published. `said`: its record, None where that is missing. `offset`: of the record in its
    partition; -1: there is none.
    """

    profile_id: str
    members: Mapping[str, int]
    minted: int
    said: Said | None = None
    offset: int = -1

    def holders(self, rules: IdentityRules) -> list[str]:
        """Who may hold the id, the first of them that is here: as it was published, then by strength."""
        published = () if self.said is None else [key for key in self.said.members if key in self.members]
        others = [key for key in self.members if key not in published and key.partition(":")[0] in rules.namespaces]
        return [*published, *sorted(others, key=lambda key: strength(key, rules))]


class Restored(NamedTuple):
    """A publication to be written down: its state, the offsets of its profiles, and the names that lead to it."""

    component: str
    state: State
    offsets: Mapping[str, int]
    named: Sequence[tuple[str, str]]


class _Identifier(msgspec.Struct):
    namespace: str
    token: str


class _Lifecycle(msgspec.Struct):
    stage: str | None = None


class _Record(msgspec.Struct):
    version: int
    merged_into: str | None = None
    identifiers: tuple[_Identifier, ...] = ()
    lifetime_value: dict[str, str] = {}
    merged_from: tuple[str, ...] = ()
    lifecycle: _Lifecycle | None = None
    tags: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


class Belongs(msgspec.Struct, frozen=True):
    """The last record of an identifier: whose it is."""

    profile_id: str
    version: int
    minted: int


_record = msgspec.json.Decoder(_Record)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_identity = msgspec.json.Decoder(Belongs)


def read_profile(value: bytes) -> Said | Merged:
    """A record of `profiles`, which we wrote.

    Raises:
        msgspec.DecodeError: somebody else did.
    """
    record = _record.decode(value)
    if record.merged_into is not None:
        return Merged(record.version, record.merged_into)
    members = tuple(f"{one.namespace}:{one.token}" for one in record.identifiers)
    stage = "" if record.lifecycle is None else record.lifecycle.stage or ""
    tags, segments = " ".join(record.tags), " ".join(record.segments)
    return Said(
        record.version, _digest(value), members, record.lifetime_value, record.merged_from, stage, tags, segments
    )


def read_identity(value: bytes) -> Belongs:
    """A record of `identities`.

    Raises:
        msgspec.DecodeError: we did not write it.
    """
    return _identity.decode(value)


def _digest(value: bytes) -> bytes:
    """The digest of a record's contents, byte for byte as they were when the difference was made."""
    fields = _fields.decode(value)
    contents = b",".join(encode_json(name) + b":" + bytes(raw) for name, raw in fields.items() if name not in FRAME)
    return hashlib.blake2b(b"{" + contents + b"}", digest_size=12).digest()


def own_ids(keys: Iterable[str], mint: Mint, is_known: Callable[[list[str]], Collection[str]]) -> dict[str, list[str]]:
    """The known ids that each identifier has minted, or its second profile (by `VALUES_OF` and the key)."""
    found: dict[str, list[str]] = {holder: [] for key in keys for holder in (key, f"{VALUES_OF}{key}")}
    asked = list(found)
    nth = 0
    while asked:
        minted = {holder: mint(holder, nth) for holder in asked}
        known = set(is_known(list(minted.values())))
        asked = [holder for holder, profile_id in minted.items() if profile_id in known]
        for holder in asked:
            found[holder].append(minted[holder])
        nth += 1
    return {holder: ids for holder, ids in found.items() if ids}


def restored(
    component: Component,
    now: People,
    ours: Mapping[str, Remembered],
    ended: Mapping[str, str],
    used: Collection[str],
    *,
    reminded: Mapping[str, Sequence[Occasion]],
) -> Restored:
    """The publication of a component.

    Args:
        component: at rest.
        now: its people.
        ours: by holder, here, of what is published for it.
        ended: ids that ended -> the id that they merged into, in the end one of ours.
        used: ids that are known and were minted here; those that are not ours are somebody else's.
        reminded: by id, ours or ended, what is still remembered of occasions that were told.
    """
    told: dict[str, list[Occasion]] = {one.profile_id: [] for one in ours.values()}
    for profile_id, occasions in reminded.items():
        told[_end(profile_id, ended)] += occasions
    profiles = {one.profile_id: _published(holder, one, now, told[one.profile_id]) for holder, one in ours.items()}
    holder_of = {one.profile_id: holder for holder, one in ours.items()}
    names = [*holder_of.items(), *((old, holder_of[_end(old, ended)]) for old in ended)]
    state = State(
        max([one.version for one in profiles.values()], default=0),
        profiles,
        dict(ended),
        digests_of(now.refused),
        component_version=component.version,
        used=tuple(sorted(set(used) - profiles.keys() - ended.keys())),
    )
    offsets = {one.profile_id: one.offset for one in ours.values() if one.offset >= 0}
    return Restored(component.name, state, offsets, names)


def stray(profile_id: str, said: Said, holder: str) -> bytes:
    """A state at rest with a profile that was published and that the store has forgotten; to be published again.

    How old it is nobody knows: it counts as being as old as its last record. `holder`: one of its identifiers, or of
    who has none the device whose second profile it is, behind `VALUES_OF`.
    """
    decided = Decisions(said.stage, said.tags, said.segments)
    one = Published(holder, said.version, said.version, BLANK, said.members, said.value, said.merged_from, decided)
    return encode(State(said.version, {profile_id: one}))


def with_strays(state: State, strays: Sequence[bytes], members: Container[str]) -> State:
    """The state of a component with profiles that were published for its members by a store that has forgotten it.

    A profile whose id is known here by now, or whose holder is elsewhere, is left out.
    """
    known = {*state.profiles, *state.ended, *state.used}
    for other in map(decode, strays):
        found = {
            name: one
            for name, one in other.profiles.items()
            if name not in known and one.holder.removeprefix(VALUES_OF) in members
        }
        if found:
            version = max(state.version, other.version)
            state = msgspec.structs.replace(state, version=version, profiles={**state.profiles, **found})
    return state


def write_down(one: Restored) -> Protocol[bool]:
    """Write a restored publication into the store, where there is none -> whether there was none."""
    yield Together([NameProfile(profile_id, key) for profile_id, key in one.named])
    revision: int | None = yield Intend(one.component, 0, encode(one.state), encode(Sending()))
    if revision is None:
        return False
    done: bool = yield Complete(one.component, revision, encode_offsets(one.state, one.offsets))
    return done


def _published(holder: str, one: Remembered, now: People, told: Sequence[Occasion]) -> Published:
    said, versions = one.said, list(one.members.values())
    person = next((person for person in now.persons if holder in (person.holder, *person.keys)), None)
    if said is None:
        # Nobody can say what was told of it; that it is what it was is likelier than that it was nothing.
        value: dict[str, str] = {} if person is None else person.value
        members = _members(one, holder)
        return Published(holder, one.minted, max(versions), BLANK, members, value, (), _decided(None, person, told))
    version = max([said.version, *versions])
    whole = set(said.members) == one.members.keys()
    members = said.members if whole else _members(one, holder)
    digest = said.digest if whole else BLANK
    decided = _decided(said, person, told)
    return Published(holder, one.minted, version, digest, members, said.value, said.merged_from, decided)


def _decided(said: Said | None, person: Person | None, told: Sequence[Occasion]) -> Decisions:
    """What was told of the rules' decisions; of reminders, that all that hold were: a rebuild reminds nobody.

    And those that were told and hold no more, so that none is told again when it comes back.
    """
    judged = None if person is None else person.judged
    holding: list[Occasion] = []
    if judged is not None and person is not None and person.members:
        holding = [Occasion(one.reminder, one.occasion, one.rank) for one in judged.occasions]
    occasions = with_those_that_hold(holding, told)
    if said is not None:
        return Decisions(said.stage, said.tags, said.segments, occasions)
    if judged is None:
        return Decisions(occasions=occasions) if occasions else NOTHING_DECIDED
    now = judged.additions
    return Decisions(now["lifecycle"]["stage"], " ".join(now["tags"]), " ".join(now["segments"]), occasions)


def _members(one: Remembered, holder: str) -> tuple[str, ...]:
    return tuple(sorted(one.members, key=lambda key: (key != holder, key)))


def _end(profile_id: str, ended: Mapping[str, str]) -> str:
    while profile_id in ended:
        profile_id = ended[profile_id]
    return profile_id
