"""Batches: what waits is bounded, whatever the group does."""

from typing import Any, cast

from stream.batches import QUEUED_CHUNKS, Batches
from stream.chunks import TP, Chunk, Intake
from stream.metrics import Metrics

HERE = TP("touchpoints", 0)


def test_chunks_of_readings_that_ended_do_not_pile_up() -> None:
    """A rebalance after the other while a batch is worked on: of what was handed out, only the last reading's waits."""
    nobody = cast("Any", None)
    batches: Batches[Any] = Batches(nobody, nobody, nobody, Metrics(), agent="resolve", records_max=10)
    intake = Intake()
    for _ in range(10 * QUEUED_CHUNKS):
        intake.restart()
        intake.start(intake.assignment, {HERE: 0})
        number = intake.open({HERE})[HERE].number
        for first in range(4):
            chunk = Chunk(*HERE, first, first + 1, [], 0, number)
            assert intake.hand_out(chunk)
            batches.put(chunk, intake)
    assert batches.queued <= QUEUED_CHUNKS + 4
