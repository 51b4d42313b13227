"""Intake: from a log record to an arrival, or to the refusal that goes to the dead letters.

Job: decode, admit, and sign: everything that is decided about one event by itself.
Must not know: other events, components, stores.
"""

from functools import partial

import msgspec
from msgspec import Struct

from resolvers.admission import Admission, Dropped, admit
from resolvers.arrivals import Arrival, arrival
from resolvers.blocking import Blocks
from resolvers.dedupe import signature
from resolvers.evidence import Mark
from topics.envelope import Limits, decode
from topics.headers import traceparent
from topics.records import Record
from topics.refusals import Refusal

# Sorted, so that white space, the order of keys and the mode (structured, binary) make no other body.
_canonical = msgspec.json.Encoder(order="sorted")


class Accepted(Struct, frozen=True, gc=False):
    """An event that counts, and the values that were dropped from it."""

    arrival: Arrival
    dropped: tuple[Dropped, ...]


def take_in(record: Record, limits: Limits, admission: Admission, blocks: Blocks | None = None) -> Accepted | Refusal:
    """What becomes of a record of the touchpoints topic, where operators have blocked these values."""
    touchpoint = decode(record, limits)
    if isinstance(touchpoint, Refusal):
        return touchpoint
    admitted = admit(touchpoint, admission, partial(blocks.drops, position=record.position) if blocks else None)
    if isinstance(admitted, Refusal):
        return admitted
    mark = Mark(
        touchpoint.time_us,
        record.append_ms,
        record.topic,
        record.partition,
        record.offset,
        touchpoint.id,
        touchpoint.source,
    )
    signed = signature(touchpoint.source, touchpoint.id, record.append_ms, _canonical.encode(touchpoint))
    trace = traceparent(record.headers) if record.headers else None
    return Accepted(arrival(touchpoint, admitted, mark, signed, trace), admitted.dropped)
