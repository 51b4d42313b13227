"""Log records as they lie on a topic, and where they lie. Knows nothing of what is in them."""

from typing import Final, NamedTuple

APPEND_MS_END: Final = 2**32 * 1000
"""Append times from here on (2106) are no broker's clock: the topic takes its publishers' word for them."""
NOT_APPENDED: Final = "The record's append time is after 2106: its topic needs message.timestamp.type=LogAppendTime"


class LogPosition(NamedTuple):
    """A place in the log: ordered over all inputs together, because both use the broker's append time.

    `append_ms` is the broker's append time in milliseconds since 1970; topic, partition and offset settle ties.
    """

    append_ms: int
    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """One record as received: nothing decoded, nothing dropped.

    `append_ms` is the broker's append time in milliseconds since 1970. A `value` of None is a tombstone.
    """

    topic: str
    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def position(self) -> LogPosition:
        """Where the record lies."""
        return LogPosition(self.append_ms, self.topic, self.partition, self.offset)
