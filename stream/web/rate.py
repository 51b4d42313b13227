"""How often one address may ask: so many at once, and so many a second after that.

Rules: each address has a bucket of its own, which fills with time; the addresses that are remembered are bounded, those
asked for longest ago are forgotten first, and then begin with a full bucket. A token that is wrong costs as much as
many requests, so that nobody tries out many.
Must not know: HTTP, who asks.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

PER_SECOND: Final = 200.0
BURST: Final = 1_000.0
WRONG_TOKEN: Final = 50.0
"""What a wrong token costs beside the request: twenty at once, and then four a second."""
ADDRESSES_MAX: Final = 10_000


class _Bucket(NamedTuple):
    left: float
    at_s: float


class Rate:
    """The buckets of one server. `clock_s` only ever goes on."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, address: str) -> float:
        """One request of an address -> 0 if it may be answered; otherwise in how many seconds to ask again."""
        left, now_s = self._left(address)
        if left < 1:
            return (1 - left) / PER_SECOND
        self._keep(address, _Bucket(left - 1, now_s))
        return 0.0

    def charge(self, address: str) -> None:
        """An address has sent a wrong token."""
        left, now_s = self._left(address)
        self._keep(address, _Bucket(left - WRONG_TOKEN, now_s))

    def _left(self, address: str) -> tuple[float, float]:
        now_s = self._clock_s()
        bucket = self._buckets.get(address)
        if bucket is None:
            return BURST, now_s
        return min(bucket.left + (now_s - bucket.at_s) * PER_SECOND, BURST), now_s

    def _keep(self, address: str, bucket: _Bucket) -> None:
        self._buckets[address] = bucket
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
