"""Dead letters: refused records as they were received, with why in headers that Kafka Connect's tools know.

Must not know: what is in a record. No header added here carries anything out of it.
"""

from sinks.publisher import RawRecord
from topics.catalogue import DEAD_LETTERS
from topics.records import Record
from topics.refusals import Refusal


def dead_letter(record: Record, refusal: Refusal) -> RawRecord:
    """The record for the dead-letter topic: key, value and headers as received, and why and whence in added headers."""
    added = (
        ("idweave.error.code", refusal.code.encode()),
        ("__connect.errors.topic", record.topic.encode()),
        ("__connect.errors.partition", b"%d" % record.partition),
        ("__connect.errors.offset", b"%d" % record.offset),
        ("__connect.errors.exception.message", refusal.message.encode()),
    )
    return RawRecord(DEAD_LETTERS.name, record.key, record.value, (*record.headers, *added))
