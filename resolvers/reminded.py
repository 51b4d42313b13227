"""Reminded: which occasions people had been told of, from the topic `reminders`, for a store that has lost it.

Rules: what a worker would still remember comes back: of a reminder that is told once all that the topic keeps, of
others what may still be young. An occasion is older than its record, so it is remembered for rather too long than too
short a time.
Must not know: how the topic is read, where this is kept meanwhile.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from resolvers.publication import Remembered
from resolvers.rules import Reminder
from topics.instants import FIRST_US, to_us

SECOND_US = 1_000_000


class Reminded(NamedTuple):
    """One occasion that a profile was told of; `at_us`: when."""

    profile_id: str
    reminder: str
    occasion: str
    at_us: int


class _Record(msgspec.Struct):
    profile_id: str
    at: str
    reminder: str
    occasion: str


_record = msgspec.json.Decoder(_Record)


def read_reminder(value: bytes) -> Reminded:
    """A record of `reminders`, which we wrote.

    Raises:
        ValueError: somebody else did.
    """
    record = _record.decode(value)
    return Reminded(record.profile_id, record.reminder, record.occasion, to_us(datetime.fromisoformat(record.at)))


def counts_since(reminders: Iterable[Reminder], now_us: int) -> dict[str, int]:
    """By reminder, the instant from which on what was told is still remembered."""
    return {one.name: FIRST_US if one.once else now_us - one.max_age_us for one in reminders}


def remembered(told: Sequence[Reminded], reminders: Iterable[Reminder]) -> tuple[Remembered, ...]:
    """What a store remembers of these, as a state keeps it where it holds no more."""
    max_age_us = {one.name: one.max_age_us for one in reminders}
    return tuple(
        Remembered(one.reminder, one.occasion, None, -((one.at_us + max_age_us[one.reminder]) // -SECOND_US))
        for one in told
        if one.reminder in max_age_us
    )


def with_those_that_hold(holding: Sequence[Remembered], told: Sequence[Remembered]) -> tuple[Remembered, ...]:
    """Occasions that hold, each once and as long as it is young, and before those that were told of and do not."""
    until_s: dict[tuple[str, str], int] = {}
    for one in told:
        name = (one.reminder, one.occasion)
        until_s[name] = max(one.until_s, until_s.get(name, 0))
    found = [one._replace(until_s=until_s.pop((one.reminder, one.occasion), 0)) for one in holding]
    return (*found, *(Remembered(*name, None, until) for name, until in until_s.items()))
