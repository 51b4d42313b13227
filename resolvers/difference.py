"""The difference between people as they are and as they were last published, as records.

Rules (contract, section 3): the records of one change go out in the order profiles, identities, merges, values,
conflicts; a survivor goes before the `merged_into` of those that end in it; a change has at most one record of a topic
and key, so that a repetition never goes back a version; equal versions have equal bytes; `id` is a digest of topic,
key, version and content.
Must not know: how records are sent, the store.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from resolvers.component import Component
from resolvers.evidence import Edge, Mark, Pair
from resolvers.partition import Refused
from resolvers.people import People, Person
from resolvers.profile_ids import Assigned, Mint, assign, survivor
from resolvers.publication import BLANK, ERASED, Published, Sending, State
from resolvers.steps import Notice, Outgoing
from topics.codec import canonical, encode
from topics.instants import to_text

ZERO = "0.00"

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

    `records` go out in this order; the first of them are the profiles in `sent`. `repeatable`: all of them can be
    computed again from the state. `more`: there is more to tell, at a later version. `named` are ids that are new, or
    may never have been published, with their holders.
    `merges` and `refused` count, for metrics: the types of merges, and the rules of newly refused evidence.
    """

    records: list[Outgoing]
    sent: tuple[str, ...]
    state: State
    repeatable: bool = True
    more: bool = False
    named: Sequence[tuple[str, str]] = ()
    merges: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def sending(self) -> Sending:
        """What to write down before sending."""
        return Sending(self.sent, () if self.repeatable else tuple(self.records))


def difference(
    component: Component, now: People, before: State, notice: Notice, *, now_us: int, mint: Mint
) -> Difference | None:
    """What has changed since `before`; None if nothing has."""
    return _Differ(component, before, notice, now_us).run(now, mint)


def header(traceparent: str | None) -> tuple[tuple[str, bytes], ...]:
    """The W3C trace context of the event that caused a record."""
    return () if traceparent is None else (("traceparent", traceparent.encode()),)


class _Gone(NamedTuple):
    """Profile ids that nobody has any more, and what is said of them: on `profiles`, `identities` and `merges`."""

    ids: frozenset[str]
    profiles: list[Outgoing]
    identities: list[Outgoing]
    merges: list[tuple[str, Outgoing]]


_NOBODY = _Gone(frozenset(), [], [], [])


