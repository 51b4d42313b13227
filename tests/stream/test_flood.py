"""A flood of refusals: what makes one, and what ends it."""

from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.metrics import Metrics


class Operator:
    """A store in which an operator says something at the second look."""

    def __init__(self, until_ms: int) -> None:
        self.looks = 0
        self._until_ms = until_ms

    async def let_pass_until_ms(self) -> int:
        """As every store."""
        self.looks += 1
        return self._until_ms if self.looks > 1 else 0


def test_most_of_a_window_is_a_flood() -> None:
    """Not before the window is full, not at the limit itself, and each window is judged by itself."""
    one = Flood(Metrics(), DeadLetterLimit(100, 50))
    assert one.add(1, 99, 99) == 0
    assert one.add(2, 1, 0) == 2
    assert one.add(3, 100, 50) == 0
    assert one.add(4, 100, 51) == 4


def test_by_default_there_is_no_flood() -> None:
    """All of them may be refused for as long as nobody has set a limit."""
    one = Flood(Metrics(), DeadLetterLimit())
    assert not any(one.add(at, 1_000, 1_000) for at in range(10))


async def test_an_operator_lets_it_pass() -> None:
    """It waits for the word, and from then on judges only what came after that."""
    one, operator = Flood(Metrics(), DeadLetterLimit(100, 50)), Operator(7)
    assert one.add(5, 100, 100) == 5
    await one.pause(5, operator)
    assert operator.looks == 2
    assert not one.is_paused
    assert one.add(7, 100, 100) == 0
    assert one.add(8, 100, 100) == 8
