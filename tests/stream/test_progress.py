"""Positions move only over what was done, whatever became of the chunks before (I5)."""

from collections.abc import Sequence

import pytest

from sinks.memory_store import MemoryStore
from sinks.store import Advanced, Move
from stream.chunks import TP, Chunk, Intake
from stream.progress import Progress, StartAgainError
from topics.records import Record

A = TP("touchpoints", 0)
B = TP("touchpoints", 1)


class Store:
    """The memory store, as one asks a server."""

    def __init__(self) -> None:
        self.memory = MemoryStore()

    @property
    def run_id(self) -> str:
        """The server's, as it was when the test began."""
        return "run-1"

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """As the store does."""
        return self.memory.advance_all(moves, run_id)

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """As the store does."""
        return self.memory.start_offsets(partitions)


class Reader:
    """A store, a progress, and an intake that hands chunks out as the transport does."""

    def __init__(self) -> None:
        self.store = Store()
        self.rolled_back: list[dict[TP, int]] = []
        self.progress = Progress(self.store, lambda lost: self.rolled_back.append(dict(lost)))
        self.intake = Intake()

    async def start(self) -> None:
        """Begin to read both partitions where the store says."""
        offsets = await self.progress.start_offsets({A, B})
        self.intake.start(self.intake.assignment, offsets)

    def chunk(self, tp: TP, first: int, end: int) -> Chunk:
        """The next chunk of a partition."""
        records = [Record(tp.topic, tp.partition, at, 0, None, b"{}", ()) for at in range(first, end)]
        chunk = Chunk(tp.topic, tp.partition, first, end, records, 0, self.intake.open({tp})[tp].number)
        assert self.intake.hand_out(chunk)
        return chunk

    def positions(self) -> dict[TP, int | None]:
        """What the store has."""
        return self.store.memory.start_offsets({A, B})


@pytest.fixture
async def reader() -> Reader:
    """One that has begun."""
    reader = Reader()
    await reader.start()
    return reader


async def test_positions_follow_what_is_done(reader: Reader) -> None:
    """Chunks in order move their partition's position, and no other's."""
    for first, end in ((0, 5), (5, 9)):
        [chunk] = reader.progress.continued([reader.chunk(A, first, end)], reader.intake)
        await reader.progress.advance([chunk], reader.store, reader.intake)
    assert reader.positions() == {A: 9, B: None}
    assert reader.intake.uncommitted() == {A: 9}


async def test_chunks_of_a_partition_are_done_as_one(reader: Reader) -> None:
    """Whatever a batch has of a partition is one chunk: from where the first begins to where the last ends."""
    chunks = [reader.chunk(A, 0, 5), reader.chunk(B, 0, 2), reader.chunk(A, 5, 9)]
    done = reader.progress.continued(chunks, reader.intake)
    assert [(one.tp, one.first_offset, one.next_offset) for one in done] == [(A, 0, 9), (B, 0, 2)]
    await reader.progress.advance(done, reader.store, reader.intake)
    assert reader.positions() == {A: 9, B: 2}


async def test_a_chunk_that_was_given_up_is_not_passed(reader: Reader) -> None:
    """A later chunk's end is no position while an earlier one is not done: the partition is read again from there."""
    [done] = reader.progress.continued([reader.chunk(A, 0, 5)], reader.intake)
    await reader.progress.advance([done], reader.store, reader.intake)
    [_given_up] = reader.progress.continued([reader.chunk(A, 5, 9)], reader.intake)
    [later] = reader.progress.continued([reader.chunk(A, 9, 12)], reader.intake)
    await reader.progress.advance([later], reader.store, reader.intake)
    assert reader.positions()[A] == 5
    assert reader.intake.open({A})[A].start == 5
    assert reader.intake.is_stale(later)


async def test_the_first_chunk_given_up_is_not_passed(reader: Reader) -> None:
    """Where there is no position yet, a later chunk's end does not become one."""
    [_given_up] = reader.progress.continued([reader.chunk(A, 3, 5)], reader.intake)
    [later] = reader.progress.continued([reader.chunk(A, 5, 9)], reader.intake)
    await reader.progress.advance([later], reader.store, reader.intake)
    assert reader.positions()[A] is None
    assert reader.intake.open({A})[A].start is None


