"""Follow the people as a subscriber does: a stock client on `idweave.profiles` that keeps what it needs of each person.

Rules: the last record of a key is the truth; who was merged away or erased is nobody any more. Who is in a segment is
told by `idweave.segments` alone. It goes on where it stopped, so that looking often costs only what is new.
Must not know: the store, the engine's types.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import orjson

from stream.config.settings import Settings
from stream.demo.outputs import read_all
from topics.catalogue import PROFILES, SEGMENTS

Kept = TypeVar("Kept")


class Follower(Generic[Kept]):
    """`people`: what `keep` makes of each published profile, by profile id. `segment`: ids of those who are in one."""

    def __init__(self, settings: Settings, keep: Callable[[Mapping[str, Any]], Kept], segment: str) -> None:
        self.people: dict[bytes, Kept] = {}
        self.segment: set[bytes] = set()
        self._name = segment
        self._settings = settings
        self._keep = keep
        self._read: dict[tuple[str, int], int] = {}

    def catch_up(self) -> None:
        """Read up to the end as it is now.

        Raises:
            LogReadError: the broker stopped answering.
        """
        topics = {topic.full_name(self._settings.topic_prefix): topic for topic in (PROFILES, SEGMENTS)}
        for record in read_all(self._settings, list(topics), self._read):
            key = record.key or b""
            self._read[record.topic, record.partition] = record.offset + 1
            told = None if record.value is None else orjson.loads(record.value)
            if topics[record.topic] is PROFILES:
                self._profile(key, told)
            elif told is not None and told["segment"] == self._name:
                (self.segment.add if told["action"] == "entered" else self.segment.discard)(key)

    def _profile(self, key: bytes, record: dict[str, Any] | None) -> None:
        if record is None or "merged_into" in record:
            self.people.pop(key, None)
        else:
            self.people[key] = self._keep(record)
