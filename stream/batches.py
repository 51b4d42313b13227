"""Batches: from one agent's chunks to batches over all of its partitions, with errors sorted by whose fault they are.

What the world did (store, broker) is waited out: the session starts again from the store's positions. A bug ends the
process: the next one starts from the store's positions too. No exception ever leaves an agent's loop (see
`stream.transport`).
Must not know: what a batch is for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from stream.bugs import end_process
from stream.chunks import Chunk, Intake
from stream.garbage import collect_between_batches
from stream.metrics import Metrics
from stream.progress import Progress, StartAgainError
from stream.session import Parts, Session, WorldError

WorldErrors = (*WorldError, StartAgainError)

QUEUED_CHUNKS = 64
"""So many may wait before stale ones are looked for: a group that is formed anew again and again brings new ones.

And then twice as many as were found not to be stale: they may be thousands, of a record each.
"""

GATHER_SECONDS = 5.0
"""How long changes gather at most while touchpoints pile up: published so much later, and so much less often."""
LOOK_SECONDS = 0.05

BEGIN_SECONDS_MAX = 2.0
"""A batch that takes longer to begin makes the next ones smaller: its people are published that late."""
SMALLEST_SHARE = 16
"""The first batch of a worker, and the smallest full one, is this part of the largest: nothing is in its cache yet."""

Finish = Callable[[], Awaitable[None]]
"""The rest of a batch: what may run while the next one begins."""

Prepared = TypeVar("Prepared")


class Stage(Protocol[Prepared]):
    """What is done with batches."""

    def prepare(self, chunks: Sequence[Chunk]) -> Prepared:
        """All that needs neither store nor broker; done while the batch before waits for them."""
        ...

    async def begin(self, prepared: Prepared, parts: Parts) -> Finish:
        """Work on a batch -> what is left to do before its positions may move on."""
        ...


class _Batch(NamedTuple, Generic[Prepared]):
    chunks: list[Chunk]
    prepared: Prepared


class _Begun(NamedTuple):
    """A batch whose rest is left: in session `number`, since `began_seconds` on the monotonic clock."""

    finish: Finish
    chunks: list[Chunk]
    parts: Parts
    number: int
    began_seconds: float


class Batches(Generic[Prepared]):
    """A queue of chunks, and the tasks that work on them, batch by batch."""

    def __init__(
        self,
        session: Session,
        progress: Progress,
        stage: Stage[Prepared],
        metrics: Metrics,
        *,
        agent: str,
        records_max: int,
        before: "Batches[Any] | None" = None,
        is_held_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """A batch has about `records_max` records, once it is known to be worked on in time. `agent`: for metrics.

        `before`: whose work these batches come from: while those are behind, what they lead to gathers.
        `is_held_up`: whether what is worked on waits for others, maybe for what these batches lead to.
        """
        self._session = session
        self._progress = progress
        self._stage = stage
        self._largest, self._smallest = records_max, max(records_max // SMALLEST_SHARE, 1)
        self._records_max = self._smallest  # of the next batch
        self._before = before
        self._is_held_up = is_held_up
        self._batch_records = metrics.batch_records.labels(agent)
        self._batch_seconds = metrics.batch_seconds.labels(agent)
        self._queue: deque[Chunk] = deque()
        self._look_at = QUEUED_CHUNKS
        self._changed = asyncio.Event()  # the queue, or whether a batch is wanted
        self._is_wanted = False  # nothing is worked on
        self._ahead: asyncio.Queue[_Batch[Prepared]] = asyncio.Queue(maxsize=1)
        self._waiting = 0  # records of the last batch prepared
        self._finishing: asyncio.Task[None] | None = None

    def put(self, chunk: Chunk, intake: Intake) -> None:
        """A chunk is there. How many wait of one reading is bounded by the transport; those of readings before go."""
        if len(self._queue) >= self._look_at:
            self._queue = deque([one for one in self._queue if not intake.is_stale(one)])
            self._look_at = max(QUEUED_CHUNKS, 2 * len(self._queue))
        self._queue.append(chunk)
        self._changed.set()

    @property
    def is_behind(self) -> bool:
        """Whether a batch that is half full or more waits for the one that is worked on, which is not held up."""
        return not self._ahead.empty() and self._waiting >= self._records_max // 2 and not self._is_held_up()

    @property
    def is_resting(self) -> bool:
        """Whether nothing is being done, because there is nothing to do, or it is held up."""
        finished = self._finishing is None or self._finishing.done()
        is_idle = self._is_wanted and finished and not self._queue and self._ahead.empty()
        return is_idle or self._is_held_up()

    async def prepare(self, intake: Intake) -> NoReturn:
        """Prepare batches, one ahead of the one that is worked on, until cancelled."""
        while True:
            chunks = self._progress.continued(await self._next(), intake)
            if chunks:
                try:
                    prepared = self._stage.prepare(chunks)
                except Exception as error:  # noqa: BLE001 - a bug: no state of this process can be trusted any more
                    end_process(error)
                await self._ahead.put(_Batch(chunks, prepared))
                self._waiting = sum(len(chunk.records) for chunk in chunks)
                self._batch_records.observe(self._waiting)

    async def run(self, intake: Intake) -> NoReturn:
        """Work until cancelled."""
        try:
            while True:
                self._is_wanted = True
                self._changed.set()
                batch = self._fresh(await self._ahead.get(), intake)
                self._is_wanted = False
                if batch is not None:
                    number = self._session.number
                    try:
                        await self._work(batch, number, intake)
                    except WorldErrors as error:
                        self._session.lost(number, error)
                        await self._abandon()
                    except Exception as error:  # noqa: BLE001 - a bug
                        end_process(error)
        finally:
            await self._abandon()

    def _fresh(self, batch: _Batch[Prepared], intake: Intake) -> _Batch[Prepared] | None:
        """The batch without what is stale by now; None: nothing is left.

        A stale chunk must never be worked on: the one before it may have been left out as stale, and facts that come
        before it in the log would then be taken for done (`resolvers.facets`, the fence).
        """
        chunks = [chunk for chunk in batch.chunks if not intake.is_stale(chunk)]
        if len(chunks) == len(batch.chunks):
            return batch
        if not chunks:
            return None
        try:
            return _Batch(chunks, self._stage.prepare(chunks))
        except Exception as error:  # noqa: BLE001 - a bug
            end_process(error)

    async def _next(self) -> list[Chunk]:
        """The chunks of the next batch: all there are once nothing is worked on, before that if they fill half of one.

        What comes meanwhile waits together: as batches of its own, each would wait for those before it, and each costs
        the store and the broker a few rounds however small it is.
        """
        while not self._queue or not (self._is_wanted or self._queued_records() >= self._records_max // 2):
            self._changed.clear()
            await self._changed.wait()
        if self._before is not None and self._before.is_behind:
            await self._gather(self._before)
        chunks: list[Chunk] = []
        count = 0
        while self._queue and count < self._records_max:
            chunks.append(self._queue.popleft())
            count += len(chunks[-1].records)
        return chunks

    def _queued_records(self) -> int:
        return sum([len(chunk.records) for chunk in self._queue])

    async def _gather(self, before: "Batches[Any]") -> None:
        """Wait for what else comes of the work before: a component that changes again is then published once."""
        until_seconds = time.monotonic() + GATHER_SECONDS
        while time.monotonic() < until_seconds and not before.is_resting:  # noqa: ASYNC110 - between two batches it may be
            await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, batch: _Batch[Prepared], number: int, intake: Intake) -> None:
        parts = await self._session.parts()
        began = time.monotonic()
        finish = await self._stage.begin(batch.prepared, parts)
        self._resize(time.monotonic() - began)
        await self._finished()
        begun = _Begun(finish, batch.chunks, parts, number, began)
        self._finishing = asyncio.create_task(self._finish(begun, intake))

    def _resize(self, seconds: float) -> None:
        """A batch was begun within so long."""
        if seconds <= BEGIN_SECONDS_MAX:
            self._records_max = min(self._records_max * 2, self._largest)
        else:
            self._records_max = max(self._records_max // 2, self._smallest)

    async def _finished(self) -> None:
        """Wait for the batch before."""
        if self._finishing is not None:
            await self._finishing
            self._finishing = None
            collect_between_batches()

    async def _abandon(self) -> None:
        """Let go of what was on its way when the session was lost."""
        if self._finishing is not None:
            self._finishing.cancel()
            await asyncio.gather(self._finishing, return_exceptions=True)
            self._finishing = None

    async def _finish(self, begun: _Begun, intake: Intake) -> None:
        """The rest of a batch; its errors are those of the session that it began in."""
        try:
            await begun.finish()
            await self._progress.advance(begun.chunks, begun.parts.store, intake)
            self._session.progressed(begun.number)
            self._batch_seconds.observe(time.monotonic() - begun.began_seconds)
        except WorldErrors as error:
            self._session.lost(begun.number, error)
        except Exception as error:  # noqa: BLE001 - a bug
            end_process(error)
