"""Every topic, as data: what creates topics, documents them and checks them reads this, and nothing else says it again.

Sizes and times are defaults; an operator may set others on the broker. Knows no broker.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from topics import commands, updates
from topics.events import Touchpoint

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_MIB: Final = 1_048_576
# Kafka's own default: publishers' clients are set up for it.
_BATCH_BYTES: Final = 1_048_588


class Topic(Struct, frozen=True, kw_only=True):
    """One topic.

    Attributes:
        name: what follows the prefix and a dot.
        role: `input` is written by others, `output` is read by others, `internal` is ours.
        cleanup: `compact` keeps the last record of each key, `delete` keeps all for `retention_ms`.
        retention_ms: -1 is for ever.
        key: what the record key is.
        records: the types a value may have; empty where values are not ours to describe.
        partitions: how many by default.
        one_partition: the order of the whole topic has a meaning, so there must never be more than one.
        append_time: the broker stamps records with its own time, which log positions are made of.
        message_bytes: the largest record batch.
    """

    name: str
    role: Literal["input", "output", "internal"]
    cleanup: Literal["compact", "delete"]
    retention_ms: int
    key: str
    records: tuple[Any, ...]
    partitions: int
    one_partition: bool = False
    append_time: bool = False
    message_bytes: int = _BATCH_BYTES

    def full_name(self, prefix: str) -> str:
        """The topic's name on the broker."""
        return f"{prefix}.{self.name}"

    def config(self) -> dict[str, str]:
        """The topic's settings, by Kafka's names."""
        settings = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
        }
        if self.cleanup == "compact":
            # What was erased must leave the disk soon, not when the broker happens to compact: the active segment is
            # never compacted, so it must not stay active; and a reader may be away for a week without missing a
            # tombstone.
            settings |= {
                "segment.ms": str(_DAY_MS),
                "max.compaction.lag.ms": str(_DAY_MS),
                "min.cleanable.dirty.ratio": "0.1",
                "delete.retention.ms": str(7 * _DAY_MS),
            }
        else:
            # Records are deleted by whole segments: a segment must be short against the time that it is kept.
            settings["segment.ms"] = str(min(_DAY_MS, self.retention_ms // 24))
        return settings


# Four partitions: one worker process takes a day's traffic of a large chain, so four leave room for four workers and
# still start quickly on a laptop. Keyed topics must not grow later (a key would move, and its order with it); the
# touchpoints may, since their key has no meaning.
_PARTITIONS: Final = 4

TOUCHPOINTS: Final = Topic(
    name="touchpoints",
    role="input",
    cleanup="delete",
    retention_ms=30 * _DAY_MS,
    key="the publisher's choice",
    records=(Touchpoint,),
    partitions=_PARTITIONS,
    append_time=True,
)
COMMANDS: Final = Topic(
    name="commands",
    role="input",
    cleanup="delete",
    retention_ms=7 * _DAY_MS,
    key="the sender's choice",
    records=commands.COMMAND_TYPES,
    partitions=1,
    one_partition=True,
    append_time=True,
)
RESULTS: Final = Topic(
    name="commands.results",
    role="output",
    cleanup="compact",
    retention_ms=-1,
    key="command id",
    records=(commands.Result,),
    partitions=1,
)
PROFILES: Final = Topic(
    name="profiles",
    role="output",
    cleanup="compact",
    retention_ms=-1,
    key="profile id",
    records=(updates.Profile, updates.MergedAway),
    partitions=_PARTITIONS,
    # A person of a thousand identifiers with long traits is one record.
    message_bytes=4 * _MIB,
)
IDENTITIES: Final = Topic(
    name="identities",
    role="output",
    cleanup="compact",
    retention_ms=-1,
    key="namespace:token",
    records=(updates.Identity,),
    partitions=_PARTITIONS,
)


def _profile_stream(name: str, record: type) -> Topic:
    return Topic(
        name=name,
        role="output",
        cleanup="delete",
        retention_ms=7 * _DAY_MS,
        key="profile id",
        records=(record,),
        partitions=_PARTITIONS,
        # Merges and reminders list identifiers: of the largest people a thousand, which may be long ones.
        message_bytes=4 * _MIB,
    )


MERGES: Final = _profile_stream("merges", updates.Merge)
TAGS: Final = _profile_stream("tags", updates.TagChange)
LIFECYCLE: Final = _profile_stream("lifecycle", updates.LifecycleChange)
VALUES: Final = _profile_stream("values", updates.ValueChange)
SEGMENTS: Final = _profile_stream("segments", updates.SegmentChange)
REMINDERS: Final = _profile_stream("reminders", updates.Reminder)
CONFLICTS: Final = Topic(
    name="conflicts",
    role="output",
    cleanup="delete",
    retention_ms=7 * _DAY_MS,
    key="token",
    records=(updates.Conflict,),
    partitions=_PARTITIONS,
)
DEAD_LETTERS: Final = Topic(
    name="touchpoints.dlq",
    role="output",
    cleanup="delete",
    retention_ms=30 * _DAY_MS,
    key="as received",
    records=(),
    partitions=1,
    # Whatever the touchpoints topic took must fit here too, with the headers that say why it was refused.
    message_bytes=2 * _MIB,
)
CHANGES: Final = Topic(
    name="changes",
    role="internal",
    cleanup="delete",
    retention_ms=_DAY_MS,
    key="component id",
    records=(),
    partitions=_PARTITIONS,
)

# Outputs stand in the order in which the records of one change are sent.
ALL: Final = (
    TOUCHPOINTS,
    COMMANDS,
    RESULTS,
    PROFILES,
    IDENTITIES,
    MERGES,
    TAGS,
    LIFECYCLE,
    VALUES,
    SEGMENTS,
    REMINDERS,
    CONFLICTS,
    DEAD_LETTERS,
    CHANGES,
)
