"""The desk: what is open is kept for the next caller, what failed is not, and nothing is left open."""

import asyncio
import threading

import pytest

from stream.operating.desk import AT_ONCE, Desk
from stream.operating.requesting import NoAnswerError, RequestError
from stream.reading.walking import UnavailableError
from topics.commands import Command, Result, Undo
from topics.headers import Headers

UNDO = Undo(id="u", of="x")
DONE = Result(id="u", type="undo", status="done", detail="", dry_run=False)


class Way:
    """A way to workers that do as they are told to."""

    def __init__(self, error: Exception | None = None, gate: threading.Barrier | None = None) -> None:
        self.asked = 0
        self.closed = False
        self.error = error
        self._gate = gate

    def ask(self, _command: Command, _timeout_seconds: float, _headers: Headers) -> Result:
        """Answer, or fail."""
        assert not self.closed
        self.asked += 1
        if self._gate is not None:
            self._gate.wait(10)
        if self.error is not None:
            raise self.error
        return DONE

    def close(self) -> None:
        """Note that."""
        self.closed = True


async def test_one_way_serves_one_caller_after_the_other() -> None:
    """To connect takes longer than to ask, so it is done once; at the end it is let go of."""
    ways = [Way()]
    desk = Desk(iter(ways).__next__)
    for _ in range(3):
        assert await desk.ask(UNDO, ()) is DONE
    assert (ways[0].asked, ways[0].closed) == (3, False)
    await desk.close()
    assert ways[0].closed


async def test_a_way_that_failed_is_not_kept() -> None:
    """Whoever comes next gets a new one; a worker that does not answer is no failure of the way."""
    ways = [Way(RequestError("away")), Way(NoAnswerError("u"))]
    desk = Desk(iter(ways).__next__)
    with pytest.raises(UnavailableError, match="did not take"):
        await desk.ask(UNDO, ())
    assert ways[0].closed
    assert await desk.ask(UNDO, ()) is None
    ways[1].error = None
    assert await desk.ask(UNDO, ()) is DONE
    assert (ways[1].asked, ways[1].closed) == (2, False)


async def test_kafka_that_is_away_is_said() -> None:
    """Nothing was sent, and the next caller tries again."""

    def opening() -> Way:
        raise RequestError("nobody there")

    desk = Desk(opening)
    for _ in range(AT_ONCE + 1):
        with pytest.raises(UnavailableError, match="does not answer"):
            await desk.ask(UNDO, ())


async def test_so_many_at_once_and_all_let_go_of() -> None:
    """Each caller has a way to itself, as many as there are places and no more; all are kept, and closed at the end."""
    ways: list[Way] = []
    together = threading.Barrier(AT_ONCE)  # it opens when all places are taken, or breaks

    def opening() -> Way:
        ways.append(Way(gate=together))
        return ways[-1]

    desk = Desk(opening)
    assert await asyncio.gather(*(desk.ask(UNDO, ()) for _ in range(3 * AT_ONCE))) == [DONE] * (3 * AT_ONCE)
    assert [way.asked for way in ways] == [3] * AT_ONCE
    await desk.close()
    assert all(way.closed for way in ways)
    assert await asyncio.gather(*(desk.ask(UNDO, ()) for _ in range(AT_ONCE))) == [DONE] * AT_ONCE
    assert all(way.closed for way in ways), "after the end nothing is kept"
