"""Where lookups read profiles: one reader of the profiles topic, opened when first needed and again when it fails.

Must not know: who asks, what a profile is.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sinks.profile_reader import ProfileReader, ProfileReadError


class ProfileSource:
    """The reader; one read at a time, because a reader has one thread and a read takes milliseconds."""

    def __init__(self, opening: Callable[[], Awaitable[ProfileReader]]) -> None:
        self._opening = opening
        self._reader: ProfileReader | None = None
        self._turn = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def read(self, profile_id: str, offset: int) -> bytes | None:
        """The value of the profile's record at an offset; None if it is not there.

        Raises:
            ProfileReadError: the broker does not answer in time.
        """
        async with self._turn:
            if self._reader is None:
                self._reader = await self._opening()
            try:
                return await self._reader.read(profile_id, offset)
            except ProfileReadError:
                self._let_go()
                raise

    async def close(self) -> None:
        """Close the reader; a read that has begun is waited for."""
        self._let_go()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _let_go(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            task = asyncio.create_task(reader.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
