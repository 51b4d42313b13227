"""Reminders: the occasions on which a person is to be told something, and which of them are new.

An occasion is a value: of an instant, of a number, of each entry of a list, or the calendar month. It is told when it
holds now and did not hold when the person was last published, and only while it is young, so that importing history and
rebuilding tell nobody anything. How old it is: since the instant itself; since the month began, or since the person was
first seen in it; since the tier's condition began to hold; else since the field moved, or the person was last seen.
Must not know: what was published, addresses and consents, how records are sent.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from resolvers.conditions import Node
from resolvers.operators import ALWAYS_US
from resolvers.profile_fields import field_of
from resolvers.profile_values import CONTENTS, MONTH_NOW, Month, Places, Values, instant_us, value_at
from resolvers.rules import MONTH, Reminder
from topics.instants import FIRST_US

ENTRY_AT: Final = "at"


class Occasion(NamedTuple):
    """One occasion of a reminder, while it holds. `rank`: its height, where only a rise is told."""

    reminder: Reminder
    occasion: str
    at_us: int
    payload: dict[str, Any]
    rank: int | None = None

    @property
    def key(self) -> "Key":
        """What has to be remembered of it, once published."""
        return self.reminder.name, self.occasion, self.rank


Key = tuple[str, str, int | None]
"""A reminder's name, an occasion, its height."""


def to_tell(occasions: Iterable[Occasion], before: Collection[Key], now_us: int) -> list[Occasion]:
    """Those to tell now, where the occasions with the keys `before` held when the person was last published.

    Of who was never published nothing held before.
    """
    known = {(reminder, occasion) for reminder, occasion, _ in before}
    names = {reminder for reminder, _, _ in before}
    heights: dict[str, int] = {}
    for reminder, _, rank in before:
        if rank is not None:
            heights[reminder] = max(rank, heights.get(reminder, rank))
    return [
        one
        for one in occasions
        if (one.reminder.name, one.occasion) not in known
        and now_us - one.at_us < one.reminder.max_age_us
        and not (one.reminder.once and one.reminder.name in names)
        and (one.rank is None or one.rank > heights.get(one.reminder.name, one.rank - 1))
    ]


class Remind:
    """A reminder, compiled."""

    def __init__(self, reminder: Reminder, node: Node, places: Places, tiers: Mapping[str, int]) -> None:
        self._reminder = reminder
        self._node = node
        self._ranks = tiers if reminder.upwards else None
        self._field = None if reminder.occasion == MONTH else field_of(reminder.occasion)
        self._part = reminder.occasion.rpartition(".")[2]
        entries = self._entries = self._field.entries if self._field is not None else ""
        self._place = -1 if self._field is None or entries else places.place(self._field, "raw")
        own = {name: path for name, path in reminder.payload.items() if entries and path.startswith(f"{entries}.")}
        self._of_entry = {name: path.rpartition(".")[2] for name, path in own.items()}
        self._of_profile = {
            name: places.place(field, "raw")
            for name, path in reminder.payload.items()
            if name not in own and (field := field_of(path)) is not None
        }

    def judge(self, values: Values, due_us: int, tier_since_us: Callable[[], int], found: list[Occasion]) -> int:
        """Add the occasions that hold to `found`, and say the earlier of `due_us` and when that changes."""
        until = self._node.until(values)
        if until < 0:
            return min(due_us, -until)
        payload = {name: values[place] for name, place in self._of_profile.items()}
        if self._field is None:
            month: Month = values[MONTH_NOW]
            first_us = instant_us(values[CONTENTS].get("first_seen")) or FIRST_US
            found.append(self._occasion(month.name, max(month.start_us, first_us), payload))
            return min(due_us, until, month.end_us)
        if self._entries:
            found += self._each_entry(values[CONTENTS], payload)
        elif (value := values[self._place]) is not None:
            rank = self._rank(value)
            text = value if isinstance(value, str) else str(value)
            found.append(self._occasion(text, self._at_us(value, values[CONTENTS], tier_since_us), payload, rank))
        return min(due_us, until)

    def _rank(self, value: Any) -> int | None:  # noqa: ANN401 - a field's value
        if self._ranks is None:
            return None
        return self._ranks.get(value, 0) if isinstance(value, str) else int(value)

    def _each_entry(self, contents: Mapping[str, Any], payload: dict[str, Any]) -> Iterator[Occasion]:
        for entry in value_at(contents, self._entries) or ():
            value = entry.get(self._part)
            if value is not None:
                at_us = instant_us(entry.get(ENTRY_AT)) or self._of_field_us(contents)
                own = {name: entry.get(part) for name, part in self._of_entry.items()}
                yield self._occasion(str(value), at_us, {**payload, **own})

    def _at_us(self, value: Any, contents: Mapping[str, Any], tier_since_us: Callable[[], int]) -> int:  # noqa: ANN401
        """Since when the occasion is there."""
        assert self._field is not None
        if self._field.path == "tier":
            since_us = tier_since_us()
            return since_us if since_us > ALWAYS_US else self._of_field_us(contents)
        if self._field.kind == "instant":
            return instant_us(value) or FIRST_US
        return self._of_field_us(contents)

    def _of_field_us(self, contents: Mapping[str, Any]) -> int:
        """When the field moved; where that is not kept, when the person was last seen."""
        assert self._field is not None
        since = self._field.since
        text = (value_at(contents, since) if since is not None else None) or contents.get("last_seen")
        return instant_us(text) or FIRST_US

    def _occasion(self, occasion: str, at_us: int, payload: dict[str, Any], rank: int | None = None) -> Occasion:
        return Occasion(self._reminder, occasion, at_us, payload, rank)
