"""A profile's timeline: which records of merges, conflicts and commands are about it, and what they say.

Rules: a record is about a profile if it names its id, an id that merged into it, or one of its identifiers; a record
that was sent twice is one entry; newest last. An identifier is shown as profiles show it, or by its token. What is
about nobody in particular (`entry_of`) is told in the same way.
Must not know: where records are read, how a timeline is shown.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from resolvers.component import Component
from resolvers.life_keys import shown as as_shown
from resolvers.people import VALUES_OF
from resolvers.publication import State
from topics.answers import TimelineEntry, TimelineIdentifier
from topics.catalogue import CONFLICTS, MERGES, RESULTS
from topics.codec import decode
from topics.commands import Result, decode_result
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
        if not subject.members.isdisjoint(map(as_shown, pair)):
            keys.update(map(as_shown, pair))
    for key, facet in component.facets.items():
        if as_shown(key) in subject.members:
            keys.update(map(as_shown, facet.strangers))
    return {
        MERGES.name: frozenset(one.encode() for one in ids),
        CONFLICTS.name: frozenset(key.partition(":")[2].encode() for key in keys),
        RESULTS.name: None,
    }


class Place(NamedTuple):
    """Where an entry stands among others."""

    at: datetime
    id: str


def timeline(
    records: Iterable[Kept],
    subject: Subject,
    component: Component,
    before: Place | None = None,
    limit: int | None = None,
) -> tuple[list[TimelineEntry], int]:
    """The entries that are about the subject, newest last, and how many older ones are left out.

    `before`: only those that stand before this place. `limit`: so many at most, the newest; None: `ENTRIES_MAX`.
    """
    shown = {as_shown(key): facet.display for key, facet in component.facets.items()}
    found: dict[tuple[str, str], TimelineEntry] = {}
    for topic, value in records:
        entry = entry_of(topic, value, subject, shown)
        if entry is not None:
            found[topic, entry["id"]] = entry
    entries = sorted(found.values(), key=place_of)
    if before is not None:
        entries = [entry for entry in entries if place_of(entry) < before]
    count = ENTRIES_MAX if limit is None else limit
    return entries[-count:], max(len(entries) - count, 0)


def place_of(entry: TimelineEntry) -> Place:
    """Where an entry stands."""
    return Place(datetime.fromisoformat(entry["at"]), entry["id"])


def entry_of(topic: str, value: bytes, subject: Subject | None, shown: Mapping[str, str]) -> TimelineEntry | None:
    """What a record says of the subject (None: of anybody); None: nothing, or it is none of ours."""
    try:
        if topic == RESULTS.name:
            return _of_result(value, subject, shown)
        record = decode(value)
        return _of_change(record, subject, shown) if topic == MERGES.name else _of_conflict(record, subject, shown)
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError):
        return None  # the topic may be written to by others


def _of_change(record: Mapping[str, Any], subject: Subject | None, shown: Mapping[str, str]) -> TimelineEntry | None:
    moved = record["identifiers"]
    keys = {f"{one['namespace']}:{one['token']}" for one in moved}
    ids = (*record["from"], *record["to"])
    if subject is not None and subject.ids.isdisjoint(ids) and subject.members.isdisjoint(keys):
        return None
    return {
        "id": record["id"],
        "at": record["at"],
        "type": record["type"],
        "from": record["from"],
        "to": record["to"],
        "identifiers": [_shown(one["namespace"], one["token"], shown, one["profile_id"]) for one in moved],
        "rule": None,
        "reason": None,
        "command": None,
        "status": None,
        "cause": record["cause"],
        "evidence": record["evidence"],
        "undone": [],
    }


def _of_conflict(record: Mapping[str, Any], subject: Subject | None, shown: Mapping[str, str]) -> TimelineEntry | None:
    named = record["identifiers"]
    keys = [f"{one['namespace']}:{one['token']}" for one in named]
    if subject is not None and subject.members.isdisjoint(keys):
        return None
    return {
        "id": record["id"],
        "at": record["at"],
        "type": "conflict",
        "from": [],
        "to": [],
        "identifiers": [_shown(one["namespace"], one["token"], shown) for one in named],
        "rule": record["rule"],
        "reason": record["reason"],
        "command": None,
        "status": None,
        "cause": None,
        "evidence": record["evidence"],
        "undone": [],
    }


def _of_result(value: bytes, subject: Subject | None, shown: Mapping[str, str]) -> TimelineEntry | None:
    """A command, of a subject if it named one of the members. What was only tried is no part of a history."""
    result = decode_result(value)
    named = [text.replace(":~", ":", 1) for text in result.identifiers]  # `namespace:~token` is how commands write keys
    if result.dry_run or (subject is not None and subject.members.isdisjoint(named)):
        return None
    return {
        "id": result.id,
        "at": to_text(result.append_ms * 1000),
        "type": "command",
        "from": [],
        "to": [],
        "identifiers": [
            _shown(namespace, token, shown) for namespace, _, token in (key.partition(":") for key in named)
        ],
        "rule": None,
        "reason": result.detail or None,
        "command": result.type,
        "status": result.status,
        "cause": None,
        "evidence": [],
        "undone": _undone(result),
    }


def _undone(result: Result) -> list[str]:
    """The ids of the commands that it took back: an undo has one, an unblock all that blocked the value."""
    of = result.effect.get("of", []) if result.status == "done" else []
    return [of] if isinstance(of, str) else list(of)


def _shown(namespace: str, token: str, shown: Mapping[str, str], profile_id: str | None = None) -> TimelineIdentifier:
    display = shown.get(f"{namespace}:{token}", token)
    return {"namespace": namespace, "token": token, "display": display, "profile_id": profile_id}


def subject_of(profile_id: str, merged_from: Iterable[str], members: Iterable[str], asked: str | None) -> Subject:
    """A profile as a subject. `asked`: the id that it was asked for by, which may have merged into it."""
    ids = {profile_id, *merged_from, *(() if asked is None else (asked,))}
    return Subject(frozenset(ids), frozenset(key.removeprefix(VALUES_OF) for key in members))
