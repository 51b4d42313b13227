"""Murmur2: the same partitions as Java clients choose."""

import pytest

from sinks.murmur2 import murmur2, partition_of

# From Kafka's own UtilsTest, where they are signed.
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", VECTORS)
def test_the_hash_is_javas(key: bytes) -> None:
    """Kafka's own test vectors, of every length modulo four."""
    assert murmur2(key) == VECTORS[key] % 2**32


def test_the_partition_ignores_the_sign() -> None:
    """As Java does: the sign bit is masked, not negated."""
    assert partition_of(b"21", 4) == (-973932308 & 0x7FFFFFFF) % 4
    assert {partition_of(b"%d" % number, 7) for number in range(200)} == set(range(7))
