"""A profile's timeline: which records of merges, conflicts and commands are about it, and what they say.

Rules: a record is about a profile if it names its id, an id that merged into it, or one of its identifiers; a record
that was sent twice is one entry; newest last. An identifier is shown as profiles show it, or by its token.
Must not know: where records are read, how a timeline is shown.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from resolvers.component import Component
from resolvers.life_keys import shown
from resolvers.people import VALUES_OF
from resolvers.publication import State
from topics.answers import TimelineEntry, TimelineIdentifier
from topics.catalogue import CONFLICTS, MERGES, RESULTS
from topics.codec import decode
from topics.commands import decode_result
from topics.instants import to_text

ENTRIES_MAX: Final = 1_000
"""Entries that are told, the newest; more are counted."""

Kept = tuple[str, bytes]
"""A record: its topic's name without prefix, and its value."""


class Subject(NamedTuple):
    """Whose timeline it is: the ids that the profile has and had, and its identifiers' keys."""

    ids: frozenset[str]
    members: frozenset[str]


def wanted(subject: Subject, component: Component, states: Iterable[State]) -> dict[str, frozenset[bytes] | None]:
    """The keys of the records that can be about a subject, by topic; None: any key can.

    A `merges` record has the id that identifiers left as its key: that may be any id of the component's people. A
    `conflicts` record has the token of the stronger of two identifiers: that may be one that a member was seen with.
    """
    ids = set(subject.ids)
    for state in states:
        ids.update(state.profiles, state.ended)
    keys = set(subject.members)
    for pair in component.edges:
        if not subject.members.isdisjoint(map(shown, pair)):
            keys.update(map(shown, pair))
    for key, facet in component.facets.items():
        if shown(key) in subject.members:
            keys.update(map(shown, facet.strangers))
    return {
        MERGES.name: frozenset(one.encode() for one in ids),
        CONFLICTS.name: frozenset(key.partition(":")[2].encode() for key in keys),
        RESULTS.name: None,
    }


def timeline(records: Iterable[Kept], subject: Subject, component: Component) -> tuple[list[TimelineEntry], int]:
    """The entries that are about the subject, newest last, and how many older ones are left out."""
    displays = {shown(key): facet.display for key, facet in component.facets.items()}
    found: dict[tuple[str, str], TimelineEntry] = {}
    for topic, value in records:
        entry = _entry(topic, value, subject, displays)
        if entry is not None:
            found[topic, entry["id"]] = entry
    entries = sorted(found.values(), key=lambda entry: (datetime.fromisoformat(entry["at"]), entry["id"]))
    return entries[-ENTRIES_MAX:], max(len(entries) - ENTRIES_MAX, 0)


def _entry(topic: str, value: bytes, subject: Subject, displays: Mapping[str, str]) -> TimelineEntry | None:
    """What a record says of the subject; None: nothing, or it is none of ours."""
    try:
        if topic == RESULTS.name:
            return _of_result(value, subject, displays)
        record = decode(value)
        return (
            _of_change(record, subject, displays) if topic == MERGES.name else _of_conflict(record, subject, displays)
        )
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError):
        return None  # the topic may be written to by others


def _of_change(record: Mapping[str, Any], subject: Subject, displays: Mapping[str, str]) -> TimelineEntry | None:
    moved = record["identifiers"]
    keys = {f"{one['namespace']}:{one['token']}" for one in moved}
    if subject.ids.isdisjoint((*record["from"], *record["to"])) and subject.members.isdisjoint(keys):
        return None
    return {
        "id": record["id"],
        "at": record["at"],
        "type": record["type"],
        "from": record["from"],
        "to": record["to"],
        "identifiers": [_shown(one["namespace"], one["token"], displays, one["profile_id"]) for one in moved],
        "rule": None,
        "reason": None,
        "command": None,
        "status": None,
        "cause": record["cause"],
        "evidence": record["evidence"],
    }


def _of_conflict(record: Mapping[str, Any], subject: Subject, displays: Mapping[str, str]) -> TimelineEntry | None:
    named = record["identifiers"]
    if subject.members.isdisjoint(f"{one['namespace']}:{one['token']}" for one in named):
        return None
    return {
        "id": record["id"],
        "at": record["at"],
        "type": "conflict",
        "from": [],
        "to": [],
        "identifiers": [_shown(one["namespace"], one["token"], displays) for one in named],
        "rule": record["rule"],
        "reason": record["reason"],
        "command": None,
        "status": None,
        "cause": None,
        "evidence": record["evidence"],
    }


def _of_result(value: bytes, subject: Subject, displays: Mapping[str, str]) -> TimelineEntry | None:
    """A command that named one of the members. What was only tried is no part of a history."""
    result = decode_result(value)
    named = [text.replace(":~", ":", 1) for text in result.identifiers]  # `namespace:~token` is how commands write keys
    if result.dry_run or subject.members.isdisjoint(named):
        return None
    return {
        "id": result.id,
        "at": to_text(result.append_ms * 1000),
        "type": "command",
        "from": [],
        "to": [],
        "identifiers": [
            _shown(namespace, token, displays) for namespace, _, token in (key.partition(":") for key in named)
        ],
        "rule": None,
        "reason": result.detail or None,
        "command": result.type,
        "status": result.status,
        "cause": None,
        "evidence": [],
    }


def _shown(
    namespace: str, token: str, displays: Mapping[str, str], profile_id: str | None = None
) -> TimelineIdentifier:
    display = displays.get(f"{namespace}:{token}", token)
    return {"namespace": namespace, "token": token, "display": display, "profile_id": profile_id}


def subject_of(profile_id: str, merged_from: Iterable[str], members: Iterable[str], asked: str | None) -> Subject:
    """A profile as a subject. `asked`: the id that it was asked for by, which may have merged into it."""
    ids = {profile_id, *merged_from, *(() if asked is None else (asked,))}
    return Subject(frozenset(ids), frozenset(key.removeprefix(VALUES_OF) for key in members))
