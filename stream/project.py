"""The project agent: changed components in, people out.

The way of a batch: notices, one for each component -> the projection's protocol, which publishes -> the position
moves on.
Rules: I4 and I5 are the protocol's and `Progress`'s; here nothing is decided.
Must not know: how the identity graph came about.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import structlog

from resolvers.difference import Difference
from resolvers.projecting import Rulebook, conflated, project
from resolvers.sources import Sources
from resolvers.steps import Notice
from sinks.carrying import carry
from sinks.publisher import unpacked
from sinks.waiting import all_of
from stream.batches import Finish
from stream.chunks import Chunk
from stream.metrics import Metrics
from stream.session import Parts
from stream.waking import SOURCE as TIME
from stream.waking import Pages

BATCH_RECORDS = 64
"""Records of changes projected together; each holds the notices of one batch of the resolver for one partition."""

log = structlog.get_logger("idweave.project")

SLICE_COMPONENTS = 250
"""Components that go through the projection's steps together, at most."""
SLICE_COMPONENTS_MIN = 10
"""Fewer don't pay for the rounds that they take; but the first are not to wait until many are computed."""
FOREIGN_SHOWN = 10
"""So many places are logged of records that are nobody's."""
SLICES_AT_ONCE = 8
"""Slices that are under way at once: enough that one is computed while others wait, and a bound to the memory."""


class Told(NamedTuple):
    """The notices of a batch, one for each component.

    `lost`: how many offsets were deleted before they were read. `foreign`: where records lie that hold no notices.
    """

    notices: list[Notice]
    lost: int
    foreign: tuple[str, ...] = ()


class Projecting:
    """What `Batches` does with chunks of changes."""

    def __init__(self, rulebook: Rulebook, metrics: Metrics, pages: Pages) -> None:
        self._rulebook = rulebook
        self._metrics = metrics
        self._pages = pages
        self._failed: set[str] = set()
        self._sources = Sources(rulebook.rules.sources)
        for name in self._sources.names:
            metrics.source_merges.labels(name)  # at 0 from the start: a series that begins at 1 has not increased

    def prepare(self, chunks: Sequence[Chunk]) -> Told:
        """The notices of the chunks."""
        notices: list[Notice] = []
        foreign: list[str] = []
        for chunk in chunks:
            for record in chunk.records:
                try:
                    notices += unpacked(record.value or b"")
                except msgspec.DecodeError:
                    foreign.append(f"{record.partition}:{record.offset}")
        return Told(conflated(notices), sum(chunk.expired for chunk in chunks), tuple(foreign))

    async def begin(self, told: Told, parts: Parts) -> Finish:
        """Publish what the notices speak of, slice by slice: while one waits for the broker, others are computed."""
        notices = told.notices
        if told.lost:
            log.error("changes were deleted before they were published: profiles are missing or old", offsets=told.lost)
            self._metrics.position_gap.inc(told.lost)
        if told.foreign:
            log.error(
                "records of `changes` that no worker of this version wrote are left out: whoever they were about is"
                " published by `idweave republish`, and `idweave audit` says who is missing",
                at=told.foreign[:FOREIGN_SHOWN],
                records=len(told.foreign),
            )
            self._metrics.foreign_changes.inc(len(told.foreign))
        self._metrics.projection_backlog.set(len(notices))
        now_us = await parts.store.clock_us()
        size = min(max(len(notices) // SLICES_AT_ONCE, SLICE_COMPONENTS_MIN), SLICE_COMPONENTS)
        sliced = [notices[at : at + size] for at in range(0, len(notices), size)]
        slices = iter(sliced)
        turn = asyncio.Lock()

        async def publish_slices() -> None:
            for some in slices:
                async with turn:
                    await asyncio.sleep(0)  # one is computed, then whoever else has got an answer, then the next one
                protocol = project(some, parts.cache, self._rulebook, now_us)
                self._count(some, await carry(protocol, parts.store, parts.publisher))

        await all_of([publish_slices() for _ in sliced[:SLICES_AT_ONCE]])
        self._pages.published(notices)
        return _nothing_left

    def _count(self, notices: Sequence[Notice], published: Sequence[Difference]) -> None:
        now_ms = time.time() * 1000
        for notice in notices:
            if notice.source == TIME:
                continue  # no event was waiting
            self._metrics.event_to_profile_seconds.observe(max(now_ms - notice.append_ms, 0) / 1000)
        self._metrics.projection_backlog.dec(len(notices))
        for kind, count in Counter(kind for one in published for kind in one.merges).items():
            self._metrics.merges.labels(kind).inc(count)
        for name, count in Counter(self._sources.name(by) for one in published for by in one.merged_by).items():
            self._metrics.source_merges.labels(name).inc(count)
        for rule, count in Counter(rule for one in published for rule in one.refused).items():
            self._metrics.refused_links.labels(rule).inc(count)
        for rule, count in Counter(rule for one in published for rule in one.failed).items():
            self._metrics.rule_errors.labels(rule).inc(count)
            if rule not in self._failed:  # once a rule: the metric says how often
                self._failed.add(rule)
                log.warning("a rule cannot be judged of somebody, and counts as not holding for them", rule=rule)


async def _nothing_left() -> None:
    """A projection waits for its records itself."""
