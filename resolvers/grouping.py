"""Groups: which events of a batch must be resolved together, because their identifiers hang together.

By the batch's own evidence and by what is in the store already. A hub causes no unions, and no component grows beyond
its cap: so what an event says may belong to several groups, of which one has its facts.
Must not know: how a group is committed.
"""

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from resolvers.arrivals import Arrival
from resolvers.component import Component
from resolvers.dedupe import remembered, verdict
from resolvers.evidence import Mark, Pair
from resolvers.namespaces import IdentityRules
from resolvers.partition import Neighbours


class Group(Struct, frozen=True, gc=False):
    """Events, in log order, and the identifiers among theirs that hang together.

    `capped`: evidence that would have made a component too large. `root`: the one component that all of the identifiers
    are in, as far as is known; None if they are in several. `small`: no cap can matter. `reused`: events by their
    marks, of which another group has found that they bear the name of another one.
    """

    keys: dict[str, None]
    arrivals: list[Arrival]
    capped: frozenset[Pair] = frozenset()
    root: Component | None = None
    small: bool = False
    reused: frozenset[Mark] = frozenset()


def grouped(arrivals: Sequence[Arrival], roots: Mapping[str, Component | None], rules: IdentityRules) -> list[Group]:
    """Events whose identifiers hang together, by this batch's evidence and what is in the store already.

    Grouped without a look at the caps first; only where so many hang together that a cap could matter, once more with.
    """
    groups: list[Group] = []
    counted = _counted(arrivals, _doubtful(arrivals, roots), roots, rules)
    for keys, events in _hanging_together(counted, _Places(roots)):
        if is_small({root.name: root for key in keys if (root := roots[key]) is not None}, len(keys), rules):
            groups.append(Group(keys, events, small=True))
        else:
            groups += _grouped_with_care(events, {key: roots[key] for key in keys}, rules)
    return groups


def with_facts(groups: Sequence[Group]) -> Iterator[Group]:
    """The groups with those of their events whose facts are theirs."""
    for group in groups:
        arrivals = [one for one in group.arrivals if one.strongest in group.keys]
        if len(arrivals) == len(group.arrivals):
            yield group
        elif arrivals:
            yield replace(group, arrivals=arrivals)


def without_facts(groups: Sequence[Group], reused: frozenset[Mark]) -> Iterator[Group]:
    """The groups with those of their events whose facts are elsewhere: a hub, a cap or no evidence parts them."""
    for group in groups:
        arrivals = [one for one in group.arrivals if one.strongest not in group.keys]
        if arrivals:
            yield replace(group, arrivals=arrivals, root=None, reused=reused)


def _grouped_with_care(
    arrivals: Sequence[Arrival], roots: Mapping[str, Component | None], rules: IdentityRules
) -> list[Group]:
    """The same where hubs, which cause no unions, and the cap of a component may matter."""
    places = _Places(roots, rules.caps.component)
    known = {key: root for key, root in roots.items() if root is not None}
    near = Neighbours(lambda key: known[key].neighbours_of(key) if key in known else (), rules)
    capped: set[Pair] = set()
    linked: set[Pair] = set()
    arrivals = _counted(arrivals, roots.keys(), roots, rules)
    for arrival in arrivals:
        for pair in arrival.pairs:
            ends = (pair, (pair.weak, pair.strong))  # both are counted, whichever of them is a hub
            if any([near.add(*end) or (end[0] in known and known[end[0]].is_hub(end[0])) for end in ends]):
                continue
            (linked if places.join(pair.strong, pair.weak) else capped).add(pair)
    grouped = _hanging_together(arrivals, places, linked)
    return [Group(keys, events, frozenset(capped)) for keys, events in grouped]


