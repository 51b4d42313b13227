"""The difference between people as they are and as they were last published, as records.

Rules (contract, section 3): the records of one change go out in the order profiles, identities, merges, values,
conflicts; a survivor goes before the `merged_into` of those that end in it; equal versions have equal bytes; `id` is
a digest of topic, key, version and content.
Must not know: how records are sent, the store.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from resolvers.component import Component
from resolvers.evidence import Edge, Mark, Pair
from resolvers.partition import Refused
from resolvers.people import People, Person
from resolvers.profile_ids import Mint, assign
from resolvers.publication import BLANK, Published, State
from resolvers.steps import Notice, Outgoing
from topics.codec import canonical, encode
from topics.instants import to_text

EVIDENCE_MAX = 5
"""Records name at most this many events as evidence."""

REASONS = {
    "unique": "two values of a unique namespace would meet in one profile",
    "limit": "more values of a namespace than its limit would meet in one profile",
    "weak_link": "a shared device would join two known people",
    "hub": "an identifier with more neighbours than its cap links nobody",
    "component": "the component is at its cap",
    "blocked": "a blocked value links nobody",
    "split": "an operator split the two apart",
    "drop": "a device with evidence of two values of a unique namespace links nobody",
    "unbound": "the identifier was taken off the card, and not seen with it since",
    "logged_out": "the session on the device ended, and the two were not seen together since",
    "id_reused": "another event had this id and source before",
    "blocked_value": "a value that stands for nobody, or is blocked",
    "invalid_value": "a value that its namespace can't read",
}

_UNKNOWN = Published("", 0, 0, BLANK, ())


class Difference(NamedTuple):
    """What to publish, and the state that holds once it is.

    `sent` are the ids whose record is in `profiles`, in that order; `named` are ids that are new, or may never have
    been published, with their holders.
    `merges` and `refused` count, for metrics: the types of merges, and the rules of newly refused evidence.
    """

    profiles: list[Outgoing]
    sent: list[str]
    identities: list[Outgoing]
    carry: tuple[Outgoing, ...]
    state: State
    named: list[tuple[str, str]]
    merges: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def records(self) -> list[Outgoing]:
        """Everything to send, in order."""
        ended = [record for record in self.carry if record.topic == "profiles"]
        others = [record for record in self.carry if record.topic != "profiles"]
        return [*self.profiles, *ended, *self.identities, *others]

    def intent(self) -> State:
        """The state to write down before sending: what is touched is blank, what can't be computed again is carried."""
        blank = {
            profile_id: msgspec.structs.replace(self.state.profiles[profile_id], digest=BLANK)
            for profile_id in self.sent
        }
        return msgspec.structs.replace(self.state, profiles={**self.state.profiles, **blank}, carry=self.carry)

    def completed(self, offsets: list[int]) -> State:
        """The state after sending; offsets are those of `profiles`."""
        profiles = dict(self.state.profiles)
        for profile_id, offset in zip(self.sent, offsets, strict=False):
            profiles[profile_id] = msgspec.structs.replace(profiles[profile_id], offset=offset)
        return msgspec.structs.replace(self.state, profiles=profiles)


def difference(
    component: Component, now: People, before: State, notice: Notice, *, now_us: int, mint: Mint
) -> Difference | None:
    """What has changed since `before`; None if nothing has."""
    return _Differ(component, before, notice, now_us).run(now, mint)


def header(traceparent: str | None) -> tuple[tuple[str, bytes], ...]:
    """The W3C trace context of the event that caused a record."""
    return () if traceparent is None else (("traceparent", traceparent.encode()),)


