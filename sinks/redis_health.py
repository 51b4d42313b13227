"""What a Redis says of itself, for who asks whether it can be trusted with identities.

Rule: nothing is written, not even what opening a store would write down.
Must not know: what is good or bad.
"""

import time
from typing import NamedTuple

from redis.exceptions import ResponseError

from sinks.keys import Keys
from sinks.redis_link import RedisLink


class RedisHealth(NamedTuple):
    """What it says.

    Attributes:
        facts: of `INFO`, by Redis' names.
        appendfsync: the setting; None: it does not say (many hosted ones do not).
        meta: of the store under the prefix: `schema`, `identity`, `topics`; empty: nothing is there.
        ahead_seconds: its clock less this machine's.
        round_trip_seconds: of a short question.
    """

    facts: dict[str, str]
    appendfsync: str | None
    meta: dict[str, str]
    ahead_seconds: float
    round_trip_seconds: float


async def examine(url: str, prefix: str, timeout_seconds: float) -> RedisHealth:
    """Ask one Redis.

    Raises:
        StoreRefusedError: the address or the credentials are no good.
        StoreLostError: nobody answers there.
    """
    link = await RedisLink.open(url, timeout_seconds)
    try:
        began = time.time()
        [now] = await link.call([["TIME"]])
        ended = time.time()
        info, fsync, meta = await link.call(
            [["INFO"], ["CONFIG", "GET", "appendfsync"], ["HGETALL", Keys(prefix).meta]],
        )
    finally:
        await link.close()
    for reply in (now, info):
        if isinstance(reply, ResponseError):
            raise reply
    return RedisHealth(
        dict(line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line),
        None if isinstance(fsync, ResponseError) or not fsync else fsync[1].decode(),
        {} if isinstance(meta, ResponseError) else _pairs(meta),
        int(now[0]) + int(now[1]) / 1e6 - (began + ended) / 2,
        ended - began,
    )


def _pairs(flat: list[bytes]) -> dict[str, str]:
    texts = [one.decode(errors="replace") for one in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
