"""The barrier: what it waits for, and that it says so."""

import asyncio
import time
from typing import Any

import pytest

from stream import barrier
from stream.barrier import Barrier
from stream.chunks import TP

COMMANDS = TP("t.commands", 0)


async def begins_to_wait(one: Barrier) -> None:
    """Return when it waits."""
    while not one.is_waiting:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)


class Positions:
    """A store whose position of the commands a test moves."""

    def __init__(self, position: int) -> None:
        self.position = position

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """As every store."""
        return dict.fromkeys(partitions, self.position)

    async def ping(self) -> None:
        """It is there."""


@pytest.fixture
def five(monkeypatch: pytest.MonkeyPatch) -> Barrier:
    """A barrier before which five commands lie."""

    def ends(_: Any, of: Any) -> tuple[int, int]:  # noqa: ANN401 - a client and its own type
        assert (of.topic, of.partition) == COMMANDS
        return 0, 5

    monkeypatch.setattr(barrier, "_ends", ends)
    return Barrier("127.0.0.1:1", COMMANDS.topic, {})


async def test_it_waits_for_the_last_command(five: Barrier) -> None:
    """And says that it waits, for as long as it does."""
    store = Positions(4)
    passing = asyncio.create_task(five.passed(store, time.monotonic()))
    await asyncio.wait_for(begins_to_wait(five), 10)
    assert not passing.done()
    store.position = 5
    await passing
    assert not five.is_waiting


async def test_who_gives_up_does_not_wait_any_more(five: Barrier) -> None:
    """A session that is lost meanwhile cancels the waiting."""
    passing = asyncio.create_task(five.passed(Positions(4), time.monotonic()))
    await asyncio.wait_for(begins_to_wait(five), 10)
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)
    assert not five.is_waiting