class _Differ:
    def __init__(self, component: Component, before: State, notice: Notice, now_us: int) -> None:
        self._edges = component.edges
        self._component_version = component.version
        self._before = before
        self._version = self._highest = max(before.version + 1, now_us)
        self._frame = {"at": to_text(now_us), "cause": {"id": notice.id, "source": notice.source}}
        self._headers = header(notice.traceparent)

    def run(self, now: People, mint: Mint) -> Difference | None:
        before = self._before
        assigned = assign(now.persons, before, mint)
        merged = _merged_from(before, assigned.ended) if assigned.ended else None
        was_in = {key: one for one, published in before.profiles.items() for key in published.members}
        id_of = {key: one for person, one in zip(now.persons, assigned.ids, strict=True) for key in person.members}
        profiles: list[Outgoing] = []
        identities: list[Outgoing] = []
        values: list[Outgoing] = []
        sent: list[str] = []
        after: dict[str, Published] = {}
        for person, profile_id in zip(now.persons, assigned.ids, strict=True):
            old = before.profiles.get(profile_id)
            merged_from = (
                merged.get(profile_id, ()) if merged is not None else old.merged_from if old is not None else ()
            )
            body = person.body[:-1] + b',"merged_from":' + encode(merged_from) + b"}"
            digest = hashlib.blake2b(body, digest_size=12).digest()
            if old is not None and old.digest == digest and old.holder == person.holder:
                after[profile_id] = old
                continue
            sent.append(profile_id)
            profiles.append(self._framed("profiles", profile_id, body, digest=digest))
            after[profile_id] = self._published(person, old, merged_from, digest)
            again = old is not None and old.digest == BLANK
            identities += [
                self._identity(key, profile_id) for key in person.members if again or was_in.get(key) != profile_id
            ]
            values += self._values(profile_id, old, person.value)
        ended = [self._ended(one, into) for one, into in assigned.ended.items()]
        merges = self._merges(was_in, id_of, assigned.ended, now.persons)
        news = [one for one in now.refused if _digest_of(one) not in before.refused]
        conflicts = [conflict(one.pair, one.rule, _marks(self._edges[one.pair]), self._headers) for one in news]
        carry = (*before.carry, *ended, *(record for _, record in merges), *values, *conflicts)
        refused = tuple(sorted(_digest_of(one) for one in now.refused))
        if not sent and not carry and after == before.profiles and refused == before.refused:
            return None
        return Difference(
            profiles,
            sent,
            identities,
            carry,
            State(
                self._highest,
                after,
                {**before.ended, **assigned.ended},
                refused,
                taken_over=before.taken_over,
                component_version=self._component_version,
            ),
            # A blank one may be an intent's that was given up before its id was named.
            [(one, after[one].holder) for one in sent if before.profiles.get(one, _UNKNOWN).digest == BLANK],
            tuple(kind for kind, _ in merges),
            tuple(one.rule for one in news),
        )

    def _published(
        self, person: Person, old: Published | None, merged_from: tuple[str, ...], digest: bytes
    ) -> Published:
        return Published(
            person.holder,
            old.born if old is not None else self._version,
            self._version,
            digest,
            person.members,
            person.value,
            merged_from,
        )

    def _ended(self, profile_id: str, into: str) -> Outgoing:
        """The last word on an id that merged away."""
        value = {"profile_id": profile_id, "version": self._version, "merged_into": into}
        return Outgoing("profiles", profile_id.encode(), encode(value), self._headers)

    def _framed(
        self, topic: str, profile_id: str, content: bytes, *, nth: int = 0, digest: bytes | None = None
    ) -> Outgoing:
        """A record keyed by profile id; its content is canonical JSON already, and may have been digested already.

        `nth`: of the records that one change has for this key and topic, because each has a version of its own.
        """
        key, version = profile_id.encode(), self._version + nth
        self._highest = max(self._highest, version)
        frame = {
            "id": _record_id(topic, key, version, digest or content),
            "profile_id": profile_id,
            "version": version,
            **self._frame,
        }
        return Outgoing(topic, key, encode(frame)[:-1] + b"," + content[1:], self._headers)

    def _identity(self, key: str, profile_id: str) -> Outgoing:
        namespace, _, token = key.partition(":")
        value = {"namespace": namespace, "token": token, "profile_id": profile_id, "version": self._version}
        return Outgoing("identities", key.encode(), encode(value), self._headers)

    def _merges(
        self, was_in: Mapping[str, str], id_of: Mapping[str, str], ended: Mapping[str, str], persons: list[Person]
    ) -> list[tuple[str, Outgoing]]:
        """`merged` for every id that ends, `split` and `moved` for identifiers that left a profile that goes on."""
        left: dict[str, dict[str, str]] = {}
        for key, old in was_in.items():
            new = id_of.get(key)
            if new is not None and new != old:
                left.setdefault(old, {})[key] = new
        records: list[tuple[str, Outgoing]] = []
        for old in sorted({*left, *ended}):
            went = left.get(old, {})
            if old in ended:
                kind, to = "merged", [ended[old]]
            else:
                to = sorted(set(went.values()))
                kind = "split" if any(one not in self._before.profiles for one in to) else "moved"
            content = {
                "type": kind,
                "from": [old],
                "to": [old, *to] if kind == "split" else to,
                "identifiers": [_moved(key, went[key]) for key in sorted(went)],
                "evidence": self._evidence(set(went), [set(one.members) for one in persons]),
            }
            records.append((kind, self._framed("merges", old, canonical(content))))
        return records

    def _evidence(self, moved: set[str], groups: list[set[str]]) -> list[dict[str, str]]:
        """The events behind the links between what moved and where it moved to."""
        crossing = [
            self._edges[pair].first
            for pair in self._edges
            if (pair.strong in moved) != (pair.weak in moved)
            and any(pair.strong in group and pair.weak in group for group in groups)
        ]
        return [_event(mark) for mark in sorted(crossing)[-EVIDENCE_MAX:]]

    def _values(self, profile_id: str, old: Published | None, new: Mapping[str, str]) -> list[Outgoing]:
        previous = old.value if old is not None else {}
        changed = [
            {"currency": one, "value": new.get(one, "0.00"), "previous": previous.get(one, "0.00")}
            for one in sorted({*previous, *new})
            if previous.get(one, "0.00") != new.get(one, "0.00")
        ]
        return [self._framed("values", profile_id, canonical(content), nth=nth) for nth, content in enumerate(changed)]


