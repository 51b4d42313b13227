"""How positions move, on every store: only forward from where the batch began, and only on the server it worked on."""

from typing import NamedTuple

from sinks.store import Advance, Advanced, Move
from tests.contract.conftest import AnyStore

TP = ("idweave.touchpoints", 3)


class Partition(NamedTuple):
    """A tuple type of the caller's own."""

    topic: str
    partition: int


async def test_the_first_batch_sets_the_position(store: AnyStore) -> None:
    """A batch that began where there was no position may begin anywhere."""
    assert await store.start_offsets([TP]) == {TP: None}
    assert await store.advance(TP, None, 70, store.run_id) == Advanced(Advance.DONE, 70)
    assert await store.start_offsets([TP]) == {TP: 70}


async def test_batches_continue_each_other(store: AnyStore) -> None:
    """Each begins where the one before ended."""
    await store.advance(TP, None, 10, store.run_id)
    assert await store.advance(TP, 10, 20, store.run_id) == Advanced(Advance.DONE, 20)
    assert await store.advance(TP, 20, 21, store.run_id) == Advanced(Advance.DONE, 21)


async def test_a_redelivered_batch_is_behind(store: AnyStore) -> None:
    """So is that of a worker that froze while another went on, and one that thought itself the first."""
    await store.advance(TP, None, 9, store.run_id)
    await store.advance(TP, 9, 100, store.run_id)
    for start in (9, 50, None):
        assert await store.advance(TP, start, 200, store.run_id) == Advanced(Advance.BEHIND, 100)
    assert await store.start_offsets([TP]) == {TP: 100}


async def test_a_gap_is_refused_unless_it_is_confirmed(store: AnyStore) -> None:
    """Records between the position and the batch were not done; only the broker can say that there are none."""
    await store.advance(TP, None, 10, store.run_id)
    assert await store.advance(TP, 12, 20, store.run_id) == Advanced(Advance.GAP, 10)
    assert await store.start_offsets([TP]) == {TP: 10}
    assert await store.advance(TP, 12, 20, store.run_id, allow_gap=True) == Advanced(Advance.DONE, 20)


async def test_a_position_that_is_gone_is_a_gap(store: AnyStore) -> None:
    """A batch continues a position that the store does not have any more: it lost writes."""
    assert await store.advance(TP, 12, 20, store.run_id) == Advanced(Advance.GAP, None)
    assert await store.start_offsets([TP]) == {TP: None}


async def test_a_confirmed_gap_does_not_excuse_going_back(store: AnyStore) -> None:
    """Behind stays behind."""
    await store.advance(TP, None, 10, store.run_id)
    assert await store.advance(TP, 5, 20, store.run_id, allow_gap=True) == Advanced(Advance.BEHIND, 10)


async def test_another_server_is_told_apart(store: AnyStore) -> None:
    """What the batch wrote went to a server with another run id: nothing moves, whatever the offsets say."""
    await store.advance(TP, None, 10, store.run_id)
    assert await store.advance(TP, 10, 20, "0" * 40) == Advanced(Advance.CHANGED, 10)
    assert await store.start_offsets([TP]) == {TP: 10}


async def test_partitions_have_positions_of_their_own(store: AnyStore) -> None:
    """Neither another partition nor another topic is moved, large offsets are exact, and keys come back as given."""
    far = Partition("idweave.commands", 0)
    await store.advance(TP, None, 10, store.run_id)
    await store.advance(far, None, 2**53 - 1, store.run_id)
    assert await store.start_offsets([Partition(*TP), far, Partition("other", 3)]) == {
        TP: 10,
        far: 2**53 - 1,
        ("other", 3): None,
    }
    assert {type(tp) for tp in await store.start_offsets([far])} == {Partition}
    assert await store.start_offsets([]) == {}


async def test_positions_move_together_each_by_itself(store: AnyStore) -> None:
    """What is refused of one says nothing of the others, and answers come in the order of the asking."""
    partitions = [("idweave.touchpoints", number) for number in range(4)]
    await store.advance_all([Move(tp, None, 10) for tp in partitions if tp[1] != 2], store.run_id)
    moves = [Move(tp, start, 20) for tp, start in zip(partitions, (10, 5, None, 12), strict=True)]
    assert await store.advance_all(moves, store.run_id) == [
        Advanced(Advance.DONE, 20),
        Advanced(Advance.BEHIND, 10),
        Advanced(Advance.DONE, 20),
        Advanced(Advance.GAP, 10),
    ]
    assert await store.start_offsets(partitions) == dict(zip(partitions, (20, 10, 20, 10), strict=True))
    again = await store.advance_all([Move(tp, 20, 30) for tp in partitions], "0" * 40)
    assert {one.outcome for one in again} == {Advance.CHANGED}
    assert await store.advance_all([], store.run_id) == []
