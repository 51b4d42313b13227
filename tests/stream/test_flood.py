"""A flood of refusals: what makes one, and what ends it."""

import pytest

from sinks.store import StoreLostError
from stream.chunks import TP
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood, Share
from stream.metrics import Metrics


def share(append_ms: int, records: int, refused: int, next_offset: int | None = None) -> Share:
    """A stretch of one partition's log that ends at its instant, if nothing else is said."""
    return Share(append_ms, records, refused, TP("touchpoints", 0), next_offset or append_ms + 1)


class Operator:
    """A store in which an operator says something at the second look."""

    def __init__(self, until_ms: int) -> None:
        self.looks = 0
        self._until_ms = until_ms

    async def let_pass_until_ms(self) -> int:
        """As every store."""
        self.looks += 1
        return self._until_ms if self.looks > 1 else 0


class Gone:
    """A store that is away."""

    async def let_pass_until_ms(self) -> int:
        """As a store that is away."""
        raise StoreLostError("it is away")


def test_most_of_a_window_is_a_flood() -> None:
    """Not before the window is full, not at the limit itself, and each window is judged by itself."""
    one = Flood(Metrics(), DeadLetterLimit(100, 50))
    assert one.add(share(1, 99, 49)) == 0
    assert one.add(share(2, 1, 1)) == 0
    assert one.add(share(3, 99, 99)) == 0
    assert one.add(share(4, 1, 0)) == 4


async def test_a_flood_stands_until_an_operator_has_spoken() -> None:
    """Whatever ends the waiting before that, the batch comes again, and is a flood again."""
    one = Flood(Metrics(), DeadLetterLimit(100, 50))
    assert one.add(share(5, 100, 51)) == 5
    with pytest.raises(StoreLostError):
        await one.pause(5, Gone())
    assert one.add(share(5, 100, 51)) == 5


def test_what_is_read_again_counts_once() -> None:
    """A batch that is begun again and again, because the store is full, fills no window."""
    one = Flood(Metrics(), DeadLetterLimit(1_000, 50))
    assert not any(one.add(share(5, 15, 10)) for _ in range(1_000))
    assert one.add(share(6, 990, 600)) == 6


def test_by_default_there_is_no_flood() -> None:
    """All of them may be refused for as long as nobody has set a limit."""
    one = Flood(Metrics(), DeadLetterLimit())
    assert not any(one.add(share(at, 1_000, 1_000)) for at in range(10))


async def test_an_operator_lets_it_pass() -> None:
    """It waits for the word, and from then on judges only what came after that."""
    one, operator = Flood(Metrics(), DeadLetterLimit(100, 50)), Operator(7)
    assert one.add(share(5, 100, 100)) == 5
    await one.pause(5, operator)
    assert operator.looks == 2
    assert not one.is_paused
    assert one.add(share(7, 100, 100)) == 0
    assert one.add(share(8, 100, 100)) == 8
