"""Dead letters: refused records as they were received, with why in headers that Kafka Connect's tools know.

Must not know: what is in a record. No header added here carries anything out of it.
"""

from typing import Final, NamedTuple

from sinks.publisher import RawRecord
from topics.catalogue import DEAD_LETTERS, TOUCHPOINTS
from topics.records import Record
from topics.refusals import Refusal

BYTES_MAX = 1_000_000
"""What a dead letter may hold of a record: 15 times what an event may have, and what any broker takes."""

CODE: Final = "idweave.error.code"
CUT: Final = "idweave.error.cut_from_bytes"
_ADDED: Final = (
    CODE,
    "__connect.errors.topic",
    "__connect.errors.partition",
    "__connect.errors.offset",
    "__connect.errors.exception.message",
)


class Letter(NamedTuple):
    """A dead letter: where it lies, why and since when it is there, whence it came, and what was received.

    `received`: the record as it was sent, for its topic; None: it was cut, and can't be sent again. `record`: the
    letter itself.
    """

    partition: int
    offset: int
    append_ms: int
    code: str
    message: str
    source: tuple[str, int, int]
    received: RawRecord | None
    record: Record


def dead_letter(record: Record, refusal: Refusal) -> RawRecord:
    """The record for the dead-letter topic: key, value and headers as received, and why and whence in added headers.

    A record that would not fit (compressed, it fitted into the input) is cut, and says so: put aside in part, it lets
    its neighbours go on.
    """
    added = (
        (CODE, refusal.code.encode()),
        ("__connect.errors.topic", record.topic.encode()),
        ("__connect.errors.partition", b"%d" % record.partition),
        ("__connect.errors.offset", b"%d" % record.offset),
        ("__connect.errors.exception.message", refusal.message.encode()),
    )
    beside = len(record.key or b"") + sum(len(name) + len(value or b"") for name, value in record.headers)
    if beside + len(record.value or b"") <= BYTES_MAX:
        return RawRecord(DEAD_LETTERS.name, record.key, record.value, (*record.headers, *added))
    cut = (CUT, b"%d" % len(record.value or b""))
    if beside > BYTES_MAX // 2:
        return RawRecord(DEAD_LETTERS.name, None, (record.value or b"")[: BYTES_MAX // 2], (*added, cut))
    value = (record.value or b"")[: BYTES_MAX - beside]
    return RawRecord(DEAD_LETTERS.name, record.key, value, (*record.headers, *added, cut))


def read_letter(record: Record) -> Letter | None:
    """What `dead_letter` wrote; None: somebody else did."""
    headers = record.headers
    cut = bool(headers) and headers[-1][0] == CUT
    ours = headers[:-1] if cut else headers
    added = ours[-len(_ADDED) :]
    if tuple(name for name, _ in added) != _ADDED:
        return None
    code, topic, partition, offset, message = (bytes(value or b"").decode(errors="replace") for _, value in added)
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    received = RawRecord(TOUCHPOINTS.name, record.key, record.value, ours[: -len(_ADDED)])
    source = (topic, int(partition), int(offset))
    place = (record.partition, record.offset, record.append_ms)
    return Letter(*place, code, message, source, None if cut else received, record)
