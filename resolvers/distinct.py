"""How many different things there were, counted so that nothing counts twice, at any distance and through any merge.

A set of 64-bit digests, packed in order; union is its join. Up to `DIGESTS` the count is exact. Beyond, the smallest
are kept, which is a join too, and the count is estimated from how close together they lie (k minimum values: Bar-Yossef
et al., 2002; the error is about 1 in the square root of k).
Must not know: what is counted.
"""

import hashlib
from collections.abc import Collection, Iterable

from resolvers.capped import DIGESTS

WIDTH = 8


def digest(name: str) -> bytes:
    """64 bits that stand for a name."""
    return hashlib.blake2b(name.encode(), digest_size=WIDTH).digest()


def with_one(packed: bytes, name: str) -> bytes:
    """The set with one more."""
    one = digest(name)
    low, high = 0, len(packed) // WIDTH
    while low < high:
        middle = (low + high) // 2
        if packed[middle * WIDTH : (middle + 1) * WIDTH] < one:
            low = middle + 1
        else:
            high = middle
    at = low * WIDTH
    if packed[at : at + WIDTH] == one:
        return packed
    return (packed[:at] + one + packed[at:])[: DIGESTS * WIDTH]


def unpacked(sets: Iterable[bytes]) -> set[bytes]:
    """The digests of several sets."""
    return {packed[at : at + WIDTH] for packed in sets for at in range(0, len(packed), WIDTH)}


def count(digests: Collection[bytes]) -> int:
    """How many there were."""
    if len(digests) < DIGESTS:
        return len(digests)
    farthest = int.from_bytes(sorted(digests)[DIGESTS - 1])
    return max(DIGESTS, round((DIGESTS - 1) * (1 << 8 * WIDTH) / farthest))