class _Differ:
    def __init__(self, component: Component, before: State, notice: Notice, now_us: int) -> None:
        self._edges = component.edges
        self._facets = component.facets
        self._component_version = component.version
        self._before = before
        self._version = max(before.version + 1, now_us)
        self._more = False
        cause = encode({"id": notice.id, "source": notice.source}).decode()
        self._frame = f'"version":{self._version},"at":"{to_text(now_us)}","cause":{cause},'
        self._headers = header(notice.traceparent)

    def run(self, now: People, mint: Mint) -> Difference | None:
        before = self._before
        assigned = assign(now.persons, before, mint)
        merged = _merged_from(before, assigned.ended) if assigned.ended else None
        profiles: list[Outgoing] = []
        identities: list[Outgoing] = []
        values: list[Outgoing] = []
        sent: list[str] = []
        after: dict[str, Published] = {}
        moved = bool(assigned.ended)
        for person, profile_id in zip(now.persons, assigned.ids, strict=True):
            old = before.profiles.get(profile_id)
            merged_from = (
                merged.get(profile_id, ()) if merged is not None else old.merged_from if old is not None else ()
            )
            body = person.body[:-1] + b',"merged_from":' + encode(merged_from) + b"}"
            digest = hashlib.blake2b(body, digest_size=12).digest()
            same = old is not None and old.digest == digest and old.holder == person.holder
            value = person.value
            if old is None or old.value != value:
                told, value = self._value(profile_id, {} if old is None else old.value, value)
                values += told
            if same:
                assert old is not None
                after[profile_id] = old if old.value is value else replace(old, value=value)
                continue
            sent.append(profile_id)
            profiles.append(self._framed("profiles", profile_id, body, digest))
            after[profile_id] = self._published(person, old, value, merged_from, digest)
            if old is None or old.digest == BLANK or old.members != person.members:
                moved = True
                known = set() if old is None or old.digest == BLANK else {*old.members}
                identities += [self._identity(key, profile_id) for key in person.members if key not in known]
                if old is not None:
                    identities += self._nobodys(old)
        merges = self._merges(assigned, now.persons) if moved and before.profiles else []
        news = [one for one in now.refused if _digest_of(one) not in before.refused]
        conflicts = [conflict(one.pair, one.rule, _marks(self._edges[one.pair]), self._headers) for one in news]
        ended = [self._ended(one, into) for one, into in assigned.ended.items()]
        identities += [record for one in assigned.ended for record in self._nobodys(before.profiles[one])]
        gone = self._gone(assigned.erased) if assigned.erased else _NOBODY
        merges += gone.merges
        reports = [*(record for _, record in merges), *values, *conflicts]
        refused = tuple(sorted(_digest_of(one) for one in now.refused))
        if (
            not sent
            and not ended
            and not reports
            and not gone.ids
            and after == before.profiles
            and refused == before.refused
        ):
            return None
        return Difference(
            [*profiles, *ended, *gone.profiles, *identities, *gone.identities, *reports],
            tuple(sent),
            State(
                self._version,
                after,
                self._ids_ended(assigned.ended, gone.ids) if ended or gone.ids else before.ended,
                refused,
                before.taken_over,
                self._component_version,
            ),
            not ended and not reports,
            self._more,
            # A blank one may have been begun and given up before its id was named.
            [(one, after[one].holder) for one in sent if before.profiles.get(one, _UNKNOWN).digest == BLANK],
            tuple(kind for kind, _ in merges),
            tuple(one.rule for one in news),
        )

    def _published(
        self,
        person: Person,
        old: Published | None,
        value: dict[str, str],
        merged_from: tuple[str, ...],
        digest: bytes,
    ) -> Published:
        return Published(
            person.holder,
            old.born if old is not None else self._version,
            self._version,
            digest,
            person.members,
            value,
            merged_from,
        )

    def _ended(self, profile_id: str, into: str) -> Outgoing:
        """The last word on an id that merged away."""
        value = {"profile_id": profile_id, "version": self._version, "merged_into": into}
        return Outgoing("profiles", profile_id.encode(), encode(value), self._headers)

    def _gone(self, erased: tuple[str, ...]) -> "_Gone":
        """What is said of people who were erased, and of all ids that had ended in theirs."""
        before = self._before
        ids = {*erased, *(one for one in before.ended if survivor(before.ended, one) in erased)}
        contents = {"type": "erased", "to": [], "identifiers": [], "evidence": []}
        return _Gone(
            frozenset(ids),
            [Outgoing("profiles", one.encode(), None, self._headers) for one in sorted(ids)],
            [record for one in erased for record in self._nobodys(before.profiles[one])],
            [("erased", self._framed("merges", one, canonical({**contents, "from": [one]}))) for one in erased],
        )

    def _nobodys(self, old: Published) -> list[Outgoing]:
        """Tombstones of a profile's identifiers that were erased."""
        gone = [key for key in old.members if key not in self._facets]
        return [Outgoing("identities", key.encode(), None, self._headers) for key in gone]

    def _ids_ended(self, news: Mapping[str, str], gone: frozenset[str]) -> dict[str, str]:
        """The ids that nobody has any more, and where each leads to."""
        return {**self._before.ended, **news, **dict.fromkeys(gone, ERASED)}

    def _framed(self, topic: str, profile_id: str, content: bytes, digest: bytes | None = None) -> Outgoing:
        """A record keyed by profile id; its content is canonical JSON already, and may have been digested already."""
        key = profile_id.encode()
        record_id = _record_id(topic, key, self._version, digest or content)
        frame = f'{{"id":"{record_id}","profile_id":"{profile_id}",{self._frame}'
        return Outgoing(topic, key, frame.encode() + content[1:], self._headers)

    def _identity(self, key: str, profile_id: str) -> Outgoing:
        namespace, _, token = key.partition(":")
        value = {"namespace": namespace, "token": token, "profile_id": profile_id, "version": self._version}
        return Outgoing("identities", key.encode(), encode(value), self._headers)

    def _merges(self, assigned: Assigned, persons: list[Person]) -> list[tuple[str, Outgoing]]:
        """`merged` for every id that ends, `split` and `moved` for identifiers that left a profile that goes on."""
        ended = assigned.ended
        was_in = {key: one for one, published in self._before.profiles.items() for key in published.members}
        id_of = {key: one for person, one in zip(persons, assigned.ids, strict=True) for key in person.members}
        left: dict[str, dict[str, str]] = {}
        for key, old in was_in.items():
            new = id_of.get(key)
            if new is not None and new != old:
                left.setdefault(old, {})[key] = new
        records: list[tuple[str, Outgoing]] = []
        for old in sorted({*left, *ended}.difference(assigned.erased)):
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

    def _value(
        self, profile_id: str, before: dict[str, str], now: dict[str, str]
    ) -> tuple[list[Outgoing], dict[str, str]]:
        """The record of a currency whose value has changed, and the values told of by then; the others come later."""
        changed = [one for one in sorted({*before, *now}) if before.get(one, ZERO) != now.get(one, ZERO)]
        if not changed:
            return [], now
        one, *later = changed
        content = {"currency": one, "value": now.get(one, ZERO), "previous": before.get(one, ZERO)}
        self._more = self._more or bool(later)
        told = {**before, one: content["value"]} if later else now
        return [self._framed("values", profile_id, canonical(content))], told


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