async def test_a_hole_is_read_again(reader: Reader) -> None:
    """A chunk that does not begin where the one before ended is not done, nor is what waits: all is read again.

    From the store's position, because the chunk before it is stale now, and may be left out.
    """
    [first] = reader.progress.continued([reader.chunk(A, 0, 5)], reader.intake)
    await reader.progress.advance([first], reader.store, reader.intake)
    reader.progress.continued([reader.chunk(A, 5, 9)], reader.intake)
    assert reader.progress.continued([reader.chunk(A, 10, 12)], reader.intake) == []
    assert reader.intake.open({A})[A].start == 5


async def test_somebody_who_is_further_is_followed(reader: Reader) -> None:
    """Where the store's position is further than ours, reading goes on from it and ours is not written."""
    [chunk] = reader.progress.continued([reader.chunk(A, 0, 5)], reader.intake)
    reader.store.memory.advance(A, None, 8, "run-1")
    await reader.progress.advance([chunk], reader.store, reader.intake)
    assert reader.positions()[A] == 8
    assert reader.intake.open({A})[A].start == 8


@pytest.mark.parametrize("loss", ["another server", "fewer writes"])
async def test_a_store_that_lost_writes_is_noticed(reader: Reader, loss: str) -> None:
    """A server that was restarted, or whose position went back, starts everything again."""
    for first, end in ((0, 5), (5, 9)):
        [chunk] = reader.progress.continued([reader.chunk(A, first, end)], reader.intake)
        if first:
            if loss == "another server":
                reader.store.memory.restart()
            else:
                reader.store.memory.content.positions[A] = 3
            with pytest.raises(StartAgainError):
                await reader.progress.advance([chunk], reader.store, reader.intake)
        else:
            await reader.progress.advance([chunk], reader.store, reader.intake)


async def test_a_store_that_came_back_older_is_noticed() -> None:
    """By this worker's own memory of the positions, or by what Kafka was told; a position that only grew is not."""
    reader = Reader()
    await reader.start()
    for first, end in ((0, 10), (10, 20)):
        chunks = reader.progress.continued([reader.chunk(A, first, end)], reader.intake)
        await reader.progress.advance([chunks[0]], reader.store, reader.intake)
    await reader.start()
    reader.progress.committed({A: 20, B: None})
    reader.progress.committed({A: 15})
    assert reader.rolled_back == []
    reader.store.memory = MemoryStore()
    reader.store.memory.advance(A, None, 12, "run-1")
    await reader.start()
    assert reader.rolled_back == [{A: 8}]
    reader.progress.committed({A: 20, B: 3})
    assert reader.rolled_back == [{A: 8}, {A: 8, B: 3}]


async def test_a_rebalance_amid_a_batch_wastes_nothing() -> None:
    """What was done for a partition that is read anew moves its position, from the first chunk on; a copy does not."""
    reader = Reader()
    await reader.start()
    first = reader.progress.continued([reader.chunk(A, 0, 10)], reader.intake)[0]
    reader.intake.restart()
    await reader.progress.advance([first], reader.store, reader.intake)
    assert reader.positions()[A] == 10
    await reader.start()
    second = reader.progress.continued([reader.chunk(A, 10, 20)], reader.intake)[0]
    reader.intake.restart()
    await reader.start()
    await reader.progress.advance([second], reader.store, reader.intake)
    await reader.progress.advance([first], reader.store, reader.intake)
    assert reader.positions()[A] == 20
    again = reader.progress.continued([reader.chunk(A, 10, 15)], reader.intake)[0]
    await reader.progress.advance([again], reader.store, reader.intake)
    assert reader.positions()[A] == 20
    assert reader.intake.open({A})[A].start == 20


async def test_what_is_refused_of_one_partition_does_not_hide_that_another_moved(reader: Reader) -> None:
    """All positions of a batch are asked for at once: those that moved are known as moved when all begins again."""
    chunks = reader.progress.continued([reader.chunk(A, 0, 5), reader.chunk(B, 0, 2)], reader.intake)
    await reader.progress.advance(chunks, reader.store, reader.intake)
    del reader.store.memory.content.positions[A]
    chunks = reader.progress.continued([reader.chunk(A, 5, 9), reader.chunk(B, 2, 4)], reader.intake)
    with pytest.raises(StartAgainError, match="gap"):
        await reader.progress.advance(chunks, reader.store, reader.intake)
    assert reader.positions() == {A: None, B: 4}
    assert reader.intake.uncommitted() == {A: 5, B: 4}
