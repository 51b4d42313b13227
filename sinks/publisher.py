"""What a publisher is: it sends records to topics, tells the projection what changed, and how it fails.

Two of them: `KafkaPublisher`, and `MemoryLog` for tests and the simulation. Where a component's notices go is decided
here, because every worker must decide alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from resolvers.steps import Notice, Outgoing
from sinks.murmur2 import partition_of

NOTICES_BYTES_MAX = 900_000
"""Notices of one record: a little less than what a broker takes by default."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Notice])


class RawRecord(NamedTuple):
    """An `Outgoing` without a key of ours: a dead letter's is as it was received, or missing; notices have none."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


Sendable = Outgoing | RawRecord


class Publisher(Protocol):
    """What carries `Publish` and `Notify` out."""

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Send records in this order and wait until the broker has them -> their offsets."""
        ...

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Tell the projection, and wait until the broker has it."""
        ...


class OpenPublisher(Publisher, Protocol):
    """A publisher that is somebody's to close."""

    @property
    def queued(self) -> int:
        """Records that were sent and are not acknowledged yet."""
        ...

    async def close(self) -> None:
        """Wait for what is on its way, and take nothing more."""
        ...


class PublishFailedError(Exception):
    """The broker does not have a record, or may have it twice: this publisher is of no use any more, open another one.

    The message holds the topic and the broker's reason, nothing of the record.
    """


def packed(notices: Iterable[Notice], partitions: int) -> Iterator[tuple[int, bytes]]:
    """Notices as records of `changes`: (partition, value), those of one component in one partition and in order."""
    of_partition: dict[int, list[Notice]] = defaultdict(list)
    for notice in notices:
        of_partition[partition_of(notice.component.encode(), partitions)].append(notice)
    for partition, some in of_partition.items():
        for value in _values(some):
            yield partition, value


def _values(notices: list[Notice]) -> Iterator[bytes]:
    value = _encoder.encode(notices)
    if len(value) <= NOTICES_BYTES_MAX or len(notices) == 1:
        yield value
    else:
        half = len(notices) // 2
        yield from _values(notices[:half])
        yield from _values(notices[half:])


def unpacked(value: bytes) -> list[Notice]:
    """The notices of a record of `changes`.

    Raises:
        msgspec.DecodeError: it is not one that `packed` made.
    """
    return _decoder.decode(value)