def conflict(keys: tuple[str, ...], rule: str, marks: list[Mark], headers: tuple[tuple[str, bytes], ...]) -> Outgoing:
    """A record of `conflicts`: identifiers by key, and the events that are the evidence."""
    namespaces = [key.partition(":") for key in keys]
    content = {
        "identifiers": [{"namespace": namespace, "token": token} for namespace, _, token in namespaces],
        "rule": rule,
        "reason": REASONS[rule],
        "evidence": [_event(mark) for mark in marks],
    }
    key = namespaces[0][2].encode()
    named = {"id": _record_id("conflicts", key, 0, canonical(content)), "at": to_text(marks[-1].append_ms * 1000)}
    return Outgoing("conflicts", key, encode({**named, **content}), headers)


def _record_id(topic: str, key: bytes, version: int, content: bytes) -> str:
    text = b"\0".join((topic.encode(), key, b"%d" % version, content))
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _merged_from(before: State, ended: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The ids that have ended in each id that goes on, or ends now."""
    merged: dict[str, set[str]] = {one: set(published.merged_from) for one, published in before.profiles.items()}
    for old, into in ended.items():
        merged.setdefault(into, set()).update({old}, merged.get(old, ()))
    return {one: tuple(sorted(ids)) for one, ids in merged.items()}


def _marks(edge: Edge) -> list[Mark]:
    return [edge.first] if edge.first == edge.last else [edge.first, edge.last]


def _event(mark: Mark) -> dict[str, str]:
    return {"id": mark.id, "source": mark.source, "time": to_text(mark.time_us)}


def _moved(key: str, profile_id: str) -> dict[str, str]:
    namespace, _, token = key.partition(":")
    return {"namespace": namespace, "token": token, "profile_id": profile_id}


def _digest_of(refused: Refused) -> bytes:
    text = f"{Pair(*refused.pair).joined()}\x1f{refused.rule}".encode()
    return hashlib.blake2b(text, digest_size=8).digest()
