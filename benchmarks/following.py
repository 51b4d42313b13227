"""Follow the people as a subscriber does: a stock client on `idweave.profiles` that keeps what it needs of each person.

Rules: the last record of a key is the truth; who was merged away or erased is nobody any more. It goes on where it
stopped, so that looking often costs only what is new.
Must not know: the store, the engine's types.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import orjson

from stream.config.settings import Settings
from stream.demo.outputs import read_all
from topics.catalogue import PROFILES

Kept = TypeVar("Kept")


class Follower(Generic[Kept]):
    """`people`: what `keep` makes of each published profile, by profile id."""

    def __init__(self, settings: Settings, keep: Callable[[Mapping[str, Any]], Kept]) -> None:
        self.people: dict[bytes, Kept] = {}
        self._settings = settings
        self._keep = keep
        self._read: dict[tuple[str, int], int] = {}

    def catch_up(self) -> None:
        """Read up to the end as it is now.

        Raises:
            ReadingError: the broker stopped answering.
        """
        for message in read_all(self._settings, [PROFILES.full_name(self._settings.topic_prefix)], self._read):
            self._read[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
            key, value = message.key() or b"", message.value()
            profile = None if value is None else orjson.loads(value)
            if profile is None or "merged_into" in profile:
                self.people.pop(key, None)
            else:
                self.people[key] = self._keep(profile)
