"""Reminders: the occasions on which a person is to be told something, and which of them are new.

An occasion is a value: of an instant, of a number, of each entry of a list, or the calendar month. It is told when it
holds now and did not hold when the person was last published, and only while it is young, so that importing history and
rebuilding tell nobody anything. How old it is: since the instant itself; since the month began, or since the person was
first seen in it; since the tier's condition began to hold; else since the field moved, or the person was last seen.
Must not know: what was published, addresses and consents, how records are sent.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from resolvers.conditions import Node
from resolvers.operators import ALWAYS_US
from resolvers.profile_fields import Field, field_of
from resolvers.profile_values import CONTENTS, MONTH_NOW, Month, Places, Values, instant_us, walk
from resolvers.rules import MONTH, Reminder
from topics.instants import FIRST_US

ENTRY_AT: Final = "at"


class Key(NamedTuple):
    """An occasion, as it has to be remembered once it was published. `rank`: its height, where only a rise is told."""

    reminder: str
    occasion: str
    rank: int | None = None


class Occasion(NamedTuple):
    """One occasion of a reminder that holds; `at_us`: since when it is there."""

    reminder: Reminder
    key: Key
    at_us: int
    payload: dict[str, Any]


def news(occasions: Iterable[Key], before: Collection[Key]) -> list[Key]:
    """The occasions that were not there when the person was last published, `before` being those that were then.

    Of who was never published nothing was. Of a reminder that has ranks, only what is higher than before is new.
    """
    if not before:
        return list(occasions)
    known = {(one.reminder, one.occasion) for one in before}
    heights: dict[str, int] = {}
    for one in before:
        if one.rank is not None:
            heights[one.reminder] = max(one.rank, heights.get(one.reminder, one.rank))
    return [
        one
        for one in occasions
        if (one.reminder, one.occasion) not in known
        and (one.rank is None or one.rank > heights.get(one.reminder, one.rank - 1))
    ]


def to_tell(occasions: Iterable[Occasion], before: Collection[Key], now_us: int) -> list[Occasion]:
    """Of new occasions those that are young enough, and not of a reminder that is told once and was."""
    names = {one.reminder for one in before}
    return [
        one
        for one in occasions
        if now_us - one.at_us < one.reminder.max_age_us and not (one.reminder.once and one.reminder.name in names)
    ]


class Remind:
    """A reminder, compiled."""

    def __init__(self, reminder: Reminder, node: Node, places: Places, tiers: Mapping[str, int]) -> None:
        self._reminder = reminder
        self.name = reminder.name
        self._until = node.until
        self._ranks = tiers if reminder.upwards else None
        field = self._field = None if reminder.occasion == MONTH else _field(reminder.occasion)
        entries = self._entries = field.entries if field is not None else ""
        self._find = walk(entries)
        self._part = reminder.occasion.rpartition(".")[2]
        self._place = -1 if field is None or entries else places.place(field, "raw")
        self._since = -1 if field is None else places.place(_field(field.since or "last_seen"), "instant")
        self._first_seen = places.place(_field("first_seen"), "instant")
        self._last_seen = places.place(_field("last_seen"), "instant")
        own = {name: path for name, path in reminder.payload.items() if entries and path.startswith(f"{entries}.")}
        self._of_entry = {name: path.rpartition(".")[2] for name, path in own.items()}
        self._of_profile = [
            (name, places.place(_field(path), "raw")) for name, path in reminder.payload.items() if name not in own
        ]

    def judge(self, values: Values, due_us: int, found: list[Key]) -> int:
        """Add the occasions that hold to `found`, and say the earlier of `due_us` and when that changes."""
        until = self._until(values)
        if until < 0:
            return -until if -until < due_us else due_us  # noqa: FURB136 - half the time of min()
        if self._place >= 0:
            value = values[self._place]
            if value is not None:
                text = value if value.__class__ is str else str(value)
                found.append(Key(self.name, text, None if self._ranks is None else self._rank(value)))
        elif self._field is None:
            month: Month = values[MONTH_NOW]
            found.append(Key(self.name, month.name))
            return min(due_us, until, month.end_us)
        else:
            found += [Key(self.name, str(one)) for one in self._values_of_entries(values)]
        return until if until < due_us else due_us  # noqa: FURB136 - the same

    def occasion(self, key: Key, values: Values, tier: Node | None) -> Occasion:
        """All that there is to say of an occasion that holds, from the values that it was judged by."""
        payload = {name: values[place] for name, place in self._of_profile}
        if self._field is None:
            month: Month = values[MONTH_NOW]
            return Occasion(self._reminder, key, max(month.start_us, values[self._first_seen] or FIRST_US), payload)
        if not self._entries:
            return Occasion(self._reminder, key, self._at_us(values, tier), payload)
        entries = self._find(values[CONTENTS])
        entry = next(one for one in entries if str(one.get(self._part)) == key.occasion)
        own = {name: entry.get(part) for name, part in self._of_entry.items()}
        return Occasion(
            self._reminder, key, instant_us(entry.get(ENTRY_AT)) or self._moved_us(values), {**payload, **own}
        )

    def _rank(self, value: Any) -> int:  # noqa: ANN401 - a tier's name or a number
        assert self._ranks is not None
        return self._ranks[value] if isinstance(value, str) else int(value)

    def _values_of_entries(self, values: Values) -> list[Any]:
        found = [entry.get(self._part) for entry in self._find(values[CONTENTS]) or ()]
        return list(dict.fromkeys(one for one in found if one is not None)) if found else found

    def _at_us(self, values: Values, tier: Node | None) -> int:
        """Since when the occasion is there."""
        assert self._field is not None
        if self._field.kind == "instant":
            return instant_us(values[self._place]) or FIRST_US
        if self._field.path == "tier" and tier is not None:
            since_us = tier.began(values, True, ALWAYS_US)  # noqa: FBT003 - a `Began`
            return since_us if since_us > ALWAYS_US else self._moved_us(values)
        return self._moved_us(values)

    def _moved_us(self, values: Values) -> int:
        """When the field moved; where that is not kept, when the person was last seen."""
        moved_us = values[self._since]
        return int(values[self._last_seen] or FIRST_US) if moved_us is None else int(moved_us)


def _field(path: str) -> Field:
    found = field_of(path)
    assert found is not None, path
    return found
