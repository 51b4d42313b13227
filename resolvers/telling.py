"""Telling: what rules have decided of a person, against what was said of it before, as contents of records.

Rules (contract, section 3): tags and the stage are told when they change, each segment when it is entered or left, a
reminder once for each occasion. What an occasion was told for is remembered while it holds and for as long as it is
young, so that nothing that comes, goes and comes back is told twice; of a reminder that is told once it is remembered
for good. Who parts from a profile, or takes identifiers from one, is not told again what that profile was told of what
they hold.
Must not know: versions, keys, ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from resolvers.judging import Judged, Rulebook
from resolvers.people import Person
from resolvers.profile_values import CONTENTS
from resolvers.publication import NOTHING_DECIDED, Decisions, Remembered
from resolvers.reminding import Key, Occasion

SECOND_US = 1_000_000
SHOWN = ("namespace", "token", "display")


class Said(Struct, frozen=True, gc=False):
    """One record's topic and content."""

    topic: str
    content: dict[str, Any]


class Past(Struct, frozen=True, gc=False):
    """What was said before.

    `own`: of the profile itself. `ended`: of profiles that end in this one. `parted`: of those that identifiers come
    from.
    """

    own: Decisions = NOTHING_DECIDED
    ended: Sequence[Decisions] = ()
    parted: Sequence[Decisions] = ()


def tell(person: Person, past: Past, rules: Rulebook, now_us: int) -> tuple[Decisions, list[Said]]:
    """What holds now, and what there is to say of it, in the order of the topics."""
    judged, before = person.judged, past.own
    assert judged is not None
    stage = judged.additions["lifecycle"]["stage"]
    tags, segments = " ".join(judged.additions["tags"]), " ".join(judged.additions["segments"])
    occasions, reminders = _occasions(person, judged, past, rules, now_us)
    if (stage, tags, segments) == (before.stage, before.tags, before.segments) and occasions is before.occasions:
        return before, []
    said: list[Said] = []
    if tags != before.tags:
        said.append(_tags(before.tags, tags))
    if stage != before.stage:
        lifecycle = judged.additions["lifecycle"]
        said.append(Said("lifecycle", {"from": before.stage or None, "to": stage, "since": lifecycle["since"]}))
    if segments != before.segments:
        said += _segments(before.segments, segments)
    said += [_reminder(one, judged.values[CONTENTS]) for one in reminders]
    return Decisions(stage, tags, segments, occasions), said


def take_back(before: Decisions) -> list[Said]:
    """What there is to say of a profile that ends: it has no tags, and is in no segment."""
    return [*([_tags(before.tags, "")] if before.tags else []), *_segments(before.segments, "")]


def _tags(before: str, now: str) -> Said:
    had, has = before.split(), now.split()
    added = [one for one in has if one not in had]
    return Said("tags", {"added": added, "removed": [one for one in had if one not in has], "tags": has})


def _segments(before: str, now: str) -> list[Said]:
    had, has = set(before.split()), set(now.split())
    return [
        Said("segments", {"segment": one, "action": "entered" if one in has else "exited"}) for one in sorted(had ^ has)
    ]


def _reminder(one: Occasion, contents: Mapping[str, Any]) -> Said:
    identifiers = [{name: each[name] for name in SHOWN} for each in contents["identifiers"]]
    return Said(
        "reminders",
        {
            "reminder": one.key.reminder,
            "occasion": one.key.occasion,
            "payload": one.payload,
            "identifiers": identifiers,
            "consents": contents["consents"],
        },
    )


def _occasions(
    person: Person, judged: Judged, past: Past, rules: Rulebook, now_us: int
) -> tuple[tuple[Remembered, ...], list[Occasion]]:
    """What is to be remembered of occasions, and those that are told now; who has no identifiers is told nothing."""
    own = past.own.occasions
    keys = judged.occasions if person.members else ()
    if not past.ended and [one[:3] for one in own] == [*keys]:
        return own, []
    before = _united([own, *(one.occasions for one in past.ended)]) if past.ended else {_name(one): one for one in own}
    held = {(key.reminder, key.occasion) for key in keys}
    if past.parted and not held <= before.keys():
        for name, one in _united(one.occasions for one in past.parted).items():
            if name in held:
                before.setdefault(name, one)
    telling = rules.to_tell(judged, [Key(one.reminder, one.occasion, one.rank) for one in before.values()])
    young_until_s = {
        (one.key.reminder, one.key.occasion): -((one.at_us + one.reminder.max_age_us) // -SECOND_US) for one in telling
    }
    remembered: list[Remembered] = []
    for key in keys:
        name = (key.reminder, key.occasion)
        there = before.pop(name, None)
        until_s = young_until_s.get(name, 0 if there is None else there.until_s)
        remembered.append(Remembered(key.reminder, key.occasion, key.rank, until_s))
    remembered += [
        one._replace(rank=None)
        for one in before.values()
        if one.until_s * SECOND_US > now_us or rules.is_told_once(one.reminder)
    ]
    return tuple(remembered), telling


def _name(one: Remembered) -> tuple[str, str]:
    return (one.reminder, one.occasion)


def _united(pasts: Iterable[Sequence[Remembered]]) -> dict[tuple[str, str], Remembered]:
    found: dict[tuple[str, str], Remembered] = {}
    for past in pasts:
        for one in past:
            there = found.get(_name(one))
            if there is None or (one.until_s, one.rank is not None) > (there.until_s, there.rank is not None):
                found[_name(one)] = one
    return found