def _counted(
    arrivals: Sequence[Arrival],
    doubtful: AbstractSet[str],
    roots: Mapping[str, Component | None],
    rules: IdentityRules,
) -> Sequence[Arrival]:
    """The events; of one that bears the name of another no more than that it came: it is evidence of nothing.

    So nothing is united for it, and who is named only there gets no home. Looked at are those of `doubtful` strongest
    identifiers.
    """
    recent: dict[str, bytes] = {}
    counted: list[Arrival] = []
    for arrival in arrivals if doubtful else ():
        strongest, mark, signed = arrival.strongest, arrival.mark, arrival.signature
        if strongest in doubtful:
            root = roots[strongest]
            facet = None if root is None else root.facets.get(strongest)
            before = recent.get(strongest, b"" if facet is None else facet.recent)
            known = verdict(before, signed, rules.dedupe)
            if known == "reused":
                # Or was given a home all the same, by a worker that did not know better and died.
                seen = tuple([one for one in arrival.seen if one.key == strongest or _is_homeless(one.key, roots)])
                keys = tuple([one.key for one in seen])
                counted.append(replace(arrival, seen=seen, keys=keys, pairs=(), asserted=None))
                continue
            if known == "new" and (facet is None or mark.offset > facet.fence.get(mark.partition, -1)):
                recent[strongest] = remembered(before, signed, rules.dedupe)
        counted.append(arrival)
    return counted if doubtful else arrivals


def _is_homeless(key: str, roots: Mapping[str, Component | None]) -> bool:
    root = roots.get(key)
    return root is not None and key not in root.facets


def _doubtful(arrivals: Sequence[Arrival], roots: Mapping[str, Component | None]) -> set[str]:
    """Strongest identifiers of events that would give somebody a home, or unite, and may not be the first of a name.

    Whoever was erased is in no component: nobody remembers the names of their events.
    """
    new: set[str] = set()
    doubtful: set[str] = set()
    for arrival in arrivals:
        strongest = arrival.strongest
        root = roots.get(strongest)
        if root is not None:
            for key in arrival.keys:
                if roots[key] is not root:
                    doubtful.add(strongest)
                    break
        elif strongest not in new:
            new.add(strongest)
        elif strongest in roots:
            doubtful.add(strongest)
    return doubtful


def is_small(roots: Mapping[str, Component], keys: int, rules: IdentityRules) -> bool:
    """Whether no cap can matter: fewer identifiers than any cap, none of them a hub or next to one."""
    size = keys
    for root in roots.values():
        size += len(root.facets)
        if root.near_hubs():
            return False
    return size <= rules.caps.smallest


def _hanging_together(
    arrivals: Sequence[Arrival], places: "_Places", linked: Container[Pair] | None = None
) -> Iterable[tuple[dict[str, None], list[Arrival]]]:
    """Keys and events by place, after the given evidence (None: all) has joined places."""
    if linked is None:
        for arrival in arrivals:
            for pair in arrival.pairs:
                places.join(pair.strong, pair.weak)
    keys: dict[str, dict[str, None]] = {}
    events: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if linked is None and len(arrival.pairs) == len(arrival.keys) - 1:  # most often: all are in one place
            at = places.find(arrival.keys[0])
            inside = keys.get(at)
            if inside is None:
                keys[at] = dict.fromkeys(arrival.keys)
                events[at] = [arrival]
            else:
                for key in arrival.keys:
                    inside[key] = None
                events[at].append(arrival)
            continue
        # An event that is no evidence may name identifiers of several groups, and of others.
        for key in filter(places.__contains__, arrival.keys):
            at = places.find(key)
            keys.setdefault(at, {})[key] = None
            there = events.setdefault(at, [])
            if not there or there[-1] is not arrival:
                there.append(arrival)
    return zip(keys.values(), events.values(), strict=True)


class _Places:
    """A union-find over components that exist and identifiers that are in none yet, bounded in size."""

    __slots__ = ("_cap", "_parent", "_place", "_size")

    def __init__(self, roots: Mapping[str, Component | None], cap: int = sys.maxsize) -> None:
        self._cap = cap
        self._place = {key: key if root is None else f"\0{root.name}" for key, root in roots.items()}
        self._parent = {at: at for at in self._place.values()}
        self._size = {f"\0{root.name}": max(len(root.facets), 1) for root in roots.values() if root is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._place

    def find(self, key: str) -> str:
        """The place that an identifier is in by now."""
        parent, at = self._parent, self._place[key]
        while parent[at] != at:
            parent[at] = at = parent[parent[at]]
        return at

    def join(self, key: str, other: str) -> bool:
        """Make two identifiers' places one -> False if that would be too large."""
        a, b = self.find(key), self.find(other)
        if a != b:
            size = self._size.get(a, 1) + self._size.get(b, 1)
            if size > self._cap:
                return False
            self._parent[a] = b
            self._size[b] = size
        return True
