"""The project agent: changed components in, people out.

The way of a batch: notices, one for each component -> the projection's protocol, which publishes -> the position
moves on.
Rules: I4 and I5 are the protocol's and `Progress`'s; here nothing is decided.
Must not know: how the identity graph came about.
"""

import time
from collections import Counter
from collections.abc import Sequence

from resolvers.difference import Difference
from resolvers.projecting import Rulebook, conflated, project
from resolvers.steps import Notice
from sinks.carrying import carry
from sinks.publisher import unpacked
from stream.batches import Finish
from stream.chunks import Chunk
from stream.metrics import Metrics
from stream.session import Parts, Session

BATCH_RECORDS = 16
"""Records of changes projected together; each holds the notices of one batch of the resolver for one partition."""


class Projecting:
    """What `Batches` does with chunks of changes."""

    def __init__(self, session: Session, rulebook: Rulebook, metrics: Metrics) -> None:
        self._session = session
        self._rulebook = rulebook
        self._metrics = metrics

    async def begin(self, chunks: list[Chunk], parts: Parts) -> Finish:
        """Publish what the chunks' notices speak of."""
        notices = [
            notice
            for chunk in chunks
            for record in chunk.records
            if record.value is not None
            for notice in unpacked(record.value)
        ]
        batch = conflated(notices)
        self._metrics.projection_backlog.set(len(batch))
        now_us = await parts.store.clock_us()
        protocol = project(batch, self._session.cache, self._rulebook, now_us)
        with self._metrics.store_seconds.labels("project").time():
            published = await carry(protocol, parts.store, parts.publisher)
        self._count(batch, published)
        return _nothing_left

    def _count(self, batch: Sequence[Notice], published: Sequence[Difference]) -> None:
        now_ms = time.time() * 1000
        for notice in batch:
            self._metrics.event_to_profile_seconds.observe(max(now_ms - notice.append_ms, 0) / 1000)
        self._metrics.projection_backlog.set(0)
        for kind, count in Counter(kind for one in published for kind in one.merges).items():
            self._metrics.merges.labels(kind).inc(count)
        for rule, count in Counter(rule for one in published for rule in one.refused).items():
            self._metrics.refused_links.labels(rule).inc(count)


async def _nothing_left() -> None:
    """A projection waits for its records itself."""
