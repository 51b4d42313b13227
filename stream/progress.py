"""Progress: where this worker is in each partition, held against the store's positions.

Two places per partition: what was handed to the agents (`_next`), and what the store has (`_stored`). They differ by
what is in flight; where the store has none yet, `_earliest` is where its first batch began. Rule (I5): the store's
position moves by compare-and-set from what it was, on the server that the batch worked on.
Must not know: what is in a chunk.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sinks.store import Advance, Advanced, Move
from stream.chunks import TP, Chunk, Intake


class PositionStore(Protocol):
    """A store, as far as positions go."""

    @property
    def run_id(self) -> str:
        """The server's, as it was when the connection was made."""
        ...

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """Move positions, each from its start to its end."""
        ...


class Starts(Protocol):
    """Where positions are asked for, for as long as it takes."""

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The next offset to read of each partition."""
        ...


class StartAgainError(Exception):
    """The store is not what this worker took it for: everything is read again from its positions."""


class Progress:
    """The positions of the partitions that this worker reads; also what the transport asks where to start."""

    def __init__(self, starts: Starts, rolled_back: Callable[[Mapping[TP, int]], None]) -> None:
        """`rolled_back` is told how many records of each partition were done, and are to be done again."""
        self._starts = starts
        self._rolled_back = rolled_back
        self._next: dict[TP, int | None] = {}
        self._stored: dict[TP, int | None] = {}
        self._earliest: dict[TP, int] = {}  # where a partition without a position began to be read

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The next offset to read of each partition; None: the earliest."""
        offsets = await self._starts.start_offsets(partitions)
        self._compare(offsets, {tp: self._stored.get(tp) for tp in partitions})
        self._next.update(offsets)
        self._stored.update(offsets)
        return offsets

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """What Kafka was told to be done, of partitions that begin to be read: a worker that died has told it."""
        self._compare({tp: self._stored.get(tp) for tp in offsets}, offsets)

    def _compare(self, there: Mapping[TP, int | None], known: Mapping[TP, int | None]) -> None:
        """What was moved on once is not where it was: the store came back without its last writes."""
        lost = {tp: was - (there.get(tp) or 0) for tp, was in known.items() if was and was > (there.get(tp) or 0)}
        if lost:
            self._rolled_back(lost)

    def continued(self, chunks: Sequence[Chunk], intake: Intake) -> list[Chunk]:
        """What is to be done now, a chunk a partition; where one does not continue its position, all is read again."""
        wanted: dict[TP, Chunk] = {}
        for chunk in chunks:
            if intake.is_stale(chunk):
                continue
            position = self._next.get(chunk.tp)
            if position is not None and chunk.first_offset != position:
                # From the store's position, not from here: what was wanted and waits will be left out as stale too.
                self._next[chunk.tp] = self._stored.get(chunk.tp)
                intake.refetch(chunk.tp, self._next[chunk.tp])
                continue
            if position is None:
                self._earliest[chunk.tp] = chunk.first_offset
            self._next[chunk.tp] = chunk.next_offset
            before = wanted.get(chunk.tp)
            wanted[chunk.tp] = chunk if before is None or intake.is_stale(before) else before.followed_by(chunk)
        return list(wanted.values())

    async def advance(self, chunks: Sequence[Chunk], store: PositionStore, intake: Intake) -> None:
        """Everything of these chunks, one a partition, is done, in this store: their positions move on, in one call.

        Also that of a chunk which is stale by now, because its partition is read anew, or by somebody else: where the
        group is formed anew again and again before a batch is done, nothing would ever be. Whoever reads the partition
        finds it moved.

        Raises:
            StartAgainError: the store has lost what came before, or is another one.
        """
        stale = {chunk.tp for chunk in chunks if intake.is_stale(chunk)}
        going = [chunk for chunk in chunks if chunk.tp in stale or self._continues(chunk, intake)]
        moves = [
            Move(chunk.tp, None if self._begins(chunk) else chunk.first_offset, chunk.next_offset) for chunk in going
        ]
        refused: set[Advance] = set()
        for chunk, (outcome, position) in zip(going, await store.advance_all(moves, store.run_id), strict=True):
            if chunk.tp in stale:
                continue
            match outcome:
                case Advance.DONE:
                    self._stored[chunk.tp] = position
                    intake.done(chunk.tp, chunk.next_offset)
                case Advance.BEHIND:
                    # Somebody else was here with the same records, or is further; the fences kept it single.
                    self._stored[chunk.tp] = self._next[chunk.tp] = position
                    intake.refetch(chunk.tp, position)
                case Advance.GAP | Advance.CHANGED:
                    refused.add(outcome)
        if refused:
            raise StartAgainError(f"positions can't be moved on: the store answers {', '.join(sorted(refused))}")

    def _begins(self, chunk: Chunk) -> bool:
        """Whether a partition without a position was begun to be read at this chunk."""
        return self._stored.get(chunk.tp) is None and chunk.first_offset == self._earliest.get(chunk.tp)

    def _continues(self, chunk: Chunk, intake: Intake) -> bool:
        """Whether the chunk begins at the position; if not, the partition is read again from there.

        A chunk before this one was given up. What comes next must begin there, or its records would be passed.
        """
        start = self._stored.get(chunk.tp)
        if self._begins(chunk) or chunk.first_offset == start:
            return True
        intake.refetch(chunk.tp, start)
        self._next[chunk.tp] = start
        return False
