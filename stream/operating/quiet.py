"""A publisher for who works on a store that is not whole yet: it counts what it is given, and keeps notices to itself.

Must not know: what a rebuild does.
"""

from collections import Counter
from collections.abc import Sequence

from resolvers.steps import Notice
from sinks.publisher import OpenPublisher, Sendable


class Quiet:
    """A publisher that keeps notices to itself, and sends records only through another one; without, it counts them."""

    def __init__(self, relay: OpenPublisher | None = None) -> None:
        self.sent: Counter[str] = Counter()
        self.notices: list[Notice] = []
        self._relay = relay

    queued = 0
    changes_partitions = 1

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """As every publisher; -1 stands for the offset of what is not sent."""
        self.sent.update(record.topic for record in records)
        return [-1] * len(records) if self._relay is None else await self._relay.send(records)

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Keep them."""
        self.notices += notices

    async def close(self) -> None:
        """There is nothing of its own to close."""
