"""Lives that are one identifier again, because the unbind between them was taken back: seen as if it had never been.

Nothing is written: what was observed of each life stays with it, and is looked at as of one.
Must not know: which evidence counts.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, Self

from resolvers.evidence import Edge, Pair


class Sight(Protocol):
    """What `partition` needs of one identifier beside its edges.

    `last_us`: when it was last seen. `hub`: it went over its cap once. `strangers`: hubs it has evidence with; such
    evidence is not kept as an edge, but it makes them neighbours all the same. `unbound`: of a card, what was taken off
    it and when. `logged_out_us`: when a session with it ended; before all events if none did.
    """

    @property
    def last_us(self) -> int: ...  # noqa: D102 - see above

    @property
    def hub(self) -> bool: ...  # noqa: D102

    @property
    def strangers(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def unbound(self) -> tuple[tuple[str, int], ...]: ...  # noqa: D102

    @property
    def logged_out_us(self) -> int: ...  # noqa: D102


class OneSight(NamedTuple):
    """What is known of all lives of an identifier together."""

    last_us: int
    hub: bool
    strangers: tuple[str, ...]
    unbound: tuple[tuple[str, int], ...]
    logged_out_us: int

    @classmethod
    def of(cls, sights: list[Sight], same: Mapping[str, str]) -> Self:
        """The sights of one identifier's lives, with all others named as one too."""
        unbound: dict[str, int] = {}
        for other, time_us in (one for sight in sights for one in sight.unbound):
            name = same.get(other, other)
            unbound[name] = max(unbound.get(name, time_us), time_us)
        return cls(
            max(sight.last_us for sight in sights),
            any(sight.hub for sight in sights),
            tuple(sorted({same.get(other, other) for sight in sights for other in sight.strangers})),
            tuple(sorted(unbound.items())),
            max(sight.logged_out_us for sight in sights),
        )


class United(NamedTuple):
    """Sights and edges by the key that stands for an identifier's lives, and which lives these are.

    `observed`: for each pair of `edges` one that was observed.
    """

    sights: dict[str, OneSight]
    edges: dict[Pair, Edge]
    lives: dict[str, tuple[str, ...]]
    observed: dict[Pair, Pair]


def united(sights: Mapping[str, Sight], edges: Mapping[Pair, Edge], same: Mapping[str, str]) -> United:
    """What was observed, with lives that are the same identifier as one. `same`: a life -> what stands for it."""
    lives: dict[str, list[str]] = {}
    for key in sorted(sights):
        lives.setdefault(same.get(key, key), []).append(key)
    joined: dict[Pair, Edge] = {}
    observed: dict[Pair, Pair] = {}
    for pair, edge in edges.items():
        named = Pair(same.get(pair.strong, pair.strong), same.get(pair.weak, pair.weak))
        there = joined.get(named)
        observed[named] = min(observed.get(named, pair), pair)
        joined[named] = edge if there is None else _both(there, edge)
    return United(
        {key: OneSight.of([sights[life] for life in some], same) for key, some in lives.items()},
        joined,
        {key: tuple(some) for key, some in lives.items()},
        observed,
    )


def _both(one: Edge, other: Edge) -> Edge:
    return Edge(
        min(one.first, other.first),
        max(one.last, other.last),
        one.count + other.count,
        one.asserted or other.asserted,
    )
