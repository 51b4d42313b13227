"""Resolve: put a batch of accepted events into the identity graph.

The protocol (design, section 3): events of a batch whose identifiers hang together are one group; a group's
components are united first, then its facts, sights and evidence are committed to the one that is left, by
compare-and-set, and tried again when somebody else was faster. Groups don't depend on each other and run together.
Rules: an identifier's facet is only written to the component that its home leads to. Everything but the fenced facts is
idempotent and repeated on every delivery. A hub causes no unions.
Must not know: Redis, Kafka, what is done with the outcome.
"""

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from resolvers.arrivals import Arrival, apply_facts
from resolvers.cache import Cache
from resolvers.component import Component, Draft
from resolvers.dedupe import remembered, verdict
from resolvers.evidence import Pair
from resolvers.facets import Facet
from resolvers.finding import find_all
from resolvers.namespaces import IdentityRules
from resolvers.partition import neighbour_cap
from resolvers.referring import refer
from resolvers.steps import ClaimHome, Commit, Protocol, Together, together
from resolvers.uniting import unite


class Observation(NamedTuple):
    """Something to report on `conflicts`: identifiers by key, the rule, and the event that showed it."""

    keys: tuple[str, ...]
    rule: str
    arrival: Arrival


class Changed(NamedTuple):
    """A component as it is now, and the last event that changed it."""

    component: Component
    cause: Arrival


class Resolved(NamedTuple):
    """What a batch did. `unions`: components that moved into another."""

    changed: list[Changed]
    observations: list[Observation]
    unions: int


class _Group(NamedTuple):
    """Events, in log order, and the identifiers among theirs that hang together.

    `capped`: evidence that would have made a component too large. `root`: the one component that all of the identifiers
    are in, as far as is known; None if they are in several. `small`: no cap can matter.
    """

    keys: dict[str, None]
    arrivals: list[Arrival]
    capped: frozenset[Pair] = frozenset()
    root: Component | None = None
    small: bool = False


class _Settled(NamedTuple):
    """`referrals`: those of its events that count and name an inviter."""

    changed: Changed
    observations: list[Observation]
    unions: int
    referrals: list[Arrival]


def resolve(arrivals: Sequence[Arrival], cache: Cache, rules: IdentityRules) -> Protocol[Resolved]:
    """Apply a batch: arrivals of any partitions, those of one partition in offset order."""
    keys = list(dict.fromkeys(key for arrival in arrivals for key in arrival.keys))
    roots = yield from find_all(keys, cache)
    groups = yield from _housed(_grouped(arrivals, roots, rules), roots, cache)
    settled = yield from together([_settle(group, cache, rules) for group in groups])
    changed = [one.changed for one in settled]
    if referrals := [arrival for one in settled for arrival in one.referrals]:
        changed += [Changed(*one) for one in (yield from refer(referrals, cache))]
    return Resolved(
        changed,
        [observation for one in settled for observation in one.observations],
        sum(one.unions for one in settled),
    )


def _housed(groups: Sequence[_Group], roots: Mapping[str, Component | None], cache: Cache) -> Protocol[list[_Group]]:
    """Put identifiers that are new in a component each group, all of them at once -> the groups with their roots."""
    claims: list[ClaimHome] = []
    names: list[str] = []
    for group in groups:
        there = sorted({root.name for key in group.keys if (root := roots[key]) is not None})
        new = [key for key in group.keys if roots[key] is None]
        names.append("" if len(there) > 1 else there[0] if there else new[0])
        claims += [ClaimHome(key, there[0] if there else new[0]) for key in new]
    homes: dict[str, str] = {}
    if claims:
        replies = yield Together(claims)
        homes = {claim.key: home for claim, home in zip(claims, replies, strict=True)}
        for key, home in homes.items():
            cache.homes.put(key, home)
    housed: list[_Group] = []
    for group, name in zip(groups, names, strict=True):
        root = None
        if name and all(homes.get(key, name) == name for key in group.keys):
            # A component that nobody has heard of is guessed to be empty; the commit finds out if it is not.
            root = cache.components.get(name) or Component(name)
        housed.append(group._replace(root=root))
    return housed


