"""The resolve agent: touchpoints in, the identity graph changed, and the projection told.

The way of a batch: take in (decode, admit) -> commands from before it are done -> the resolver's protocol against the
store -> dead letters, conflicts and notices acknowledged by Kafka -> the position moves on. The last two run while the
next batch is resolved.
Rules: I5, a position moves only after its effects are in the store and its notices are acknowledged; I6, a refused
record is in the dead letters before its position is passed.
Must not know: how people are published.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from resolvers.admission import Admission, Dropped
from resolvers.arrivals import Arrival
from resolvers.blocking import Blocks
from resolvers.difference import conflict, header
from resolvers.intake import take_in
from resolvers.lives import Alive
from resolvers.namespaces import IdentityRules
from resolvers.resolving import Changed, Resolved, resolve
from resolvers.steps import Notice
from sinks.carrying import carry
from sinks.dead_letters import dead_letter
from sinks.publisher import Sendable
from sinks.waiting import all_of
from stream.barrier import Barrier
from stream.batches import Finish
from stream.chunks import Chunk
from stream.flood import Flood, Share
from stream.metrics import Metrics
from stream.session import Parts
from topics.envelope import Limits
from topics.refusals import Refusal

BATCH_RECORDS = 16_000
"""Records resolved together, of all partitions, when so many wait: who is named in several of them is written once."""

log = structlog.get_logger("idweave.resolve")


class TakenIn(NamedTuple):
    """A batch's events that count, and the records to send about the others and about dropped values.

    `refused`: records by code. `gap`: offsets that were deleted before they were read. `received_at`: when the last of
    them was. `chunks`: what it is made of, with these values blocked. `shares`: of each chunk, what a flood is told by.
    """

    arrivals: list[Arrival]
    reports: list[Sendable]
    refused: Counter[str]
    gap: list[int]
    received_at: float
    chunks: Sequence[Chunk]
    blocks: Blocks | None
    shares: list[Share]


class Resolving:
    """What `Batches` does with chunks of touchpoints."""

    def __init__(
        self, admission: Admission, limits: Limits, metrics: Metrics, flood: Flood, barrier: Barrier | None
    ) -> None:
        """`barrier`: None where nothing but touchpoints is read, once all commands are done."""
        self._flood = flood
        self._admission = admission
        self._rules: IdentityRules = admission.rules
        self._limits = limits
        self._metrics = metrics
        self._barrier = barrier
        self._blocks: Blocks | None = None
        self._largest = 0

    def prepare(self, chunks: Sequence[Chunk]) -> TakenIn:
        """The records that count, and what there is to report of the others and of dropped values."""
        received_at = max([chunk.received_at for chunk in chunks], default=0.0)
        taken_in = TakenIn([], [], Counter(), [], received_at, chunks, self._blocks, [])
        for chunk in chunks:
            taken_in.gap.append(chunk.expired)
            before = len(taken_in.arrivals)
            for record in chunk.records:
                taken = take_in(record, self._limits, self._admission, self._blocks)
                if isinstance(taken, Refusal):
                    taken_in.refused[taken.code] += 1
                    taken_in.reports.append(dead_letter(record, taken))
                    continue
                taken_in.arrivals.append(taken.arrival)
                if taken.dropped:
                    taken_in.reports.extend(_dropped(one, taken.arrival) for one in taken.dropped)
            if chunk.records:
                refused = len(chunk.records) - (len(taken_in.arrivals) - before)
                last_ms, records = chunk.records[-1].append_ms, len(chunk.records)
                taken_in.shares.append(Share(last_ms, records, refused, chunk.tp, chunk.next_offset))
        return taken_in

    async def begin(self, taken_in: TakenIn, parts: Parts) -> Finish:
        """Resolve the events; what is left is to tell."""
        if self._barrier is not None:
            await self._barrier.passed(parts.store, taken_in.received_at)
        lives, self._blocks = parts.standing
        if taken_in.blocks is not self._blocks and (taken_in.blocks or self._blocks):
            taken_in = self.prepare(taken_in.chunks)  # it was read before what is blocked now was known
        if flood_ms := max([self._flood.add(share) for share in taken_in.shares], default=0):
            await self._flood.pause(flood_ms, parts.store)
        alive = lives.alive(taken_in.arrivals) if lives else Alive(taken_in.arrivals, [])
        protocol = resolve(alive.arrivals, parts.cache, self._rules, alive.orphans)
        resolved = await carry(protocol, parts.store, parts.publisher)
        observed = [
            conflict(seen.keys, seen.rule, [seen.arrival.mark], header(seen.arrival.traceparent))
            for seen in resolved.observations
        ]
        notices = [_notice(changed) for changed in resolved.changed]
        self._count(taken_in, resolved)

        async def finish() -> None:
            await all_of([parts.publisher.send([*taken_in.reports, *observed]), parts.publisher.notify(notices)])

        return finish

    def _count(self, taken_in: TakenIn, resolved: Resolved) -> None:
        if lost := sum(taken_in.gap):
            log.error("touchpoints were deleted before they were resolved: events are lost", offsets=lost)
            self._metrics.position_gap.inc(lost)
        for code, count in taken_in.refused.items():
            self._metrics.dead_letters.labels(code).inc(count)
        self._metrics.events.labels("refused").inc(taken_in.refused.total())
        self._metrics.events.labels("accepted").inc(len(taken_in.arrivals))
        for seen in resolved.observations:
            self._metrics.refused_links.labels(seen.rule).inc()
        largest = max((len(changed.component.facets) for changed in resolved.changed), default=0)
        if largest > self._largest:
            self._largest = largest
            self._metrics.component_identifiers_max.set(largest)


def _notice(changed: Changed) -> Notice:
    component, cause = changed.component, changed.cause
    mark = cause.mark
    return Notice(component.name, component.version, mark.id, mark.source, mark.append_ms, cause.traceparent)


def _dropped(dropped: Dropped, arrival: Arrival) -> Sendable:
    key = f"{dropped.namespace}:{dropped.token}"
    return conflict((key,), dropped.rule, [arrival.mark], header(arrival.traceparent))
