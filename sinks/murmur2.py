"""Murmur2 as Kafka's Java clients use it: which partition a key goes to, so that consumers' joins find their partner.

After `org.apache.kafka.common.utils.Utils.murmur2` and its use in `BuiltInPartitioner.partitionForKey`.
"""

from functools import lru_cache
from struct import unpack_from

SEED = 0x9747B28C
M = 0x5BD1E995
MASK = 0xFFFFFFFF


KEYS_CACHED = 65_536
"""A component is asked for when its notice is sent, and again when it is to be looked at."""


@lru_cache(maxsize=KEYS_CACHED)
def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned (Java shows the same bits signed)."""
    length = len(data)
    words, rest = divmod(length, 4)
    h = SEED ^ length
    for word in unpack_from(f"<{words}I", data):
        k = word * M & MASK
        h = (h * M & MASK) ^ ((k ^ k >> 24) * M & MASK)
    if rest:
        h = (h ^ int.from_bytes(data[-rest:], "little")) * M & MASK
    h = (h ^ h >> 13) * M & MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic with so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