def _grouped(arrivals: Sequence[Arrival], roots: Mapping[str, Component | None], rules: IdentityRules) -> list[_Group]:
    """Events whose identifiers hang together, by this batch's evidence and what is in the store already.

    Grouped without a look at the caps first; only where so many hang together that a cap could matter, once more with.
    """
    groups: list[_Group] = []
    for keys, events in _hanging_together(arrivals, _Places(roots)):
        if _is_small({root.name: root for key in keys if (root := roots[key]) is not None}, len(keys), rules):
            groups.append(_Group(keys, events, small=True))
        else:
            groups += _grouped_with_care(events, {key: roots[key] for key in keys}, rules)
    return groups


def _grouped_with_care(
    arrivals: Sequence[Arrival], roots: Mapping[str, Component | None], rules: IdentityRules
) -> list[_Group]:
    """The same where hubs, which cause no unions, and the cap of a component may matter."""
    places = _Places(roots, rules.caps.component)
    near = _Neighbours(roots, rules)
    capped: set[Pair] = set()
    linked: set[Pair] = set()
    for arrival in arrivals:
        for pair, _ in arrival.pairs:
            if near.add(pair):
                continue
            (linked if places.join(pair.strong, pair.weak) else capped).add(pair)
    grouped = _hanging_together(arrivals, places, linked)
    return [_Group(keys, events, frozenset(capped)) for keys, events in grouped]


def _is_small(roots: Mapping[str, Component], keys: int, rules: IdentityRules) -> bool:
    """Whether no cap can matter: fewer identifiers than any cap, none of them a hub or next to one."""
    size = keys + sum(len(root.facets) for root in roots.values())
    return size <= rules.caps.smallest and not any(root.has_hubs for root in roots.values())


def _hanging_together(
    arrivals: Sequence[Arrival], places: "_Places", linked: Container[Pair] | None = None
) -> Iterable[tuple[dict[str, None], list[Arrival]]]:
    """Keys and events by place, after the given evidence (None: all) has joined places."""
    if linked is None:
        for arrival in arrivals:
            for pair, _ in arrival.pairs:
                places.join(pair.strong, pair.weak)
    keys: dict[str, dict[str, None]] = {}
    events: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        for key in arrival.keys:
            at = places.find(key)
            there = events.get(at)
            if there is None:
                there = events[at] = []
                keys[at] = {}
            keys[at][key] = None
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


class _Neighbours:
    """Distinct neighbours as a batch adds them, and which identifiers are hubs by now."""

    __slots__ = ("_roots", "_rules", "_sets")

    def __init__(self, roots: Mapping[str, Component | None], rules: IdentityRules) -> None:
        self._roots = roots
        self._rules = rules
        self._sets: dict[str, set[str]] = {}

    def add(self, pair: Pair) -> bool:
        """Count a pair's ends as neighbours -> whether one of them is a hub."""
        strong = self._is_hub(pair.strong, pair.weak)
        return self._is_hub(pair.weak, pair.strong) or strong

    def _is_hub(self, key: str, other: str) -> bool:
        near = self._sets.get(key)
        root = self._roots.get(key)
        if near is None:
            near = self._sets[key] = set() if root is None else set(root.neighbours_of(key))
        near.add(other)
        return len(near) > neighbour_cap(key, self._rules) or (root is not None and root.is_hub(key))


def _settle(group: _Group, cache: Cache, rules: IdentityRules) -> Protocol[_Settled]:
    """Bring a group's identifiers into one component and commit its events there."""
    unions = 0
    root = group.root
    while True:
        if root is None:
            roots = yield from find_all(list(group.keys), cache)
            new = [key for key, there in roots.items() if there is None]
            names = sorted({there.name for there in roots.values() if there is not None})
            if new:
                yield from _claim(new, names[0] if names else new[0], cache)
                continue
            if len(names) > 1:
                for name in names[1:]:
                    unions += yield from unite(name, names[0], cache)
                continue
            root = roots[next(iter(roots))]
            assert root is not None
        work = _Work(root, group, rules)
        observations = [seen for arrival in group.arrivals for seen in work.apply(arrival)]
        version = yield Commit(root.name, root.version, work.draft.changes())
        if version is not None:
            component = work.draft.taken(version)
            cache.keep(component)
            return _Settled(Changed(component, group.arrivals[-1]), observations, unions, work.referrals)
        cache.components.forget(root.name)
        root = None


