"""A flood of refusals: when most of what publishers send is refused, reading stops before all of it is dead letters.

A bad release upstream is told apart from single bad records by their share of a window. A worker that meets one leaves
its positions where they are, says so (readiness, metric, log), and goes on when an operator has said that what was
appended until now may go to the dead letters; what comes after that is judged anew. The operator's word is in the
store, so that it holds for every worker and after a restart.
Must not know: why a record was refused.
"""

import asyncio
from typing import Final, NamedTuple, Protocol

import structlog

from stream.chunks import TP
from stream.config.configuration import DeadLetterLimit
from stream.metrics import Metrics

LOOK_SECONDS: Final = 1.0
PERCENT: Final = 100

log = structlog.get_logger("idweave.flood")


class Share(NamedTuple):
    """How many records of a stretch of the log are refused, when the last of it was appended, and where it ends."""

    append_ms: int
    records: int
    refused: int
    tp: TP
    next_offset: int


class Words(Protocol):
    """A store, as far as the operator's word goes."""

    async def let_pass_until_ms(self) -> int:
        """Refused records appended up to then may pass; 0: nobody has said so."""
        ...


class Flood:
    """One worker's window. `is_paused`: it waits for an operator's word."""

    def __init__(self, metrics: Metrics, limit: DeadLetterLimit) -> None:
        self.is_paused = False
        self._limit = limit
        self._metrics = metrics
        self._seen = self._refused = 0
        self._until_ms = 0
        self._counted: dict[TP, int] = {}  # up to which offset: what is read again counts once

    def add(self, share: Share) -> int:
        """Count some records -> when the last of them was appended, if too many are refused; otherwise 0."""
        if share.append_ms <= self._until_ms:
            return 0
        if share.next_offset > self._counted.get(share.tp, 0):
            self._counted[share.tp] = share.next_offset
            self._seen += share.records
            self._refused += share.refused
        if self._seen < self._limit.window:
            return 0
        if self._refused * PERCENT > self._seen * self._limit.most_percent:
            return share.append_ms  # and again for whatever comes, until an operator has spoken
        self._seen = self._refused = 0
        return 0

    async def pause(self, flood_ms: int, store: Words) -> None:
        """Wait until an operator has said that what was appended up to this instant may pass.

        Raises:
            StoreError: the store does not answer; the batch is begun again, and waits again.
        """
        try:
            while (until_ms := await store.let_pass_until_ms()) < flood_ms:
                if not self.is_paused:
                    self.is_paused = True
                    self._metrics.paused.set(1)
                    log.error(
                        "most touchpoints are refused: reading stops, and nothing is dead-lettered. Correct the"
                        " configuration and restart, or let them pass with `idweave dlq resume`",
                        window=self._limit.window,
                        most_percent=self._limit.most_percent,
                    )
                await asyncio.sleep(LOOK_SECONDS)
            self._until_ms = until_ms
            self._seen = self._refused = 0
            if self.is_paused:
                log.info("reading touchpoints again")
        finally:
            self.is_paused = False
            self._metrics.paused.set(0)
