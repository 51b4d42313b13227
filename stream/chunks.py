"""What this worker reads of each partition, and how far its agents are: the transport's bookkeeping.

A *chunk* covers a range of one partition's offsets, [first_offset, next_offset): its records are all that the broker
has in it. Offsets of the range without a record are transaction markers, records of aborted transactions or compacted
away, and so no loss; those that retention took before they were read are counted in `expired`. Chunks of one partition
follow each other without a hole, so the one question an agent asks is whether a chunk starts at its position.

A *reading* is one uninterrupted pass over a partition from a start offset. Each assignment, `refetch` and `restart`
begins a new one, and chunks of an earlier reading are stale.

Pure: no clock, no event loop, no Kafka, no Faust, no threads. One thread, that of the agents, owns an `Intake`.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import NamedTuple, Protocol

from topics.records import Record


class TP(NamedTuple):
    """A partition of a topic; equal, as a tuple, to Faust's and aiokafka's own."""

    topic: str
    partition: int


class Chunk(NamedTuple):
    """Everything that one partition's log holds from `first_offset` up to, not including, `next_offset`.

    `records` are in offset order and may be empty, where the range holds none: then only the position moves.
    `expired` offsets at the start of the range were deleted by retention before this worker read them: records are
    lost, and it is the agent's to count and alarm. `reading` is the pass that the chunk belongs to. `received_at`: when
    the last of it was, by the monotonic clock; 0: long ago.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    records: list[Record]
    expired: int
    reading: int
    received_at: float = 0.0

    @property
    def tp(self) -> TP:
        """The chunk's partition."""
        return TP(self.topic, self.partition)

    def followed_by(self, chunk: "Chunk") -> "Chunk":
        """This one and the next of the same reading as one."""
        assert (chunk.tp, chunk.reading, chunk.first_offset) == (self.tp, self.reading, self.next_offset)
        records, expired = [*self.records, *chunk.records], self.expired + chunk.expired
        return chunk._replace(first_offset=self.first_offset, records=records, expired=expired)


class Positions(Protocol):
    """Where reading starts: the store's positions, never Kafka's committed offsets."""

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The next offset to read of every one of the partitions; None starts at the earliest that there is.

        Asked after each assignment and each `Intake.restart`. It may be retried for as long as the store is away, but
        an exception ends the process.
        """
        ...

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """What Kafka was told to be done of partitions that were just started; None: nothing.

        A position before it has lost what was done. Kafka may know less than what was done, and never more.
        """
        ...


class Reading(NamedTuple):
    """One pass over a partition: its number, never used twice, and the offset it starts at (None: the earliest)."""

    number: int
    start: int | None


class _Pass:
    __slots__ = ("done", "handed_out", "reading")

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.handed_out = self.done = 0  # up to which offsets; equal while no chunk was handed out

    @property
    def ahead(self) -> int:
        """How many offsets are handed out and not done."""
        return self.handed_out - self.done


class Intake:
    """The agents' side of the transport, and the book that the transport keeps.

    Agents use `is_stale`, `refetch`, `done` and `restart`; the rest is the transport's. Where `records_ahead` offsets
    of a partition are handed out and not done, its next chunk is not even fetched. Offsets are counted and not chunks,
    because what comes slowly comes in small ones: a few of them must not keep the next from coming.
    """

    def __init__(self, records_ahead: int = 8_000) -> None:
        assert records_ahead > 0, "without a record ahead nothing is ever read"
        self.on_change: Callable[[], None] = lambda: None  # the transport's: there may be something to fetch now
        self.assignment = 0  # grows whenever every reading ends, so that a slow answer about positions is recognised
        self._records_ahead = records_ahead
        self._numbers = count(1)
        self._passes: dict[TP, _Pass] = {}
        self._done: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}

    def is_stale(self, chunk: Chunk) -> bool:
        """Whether the chunk belongs to a reading that has ended: to be dropped without a word."""
        current = self._passes.get(chunk.tp)
        return current is None or current.reading.number != chunk.reading

    def done(self, tp: TP, next_offset: int) -> None:
        """Everything before `next_offset` has had its effects: may be committed, and makes room for further chunks.

        The last report counts, even when it is lower than the one before (a store that lost writes starts again).
        For a partition that this worker is not reading now it says nothing.
        """
        current = self._passes.get(tp)
        if current is None:
            return
        self._done[tp] = next_offset
        was_full = current.ahead >= self._records_ahead
        current.done = max(current.done, next_offset)
        if was_full and current.ahead < self._records_ahead:
            self.on_change()

    def refetch(self, tp: TP, offset: int | None) -> None:
        """Read the partition again from `offset` (None: the earliest), because a chunk did not start at it."""
        if tp in self._passes:
            self._passes[tp] = _Pass(Reading(next(self._numbers), offset))
            self.on_change()

    def restart(self) -> None:
        """End every reading; the positions are asked again. For a store that may have lost writes."""
        self.assignment += 1
        self._passes.clear()
        self.on_change()

    def revoked(self) -> None:
        """The partitions are no longer ours: end every reading and forget what was done."""
        self._done.clear()
        self._committed.clear()
        self.restart()

    def unstarted(self, partitions: Iterable[TP]) -> set[TP]:
        """Those of the partitions whose position is yet to be asked."""
        return {tp for tp in partitions if tp not in self._passes}

    def start(self, assignment: int, offsets: Mapping[TP, int | None]) -> None:
        """Begin reading at these offsets, unless all readings have ended since `assignment` was noted."""
        if assignment == self.assignment:
            for tp, offset in offsets.items():
                self._passes[tp] = _Pass(Reading(next(self._numbers), offset))

    def open(self, partitions: Iterable[TP]) -> dict[TP, Reading]:
        """The readings among the partitions that have room for another chunk."""
        return {
            tp: self._passes[tp].reading
            for tp in partitions
            if tp in self._passes and self._passes[tp].ahead < self._records_ahead
        }

    def hand_out(self, chunk: Chunk) -> bool:
        """Note that an agent is to get the chunk; False if it has become stale and must not be given."""
        if self.is_stale(chunk):
            return False
        current = self._passes[chunk.tp]
        if current.handed_out == 0:
            current.done = chunk.first_offset
        current.handed_out = chunk.next_offset
        return True

    def uncommitted(self) -> dict[TP, int]:
        """The next offsets that agents reported done and Kafka has not been told."""
        return {tp: offset for tp, offset in self._done.items() if self._committed.get(tp) != offset}

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """Kafka has been told."""
        self._committed.update(offsets)
