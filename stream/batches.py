"""Batches: from one agent's chunks to batches over all of its partitions, with errors sorted by whose fault they are.

What the world did (store, broker) is waited out: the session starts again from the store's positions. A bug ends the
process: the next one starts from the store's positions too. No exception ever leaves an agent's loop (see
`stream.transport`).
Must not know: what a batch is for.
"""

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from stream.chunks import Chunk, Intake
from stream.progress import Progress, StartAgainError
from stream.session import Parts, Session, WorldError

EXIT_BUG = 70

log = structlog.get_logger("idweave.batches")

Finish = Callable[[], Awaitable[None]]
"""The rest of a batch: what may run while the next one begins."""

Begin = Callable[[list[Chunk], Parts], Awaitable[Finish]]
"""Works on a batch, and returns what is left to do before its positions may move on."""


class Batches:
    """A queue of chunks, and the task that works on them, batch by batch."""

    def __init__(
        self,
        session: Session,
        progress: Progress,
        *,
        records_max: int,
        begin: Begin,
    ) -> None:
        self.waiting_records = 0
        self._session = session
        self._progress = progress
        self._records_max = records_max
        self._begin = begin
        self._queue: asyncio.Queue[Chunk] = asyncio.Queue()
        self._finishing: asyncio.Task[None] | None = None

    def put(self, chunk: Chunk) -> None:
        """A chunk is there. How many wait is bounded by the transport."""
        self.waiting_records += len(chunk.records)
        self._queue.put_nowait(chunk)

    async def run(self, intake: Intake) -> NoReturn:
        """Work until cancelled."""
        while True:
            chunks = await self._next()
            number = self._session.number
            try:
                await self._work(chunks, intake)
            except (*WorldError, StartAgainError) as error:
                self._finishing = None
                self._session.lost(number, error)
            except Exception as error:  # noqa: BLE001 - a bug: no state of this process can be trusted any more
                end_process(error)

    async def _next(self) -> list[Chunk]:
        chunks = [await self._queue.get()]
        count = len(chunks[0].records)
        while count < self._records_max and not self._queue.empty():
            chunks.append(self._queue.get_nowait())
            count += len(chunks[-1].records)
        self.waiting_records -= count
        return chunks

    async def _work(self, chunks: list[Chunk], intake: Intake) -> None:
        parts = await self._session.parts()
        chunks = self._progress.continued(chunks, intake)
        if not chunks:
            return
        finish = await self._begin(chunks, parts)
        if self._finishing is not None:
            await self._finishing
        self._finishing = asyncio.create_task(self._finish(finish, chunks, parts, intake))
        if self._queue.empty():
            finishing, self._finishing = self._finishing, None
            await finishing

    async def _finish(self, finish: Finish, chunks: list[Chunk], parts: Parts, intake: Intake) -> None:
        await finish()
        for chunk in chunks:
            if not intake.is_stale(chunk):
                await self._progress.advance(chunk, parts.store, intake)


def end_process(error: BaseException) -> NoReturn:
    """Say where a bug is, without what it was about: messages of exceptions may hold anything. Then end."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.critical("a bug: the process ends, and may be started again", error=type(error).__name__, frames=frames)
    os._exit(EXIT_BUG)
