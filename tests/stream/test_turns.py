"""Turns: a place is had for as long as a block takes, and who waits in vain is told so."""

import asyncio

import pytest

from stream.reading import turns as module
from stream.reading.turns import turn
from stream.reading.walking import UnavailableError


async def test_who_waits_in_vain_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that does not become free in time is said to be taken, and the block is not entered."""
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)
    place = asyncio.Lock()
    async with turn(place, "others are being read"):
        with pytest.raises(UnavailableError, match="others are being read"):
            async with turn(place, "others are being read"):
                pytest.fail("two had one place")


async def test_a_place_is_free_again_whatever_the_block_did() -> None:
    """What a block raises comes through, its own lateness too, and the next one has the place."""
    places = asyncio.Semaphore(1)
    with pytest.raises(TimeoutError):
        async with turn(places, "taken"):
            raise TimeoutError
    async with turn(places, "taken"):
        assert places.locked()
    assert not places.locked()
