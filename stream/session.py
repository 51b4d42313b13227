"""A session: the store, the publisher and the cache that a worker works with until one of them is lost.

Rule: what was in flight when a store or publisher is lost may or may not have happened. So nothing is carried over but
which publications nobody has confirmed (`resolvers.cache`): both are opened anew, with an empty cache, every partition
is read again from the store's position, and the fences sort out the rest.
Must not know: what is resolved or projected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from resolvers.cache import Cache
from resolvers.standing import Standing
from sinks.publisher import OpenPublisher, PublishFailedError
from sinks.redis_store import RedisStore
from sinks.store import StoreError, StoreFullError, StoreLostError, StoreRefusedError
from stream.bugs import end_process
from stream.chunks import TP, Intake
from stream.metrics import Metrics

BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
LAST_SECONDS = 5.0
"""How long what is owed may take when the process is told to stop: it is killed if it takes too long."""

log = structlog.get_logger("idweave.session")

WorldError = (StoreError, PublishFailedError, OSError)
"""What the world does to us: to be waited out. Anything else is a bug."""


class Parts(NamedTuple):
    """What a session is made of. The cache is of this store, and is gone with it; so is what it knew of commands."""

    store: RedisStore
    publisher: OpenPublisher
    cache: Cache
    standing: Standing


class Session:
    """The current parts, and how to get new ones. `number` grows with every loss."""

    def __init__(
        self, opening: Callable[[], Awaitable[Parts]], metrics: Metrics, owes: Callable[[], bool] = lambda: False
    ) -> None:
        """`owes`: whether something is left that opening the next session would do first."""
        self.number = 0
        self._owes = owes
        self.ready = asyncio.Event()
        self.reason = "starting"
        self._opening = opening
        self._metrics = metrics
        self._parts: Parts | None = None
        self._intake: Intake | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._losses = 0  # since a position last moved

    def attach(self, intake: Intake) -> None:
        """Whose readings begin again after a loss."""
        self._intake = intake

    async def parts(self) -> Parts:
        """The store and the publisher, as soon as they are there."""
        while self._parts is None:
            self._reopen()
            await self.ready.wait()
        return self._parts

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """Where reading starts: the store's positions. Waits for the store for as long as it is away."""
        while True:
            number = self.number
            parts = await self.parts()
            try:
                return await parts.store.start_offsets(partitions)
            except WorldError as error:
                self.lost(number, error)

    @property
    def queued(self) -> int:
        """Records that were sent and are not acknowledged yet."""
        return 0 if self._parts is None else self._parts.publisher.queued

    def lost(self, number: int, error: Exception) -> None:
        """The parts of session `number` are of no use any more; said once, the next ones are opened."""
        if number != self.number:
            return
        self.number += 1
        self._losses += 1
        self.reason = f"{type(error).__name__}: {error}"
        log.warning("session lost, starting again from the store's positions", reason=self.reason)
        self._metrics.session_losses.labels(loss_reason(error)).inc()
        self.ready.clear()
        if self._intake is not None:
            self._intake.restart()
        parts, self._parts = self._parts, None
        self._reopen(parts)

    def progressed(self, number: int) -> None:
        """A position moved in session `number`: what is lost next is lost for the first time."""
        if number == self.number:
            self._losses = 0

    async def watch(self) -> None:
        """Ask the store every second, so that an idle worker notices a server that has changed; close at the end."""
        try:
            while True:
                await asyncio.sleep(1.0)
                number, parts = self.number, self._parts
                if parts is not None:
                    try:
                        await parts.store.ping()
                    except WorldError as error:
                        self.lost(number, error)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close what is open; and where anything is owed, open the next session once more for that alone."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        if self._parts is not None:
            await _closed(self._parts)
        if self._owes():
            try:
                await _closed(await asyncio.wait_for(self._opening(), LAST_SECONDS))
            except (*WorldError, TimeoutError) as error:
                log.warning(
                    "what this worker was publishing when it was told to stop is not known to be complete: if it was"
                    " frozen before, old records may lie last; `idweave republish` says them again",
                    reason=type(error).__name__,
                )

    def _reopen(self, old: Parts | None = None) -> None:
        if self._reopening is None or self._reopening.done():
            self._reopening = asyncio.create_task(self._open(old))

    async def _open(self, old: Parts | None) -> None:
        if old is not None:
            await _closed(old)
        attempt = max(self._losses - 1, 0)  # a session that is lost again and again is not opened in a hot loop
        if attempt:
            await asyncio.sleep(_backoff_seconds(attempt - 1))
        while True:
            try:
                self._parts = await self._opening()
            except WorldError as error:
                self.reason = f"{type(error).__name__}: {error}"
                seconds = _backoff_seconds(attempt)
                log.warning("cannot open a session", reason=self.reason, again_in_seconds=seconds)
                await asyncio.sleep(seconds)
                attempt += 1
            except Exception as error:  # noqa: BLE001 - a bug: nobody would ever be told
                end_process(error)
            else:
                self.reason = ""
                self.ready.set()
                return


LOSS_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (StoreFullError, "store_full"),
    (StoreRefusedError, "store_refused"),
    (StoreLostError, "store_lost"),
    (StoreError, "store_error"),
    (PublishFailedError, "publish_failed"),
    (OSError, "network"),
)


def loss_reason(error: Exception) -> str:
    """Why a session was lost, as the metric's label; `position`: the store is not where this worker left it."""
    return next((reason for kind, reason in LOSS_REASONS if isinstance(error, kind)), "position")


def _backoff_seconds(attempt: int) -> float:
    return BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]


async def _closed(parts: Parts) -> None:
    """Close both, whatever state they are in."""
    for closing in (parts.store.close(), parts.publisher.close()):
        try:
            await closing
        except WorldError as error:
            log.info("closing what was lost", reason=type(error).__name__)
