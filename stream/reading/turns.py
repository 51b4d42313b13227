"""Turns: who reads what only a few may read at once waits for that, and no longer than a caller does.

Must not know: what is read, who asks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from stream.reading.walking import UnavailableError

TURN_SECONDS: Final = 8.0


@asynccontextmanager
async def turn(places: asyncio.Lock | asyncio.Semaphore, reason: str) -> AsyncIterator[None]:
    """Have one of the places, as long as the block takes. `reason`: what is said to who waits in vain.

    Raises:
        UnavailableError: none became free in time.
    """
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await places.acquire()
    except TimeoutError as error:
        raise UnavailableError(reason) from error
    try:
        yield
    finally:
        places.release()
