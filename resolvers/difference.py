"""The difference between people as they are and as they were last published, as records.

Rules (contract, section 3): the records of one change go out in the order profiles, identities, merges, tags,
lifecycle, values, segments, reminders, conflicts; a survivor goes before the `merged_into` of those that end in it;
equal versions have equal bytes; `id` is a digest of topic, key, version and content. At most one record of a topic and
key goes out at once, so that a repetition never goes back a version: further ones have versions of their own, and are
sent later, from the state.
Must not know: how records are sent, the store.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from resolvers.component import Component
from resolvers.evidence import Edge, Mark, Pair
from resolvers.judging import Rulebook as MemberRules
from resolvers.life_keys import shown
from resolvers.partition import Refused
from resolvers.people import People, Person
from resolvers.profile_ids import Assigned, Mint, assign, nobody_was, survivor
from resolvers.publication import BLANK, ERASED, NOTHING_DECIDED, Decisions, Published, Sending, State
from resolvers.steps import Notice, Outgoing
from resolvers.telling import Past, Said, take_back, tell
from topics.codec import canonical, encode
from topics.instants import to_text

ZERO = "0.00"

_NONE_MERGED = b',"merged_from":[]}'

ORDER = ("tags", "lifecycle", "values", "segments", "reminders")
"""Of the records that say what is decided of a profile."""

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


class Difference(Struct, frozen=True, gc=False):
    """What to publish, and the state that holds once it is.

    `records` go out in this order; the first of them are the profiles in `sent`. `repeatable`: all of them can be
    computed again from the state. `named` are ids that are new, with their holders.
    `merges`, `merged_by`, `refused` and `failed` count, for metrics: the types of merges, the source of the newest
    evidence of each that was `merged`, the rules of newly refused evidence, and member rules that could not be judged
    as they should.
    """

    records: list[Outgoing]
    sent: tuple[str, ...]
    state: State
    repeatable: bool = True
    named: Sequence[tuple[str, str]] = ()
    merges: tuple[str, ...] = ()
    merged_by: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def sending(self) -> Sending:
        """What to write down before sending."""
        return Sending(self.sent, () if self.repeatable else tuple(self.records))


def difference(
    component: Component,
    now: People,
    before: State,
    notice: Notice,
    *,
    now_us: int,
    mint: Mint,
    member: MemberRules | None = None,
    was_erased: Callable[[str], bool] = nobody_was,
) -> Difference | None:
    """What has changed since `before`, by the rules that people were judged by; None if nothing has."""
    assigned = assign(now.persons, before, mint, was_erased)
    return _Differ(component, before, notice, now_us, member).run(now, assigned)


def remaining(before: State) -> Difference:
    """What is to be sent next of what was put off."""
    return Difference(list(before.later[0]), (), replace(before, later=before.later[1:]), repeatable=False)


def header(traceparent: str | None) -> tuple[tuple[str, bytes], ...]:
    """The W3C trace context of the event that caused a record."""
    return () if traceparent is None else (("traceparent", traceparent.encode()),)


class _Differ:
    def __init__(
        self, component: Component, before: State, notice: Notice, now_us: int, member: MemberRules | None
    ) -> None:
        self._edges = component.edges
        self._held: frozenset[str] = frozenset()
        self._component_version = component.version
        self._before = before
        self._reported = frozenset(before.refused)
        self._version = max(before.version + 1, now_us)
        self._again = notice.again
        self._member = member
        self._now_us = now_us
        self._source = notice.source
        cause = encode({"id": notice.id, "source": notice.source}).decode()
        self._frame = f'"at":"{to_text(now_us)}","cause":{cause},'
        self._headers = header(notice.traceparent)

    def run(self, now: People, assigned: Assigned) -> Difference | None:
        before = self._before
        self._held = frozenset(key for person in now.persons for key in person.members)
        merged = _merged_from(before, assigned.ended) if assigned.ended else None
        profiles: list[Outgoing] = []
        identities: list[Outgoing] = []
        gone: list[Outgoing] = []
        decided: list[tuple[str, Said]] = []
        sent: list[str] = []
        after: dict[str, Published] = {}
        moved = bool(assigned.ended or assigned.erased)
        for person, profile_id in zip(now.persons, assigned.ids, strict=True):
            old = before.profiles.get(profile_id)
            merged_from = (
                merged.get(profile_id, ()) if merged is not None else old.merged_from if old is not None else ()
            )
            body = person.body[:-1] + (b',"merged_from":%b}' % encode(merged_from) if merged_from else _NONE_MERGED)
            digest = hashlib.blake2b(body, digest_size=12).digest()
            same = old is not None and old.digest == digest and old.holder == person.holder
            value = person.value
            if old is None or old.value != value:
                decided += [(profile_id, one) for one in _values({} if old is None else old.value, value)]
            decisions = NOTHING_DECIDED if old is None else old.decided
            if person.judged is not None:
                decisions, said = self._decisions(profile_id, person, assigned)
                decided += [(profile_id, one) for one in said]
            if same:
                assert old is not None
                if old.value != value or old.decided is not decisions:
                    old = replace(old, value=value, decided=decisions)
                after[profile_id] = old
                continue
            sent.append(profile_id)
            profiles.append(self._framed("profiles", profile_id, body, digest))
            after[profile_id] = self._published(person, old, merged_from, digest, decisions)
            if old is None or old.digest == BLANK or old.members != person.members:
                moved = True
                known = set() if old is None or old.digest == BLANK else {*old.members}
                born = after[profile_id].born
                identities += self._identities([key for key in person.members if key not in known], profile_id, born)
                if old is not None:
                    gone += self._nobodys(old)
        merges = self._merges(assigned, now.persons) if moved and before.profiles else []
        news = [one for one in now.refused if _digest_of(one) not in self._reported]
        conflicts = [conflict(one.pair, one.rule, _marks(self._edges[one.pair]), self._headers) for one in news]
        over = self._over(assigned) if assigned.ended or assigned.erased else assigned.ended
        ended = [self._ended(*one) for one in ({**before.ended, **over} if self._again else over).items()]
        for one in (*assigned.ended, *assigned.erased):
            gone += self._nobodys(before.profiles[one])
            decided += [(one, said) for said in take_back(before.profiles[one].decided)]
        rounds = self._rounds(decided, [one for one, into in over.items() if into == ERASED])
        reports = [*(record for _, _, record in merges), *(rounds[0] if rounds else ()), *conflicts]
        refused = digests_of(now.refused)
        named = [(one, after[one].holder) for one in sent if one not in before.profiles]
        if not sent and not ended and not reports and after == before.profiles and refused == before.refused:
            return None
        return Difference(
            [*profiles, *ended, *identities, *gone, *reports],
            tuple(sent),
            State(
                self._version + max(len(rounds) - 1, 0),
                after,
                {**before.ended, **over} if over else before.ended,
                refused,
                before.taken_over,
                self._component_version,
                before.used,
                tuple(map(tuple, rounds[1:])),
                before.due_us,
            ),
            not ended and not reports and not named and not gone,
            named,
            tuple(kind for kind, _, _ in merges),
            tuple(source for kind, source, _ in merges if kind == "merged"),
            tuple(one.rule for one in news),
            tuple(rule for one in now.persons if one.judged is not None for rule in one.judged.failed),
        )

    def _decisions(self, profile_id: str, person: Person, assigned: Assigned) -> tuple[Decisions, list[Said]]:
        """What rules decide of a person, and what is to be said of it."""
        profiles = self._before.profiles
        assert self._member is not None, "people are judged by the rules that they are published by"
        own = profiles[profile_id].decided if profile_id in profiles else NOTHING_DECIDED
        if len(profiles) < 2 and (not profiles or profile_id in profiles):  # noqa: PLR2004 - nobody else is in it
            return tell(person, Past(own), self._member, self._now_us)
        ended = [one for one, into in assigned.ended.items() if into == profile_id]
        members = frozenset(person.members)
        parted = [
            published.decided
            for one, published in profiles.items()
            if one != profile_id and one not in ended and not members.isdisjoint(published.members)
        ]
        return tell(person, Past(own, [profiles[one].decided for one in ended], parted), self._member, self._now_us)

    def _rounds(self, decided: list[tuple[str, Said]], erased: list[str]) -> list[list[Outgoing]]:
        """Records of what is said of profiles, in the order of the topics, the second of a topic and key a round later.

        Each round has a version of its own. Of who was erased, tombstones are the last.
        """
        rounds: list[list[Outgoing]] = []
        taken: dict[tuple[str, str], int] = {}
        for profile_id, said in sorted(decided, key=_place) if len(decided) > 1 else decided:
            nth = taken[said.topic, profile_id] = taken.get((said.topic, profile_id), -1) + 1
            if nth == len(rounds):
                rounds.append([])
            rounds[nth].append(self._framed(said.topic, profile_id, canonical(said.content), nth=nth))
        if erased:
            rounds = rounds or [[]]
            rounds[-1] += [Outgoing(topic, one.encode(), None, self._headers) for topic in ORDER for one in erased]
        return rounds

    def _published(
        self,
        person: Person,
        old: Published | None,
        merged_from: tuple[str, ...],
        digest: bytes,
        decisions: Decisions,
    ) -> Published:
        return Published(
            person.holder,
            old.born if old is not None else self._version,
            self._version,
            digest,
            person.members,
            person.value,
            merged_from,
            decisions,
        )

    def _ended(self, profile_id: str, into: str) -> Outgoing:
        """The last word on an id that merged away, or whose person was erased."""
        value = {"profile_id": profile_id, "version": self._version, "merged_into": into}
        content = None if into == ERASED else encode(value)
        return Outgoing("profiles", profile_id.encode(), content, self._headers)

    def _over(self, assigned: Assigned) -> dict[str, str]:
        """The ids that end now, with those that had ended in one of somebody who was erased -> what they end in."""
        erased, before = assigned.erased, self._before.ended
        former = [one for one in before if survivor(before, one) in erased] if erased else []
        return {**assigned.ended, **dict.fromkeys((*erased, *former), ERASED)}

    def _nobodys(self, old: Published) -> list[Outgoing]:
        """Tombstones of a profile's identifiers that are nobody's any more: they were erased."""
        gone = [key for key in old.members if key not in self._held]
        return [Outgoing("identities", key.encode(), None, self._headers) for key in gone]

    def _framed(
        self, topic: str, profile_id: str, content: bytes, digest: bytes | None = None, nth: int = 0
    ) -> Outgoing:
        """A record keyed by profile id; its content is canonical JSON already, and may have been digested already."""
        key, version = profile_id.encode(), self._version + nth
        record_id = _record_id(topic, key, version, digest or content)
        frame = f'{{"id":"{record_id}","profile_id":"{profile_id}","version":{version},{self._frame}'
        return Outgoing(topic, key, frame.encode() + content[1:], self._headers)

    def _identities(self, keys: list[str], profile_id: str, born: int) -> list[Outgoing]:
        frame = f',"profile_id":"{profile_id}","version":{self._version},"minted":{born}}}'.encode()
        records: list[Outgoing] = []
        for key in keys:
            namespace, _, token = key.partition(":")
            value = encode({"namespace": namespace, "token": token})[:-1] + frame
            records.append(Outgoing("identities", key.encode(), value, self._headers))
        return records

    def _merges(self, assigned: Assigned, persons: list[Person]) -> list[tuple[str, str, Outgoing]]:
        """`merged` and `erased` for every id that ends; `split`, `moved` for identifiers that left one that goes on.

        With each its type, and the source of its newest evidence; of an operator's word that of the cause.
        """
        ended = assigned.ended
        was_in = {key: one for one, published in self._before.profiles.items() for key in published.members}
        id_of = {key: one for person, one in zip(persons, assigned.ids, strict=True) for key in person.members}
        left: dict[str, dict[str, str]] = {}
        for key, old in was_in.items():
            new = id_of.get(key)
            if new is not None and new != old:
                left.setdefault(old, {})[key] = new
        records: list[tuple[str, str, Outgoing]] = []
        for old in sorted({*left, *ended, *assigned.erased}):
            went = left.get(old, {})
            evidence = self._evidence(set(went), [set(one.keys) for one in persons])
            if old in ended:
                kind, to = "merged", [ended[old]]
            elif old in assigned.erased:
                kind, to = "erased", []
            else:
                to = sorted(set(went.values()))
                kind = "split" if any(one not in self._before.profiles for one in to) else "moved"
            content = {
                "type": kind,
                "from": [old],
                "to": [old, *to] if kind == "split" else to,
                "identifiers": [_moved(key, went[key]) for key in sorted(went)],
                "evidence": evidence,
            }
            source = evidence[-1]["source"] if evidence else self._source
            records.append((kind, source, self._framed("merges", old, canonical(content))))
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


def _values(before: dict[str, str], now: dict[str, str]) -> list[Said]:
    """What has become of the lifetime value, by currency."""
    return [
        Said("values", {"currency": one, "value": now.get(one, ZERO), "previous": before.get(one, ZERO)})
        for one in sorted({*before, *now})
        if before.get(one, ZERO) != now.get(one, ZERO)
    ]


def _place(one: tuple[str, Said]) -> int:
    return ORDER.index(one[1].topic)


def conflict(keys: tuple[str, ...], rule: str, marks: list[Mark], headers: tuple[tuple[str, bytes], ...]) -> Outgoing:
    """A record of `conflicts`: identifiers by key, and the events that are the evidence."""
    namespaces = [shown(key).partition(":") for key in keys]
    content = {
        "identifiers": [{"namespace": namespace, "token": token} for namespace, _, token in namespaces],
        "rule": rule,
        "reason": REASONS[rule],
        "evidence": [_event(mark) for mark in marks],
    }
    key = namespaces[0][2].encode()
    named = {"id": _record_id("conflicts", key, 0, canonical(content)), "at": to_text(marks[-1].append_ms * 1000)}
    return Outgoing("conflicts", key, encode({**named, **content}), headers)


def digests_of(refused: Sequence[Refused]) -> tuple[bytes, ...]:
    """What a state remembers of the refused evidence that was reported."""
    return tuple(sorted(_digest_of(one) for one in refused))


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
    return [edge.first] if edge.first.event == edge.last.event else [edge.first, edge.last]


def _event(mark: Mark) -> dict[str, str]:
    return {"id": mark.id, "source": mark.source, "time": to_text(mark.time_us)}


def _moved(key: str, profile_id: str) -> dict[str, str]:
    namespace, _, token = key.partition(":")
    return {"namespace": namespace, "token": token, "profile_id": profile_id}


@lru_cache(maxsize=16_384)  # what is refused is met again whenever its people are
def _digest_of(refused: Refused) -> bytes:
    text = f"{Pair(*refused.pair).joined()}\x1f{refused.rule}".encode()
    return hashlib.blake2b(text, digest_size=8).digest()
