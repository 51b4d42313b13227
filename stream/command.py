"""The command agent: what operators ask for, one after the other.

The way of a batch: read (decode, identifiers) -> each command's protocol, which decides, answers and applies -> the
position moves on.
Rules: the next command begins when the one before is done, because it is decided by what that one left. A record that
is no command is answered `invalid`.
Must not know: what a command does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from resolvers.admission import Admission, Seen
from resolvers.asking import Asked, ask, matching
from resolvers.commanding import obey
from resolvers.deciding import NAMED_MAX
from resolvers.projecting import Rulebook
from sinks.carrying import carry
from stream.batches import Finish
from stream.chunks import Chunk
from stream.metrics import Metrics
from stream.session import Parts

BATCH_RECORDS = 100

log = structlog.get_logger("idweave.command")


class Read(NamedTuple):
    """The commands of a batch, in order. `lost`: how many offsets were deleted before they were read."""

    commands: list[Asked]
    lost: int


class Commanding:
    """What `Batches` does with chunks of commands."""

    def __init__(self, admission: Admission, rulebook: Rulebook, metrics: Metrics) -> None:
        self._admission = admission
        self._rulebook = rulebook
        self._metrics = metrics

    def prepare(self, chunks: Sequence[Chunk]) -> Read:
        """The commands of the chunks."""
        commands = [ask(record, self._admission) for chunk in chunks for record in chunk.records]
        return Read(commands, sum(chunk.expired for chunk in chunks))

    async def begin(self, read: Read, parts: Parts) -> Finish:
        """Carry the commands out."""
        if read.lost:
            log.error("commands were deleted before they were carried out", offsets=read.lost)
            self._metrics.position_gap.inc(read.lost)
        for asked in read.commands:
            named = await self._named(asked, parts)
            protocol = obey(named, self._rulebook.rules, self._rulebook.blocked, parts.standing)
            answer = await carry(protocol, parts.store, parts.publisher)
            self._metrics.commands.labels(answer.type or "unknown", answer.status).inc()
            log.info("command", id=answer.id, type=answer.type, status=answer.status, dry_run=answer.dry_run)
        return _nothing_left

    async def _named(self, asked: Asked, parts: Parts) -> Asked:
        """The command with the identifiers in the store that a pattern of it names; no index leads to them."""
        if not asked.pattern:
            return asked
        found: list[Seen] = []
        cursor = 0
        while len(found) <= NAMED_MAX:
            page = await parts.store.scan_homes(cursor)
            found += matching(asked, page.names, self._admission)
            cursor = page.cursor
            if not cursor:
                break
        return asked._replace(named=tuple(dict.fromkeys(found)))


async def _nothing_left() -> None:
    """A command waits for its answer and its effects itself."""
