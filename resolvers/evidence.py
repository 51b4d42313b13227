"""Evidence: the edges of the identity graph, as observed. Whether an edge counts is decided in `partition`, not here.

Rule: every part of an edge but its count is a join (minimum, maximum, or), so that observing the same thing twice, or
in another order, ends in the same edge. The count is added to only under the strongest identifier's fence.
Must not know: profiles, stores.
"""

from typing import NamedTuple

import msgspec


class Mark(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One observation: when it happened and where it stands in the log.

    Ordered by event time, then log position, which is the contract's order of evidence; a position is unique, so the
    event's id and source never decide.
    """

    time_us: int
    append_ms: int
    topic: str
    partition: int
    offset: int
    id: str
    source: str

    @property
    def event(self) -> tuple[str, str]:
        """Source and id: the same of each copy of an event that was sent more than once."""
        return self.source, self.id

    @property
    def position(self) -> tuple[int, str, int, int]:
        """The log position: append time in ms, topic, partition, offset."""
        return (self.append_ms, self.topic, self.partition, self.offset)


class Pair(NamedTuple):
    """The two ends of an edge: keys of identifiers, the event's strongest first; of an asserted one, in order."""

    strong: str
    weak: str

    def joined(self) -> str:
        """The pair as one string, like no other's; identifiers hold no control characters."""
        return f"{self.strong}\x1f{self.weak}"


class Edge(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of one pair: its first and last observation, how many events said so, and if one asserted it.

    `asserted`: said by `card.replaced` (or an operator), so that the two values count as one.
    """

    first: Mark
    last: Mark
    count: int = 0
    asserted: bool = False


def observed(edge: Edge | None, mark: Mark, *, counted: bool, asserted: bool) -> Edge:
    """The edge after one more observation; `counted` is False where the event's additive facts were applied before."""
    if edge is None:
        return Edge(mark, mark, int(counted), asserted)
    first, last = edge.first, edge.last  # not `min` and `max`, which take six times as long
    return Edge(
        mark if mark < first else first,  # noqa: FURB136 - see above
        mark if mark > last else last,  # noqa: FURB136
        edge.count + counted,
        edge.asserted or asserted,
    )
