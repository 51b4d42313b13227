"""Dead letters: refused records as they were received, with why in headers that Kafka Connect's tools know.

Must not know: what is in a record. No header added here carries anything out of it.
"""

from sinks.publisher import RawRecord
from topics.catalogue import DEAD_LETTERS
from topics.records import Record
from topics.refusals import Refusal

BYTES_MAX = 1_000_000
"""What a dead letter may hold of a record: 15 times what an event may have, and what any broker takes."""


def dead_letter(record: Record, refusal: Refusal) -> RawRecord:
    """The record for the dead-letter topic: key, value and headers as received, and why and whence in added headers.

    A record that would not fit (compressed, it fitted into the input) is cut, and says so: put aside in part, it lets
    its neighbours go on.
    """
    added = (
        ("idweave.error.code", refusal.code.encode()),
        ("__connect.errors.topic", record.topic.encode()),
        ("__connect.errors.partition", b"%d" % record.partition),
        ("__connect.errors.offset", b"%d" % record.offset),
        ("__connect.errors.exception.message", refusal.message.encode()),
    )
    beside = len(record.key or b"") + sum(len(name) + len(value or b"") for name, value in record.headers)
    if beside + len(record.value or b"") <= BYTES_MAX:
        return RawRecord(DEAD_LETTERS.name, record.key, record.value, (*record.headers, *added))
    cut = ("idweave.error.cut_from_bytes", b"%d" % len(record.value or b""))
    if beside > BYTES_MAX // 2:
        return RawRecord(DEAD_LETTERS.name, None, (record.value or b"")[: BYTES_MAX // 2], (*added, cut))
    value = (record.value or b"")[: BYTES_MAX - beside]
    return RawRecord(DEAD_LETTERS.name, record.key, value, (*record.headers, *added, cut))
