"""Garbage is looked for between batches, and not in the midst of one."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from stream.garbage import COLLECTIONS, YOUNG_OBJECTS, collect_between_batches, spare_the_collector


class Knot:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[list[int]]:
    """The collector as a worker sets it, with nothing young; the generations that it collects, as they come."""
    before = gc.get_threshold()
    spare_the_collector()
    gc.collect()
    seen: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(look)
    yield seen
    gc.callbacks.remove(look)
    gc.set_threshold(*before)


def _alive(number: int) -> list[list[int]]:
    return [[one] for one in range(number)]


def test_a_large_batch_is_not_looked_through_while_it_is_worked_on(collector: list[int]) -> None:
    """Half a million containers alive at once start no collection."""
    assert len(_alive(500_000)) == 500_000
    assert collector == []


def test_cycles_are_freed_when_a_batch_is_done(collector: list[int]) -> None:
    """What refers to itself is gone after the batch that made it, if that made enough."""
    gone = weakref.ref(Knot())
    held = _alive(YOUNG_OBJECTS + 1_000)
    assert gone() is not None
    collect_between_batches()
    assert gone() is None
    assert collector == [0]
    assert held


def test_after_a_small_batch_nothing_is_done(collector: list[int]) -> None:
    """A batch that made little is not worth a look."""
    held = _alive(100)
    collect_between_batches()
    assert collector == []
    assert held


def test_survivors_are_looked_through_once_more(collector: list[int]) -> None:
    """A cycle that was in use when it was young is freed later, with the survivors of some collections."""
    knot = Knot()
    gone = weakref.ref(knot)
    kept = []
    for nth in range(COLLECTIONS + 1):
        kept.append(_alive(YOUNG_OBJECTS + 1_000))
        collect_between_batches()
        if nth == 0:
            del knot
    assert gone() is None
    assert collector == [0] * COLLECTIONS + [1]