def _claim(keys: Sequence[str], name: str, cache: Cache) -> Protocol[None]:
    """Put identifiers that are in no component into the named one; whoever was faster decides."""
    homes = yield Together([ClaimHome(key, name) for key in keys])
    for key, home in zip(keys, homes, strict=True):
        cache.homes.put(key, home)


class _Work:
    """A group's events applied to a draft of its component."""

    __slots__ = ("_group", "_near", "_root", "_rules", "_small", "draft", "referrals")

    def __init__(self, root: Component, group: _Group, rules: IdentityRules) -> None:
        self.draft = Draft(root)
        self.referrals: list[Arrival] = []
        self._root = root
        self._group = group
        self._rules = rules
        self._near: dict[str, set[str]] = {}
        self._small = group.small and _is_small({root.name: root}, len(group.keys), rules)

    def apply(self, arrival: Arrival) -> list[Observation]:
        """Apply what an event says to those of its identifiers that are here."""
        here = arrival.keys if self._small else [key for key in arrival.keys if key in self._group.keys]
        said = self._apply_facts(arrival) if here[0] == arrival.strongest else "elsewhere"
        if said == "reused":
            return [Observation((arrival.strongest,), "id_reused", arrival)]
        facet, displays, time_us = self.draft.facet, arrival.displays, arrival.mark.time_us
        facets = {key: facet(key, displays[key], time_us) for key in here}
        observations: list[Observation] = []
        for pair, asserted in arrival.pairs:
            if pair.strong not in facets and pair.weak not in facets:
                continue
            rule = None if self._small else self._refused(pair, facets)
            if rule is None:
                self.draft.observe(pair, arrival.mark, counted=said == "new", asserted=asserted)
            elif self._remembered(pair, facets) | (said == "done"):
                observations.append(Observation(pair, rule, arrival))
        return observations

    def _apply_facts(self, arrival: Arrival) -> str:
        """Facts, exactly once: new, same (a known copy), reused, or done (this very record was applied before)."""
        mark, rules = arrival.mark, self._rules
        there = self.draft.peek(arrival.strongest)
        said = "new" if there is None else verdict(there.recent, arrival.signature, rules.dedupe)
        done = there is not None and mark.offset <= there.fence.get(mark.partition, -1)
        if said == "reused":
            return said
        if arrival.inviter is not None:
            self.referrals.append(arrival)
        strongest, display = arrival.strongest, arrival.displays[arrival.strongest]
        if done:
            self.draft.facet(strongest, display, mark.time_us)
            return "done"
        facet = self.draft.facet_for_facts(strongest, display, mark.time_us)
        facet.fence[mark.partition] = mark.offset
        if said == "new":
            apply_facts(facet, arrival)
            facet.recent = remembered(facet.recent, arrival.signature, rules.dedupe)
        return said

    def _refused(self, pair: Pair, facets: dict[str, Facet]) -> str | None:
        """Count a pair's ends as neighbours -> why the pair is no edge, or None if it is one.

        An end that goes over its cap becomes a hub for ever.
        """
        ends = [(facets[key], key, other) for key, other in (pair, (pair.weak, pair.strong)) if key in facets]
        for facet, key, other in ends:
            near = self._near_of(key)
            near.add(other)
            if len(near) > neighbour_cap(key, self._rules):
                facet.hub = True
        if pair in self._group.capped:
            return "component"
        return "hub" if len(ends) < len(pair) or any(facet.hub for facet, _, _ in ends) else None

    def _remembered(self, pair: Pair, facets: dict[str, Facet]) -> bool:
        """Let each end remember the other as a stranger, so that its neighbours are counted the same in any order.

        Returns:
            Whether this is news.
        """
        news = False
        for key, other in (pair, (pair.weak, pair.strong)):
            facet = facets.get(key)
            if facet is not None and not facet.hub and other not in facet.strangers:
                facet.strangers = tuple(sorted((*facet.strangers, other)))
                news = True
        return news

    def _near_of(self, key: str) -> set[str]:
        near = self._near.get(key)
        if near is None:
            near = self._near[key] = set(self._root.neighbours_of(key))
        return near
