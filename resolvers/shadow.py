"""Shadow: what would become of people if other rules were in force, before anybody switches to them.

Rules: both divisions are made of the same evidence by the same function as the engine's; people are compared by their
identifiers alone. What a rule would let in that the store does not keep (a hub's links) cannot be shown, and is not.
Must not know: how the store is read, how a comparison is shown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from resolvers.component import Component
from resolvers.namespaces import IdentityRules, Namespace
from resolvers.partition import Partition, partition

Kind = Literal["merge", "split", "move"]
Group = tuple[str, ...]
"""Keys of a person's identifiers, strongest first."""


class Change(NamedTuple):
    """People who would be other people.

    `merge`: several become one. `split`: one becomes several. `move`: identifiers go from one to another.
    """

    kind: Kind
    before: tuple[Group, ...]
    after: tuple[Group, ...]


class Compared(NamedTuple):
    """One component under both rules: its people, what would change, and how much evidence each rule refuses."""

    before: int
    after: int
    changes: tuple[Change, ...]
    refused_before: Counter[str]
    refused_after: Counter[str]


def compare(
    component: Component, live: IdentityRules, candidate: IdentityRules, blocked: frozenset[str] = frozenset()
) -> Compared:
    """The people of a component at rest under the live and under the candidate rules."""
    seen = {key: facet for key, facet in component.facets.items() if facet.seen}
    known = {pair: edge for pair, edge in component.edges.items() if seen.keys() >= set(pair)}
    before = partition(seen, known, live, blocked)
    after = partition(seen, known, candidate, blocked)
    kept_out = _kept_out(component)
    return Compared(
        len(before.groups),
        len(after.groups),
        tuple(_changes(before, after)),
        _refused(before) + kept_out,
        _refused(after) + kept_out,
    )


def identity_changes(live: IdentityRules, candidate: IdentityRules) -> list[str]:
    """What of a candidate needs a replay into a fresh store, in words; none: it can be switched to."""
    there, wanted = list(live.namespaces), list(candidate.namespaces)
    found = [f"namespace {name} is new" for name in wanted if name not in there]
    found += [f"namespace {name} is gone" for name in there if name not in wanted]
    both = [name for name in there if name in wanted]
    if both != [name for name in wanted if name in there]:
        found.append("the order of the namespaces")
    for name in both:
        found += [f"the {what} of {name}" for what in _differing(live.namespaces[name], candidate.namespaces[name])]
    return found


def _differing(one: Namespace, other: Namespace) -> Iterable[str]:
    if (one.scoped, one.default_scope) != (other.scoped, other.default_scope):
        yield "scope"
    if (one.normalise, one.region) != (other.normalise, other.region):
        yield "normaliser"
    if one.pii != other.pii:
        yield "pii"


def _refused(division: Partition) -> Counter[str]:
    return Counter(one.rule for one in division.refused)


def _kept_out(component: Component) -> Counter[str]:
    """Evidence that is not kept as an edge, told by the end that remembers it: of hubs, and at the component's cap."""
    facets = component.facets
    pairs: dict[frozenset[str], str] = {}
    for key, facet in facets.items():
        for other in facet.strangers:
            if (key, other) in component.edges or (other, key) in component.edges:
                continue
            at_cap = other in facets and not facets[other].hub and not facet.hub
            pairs[frozenset((key, other))] = "component" if at_cap else "hub"
    return Counter(pairs.values())


def _changes(before: Partition, after: Partition) -> Iterable[Change]:
    """The people who are not the same in both, in clusters that have identifiers in common."""
    same = set(map(frozenset, before.groups)) & set(map(frozenset, after.groups))
    old = [group for group in before.groups if frozenset(group) not in same]
    new = [group for group in after.groups if frozenset(group) not in same]
    while old:
        cluster_old, cluster_new = [old.pop(0)], list[Group]()
        while True:
            reached = {key for group in (*cluster_old, *cluster_new) for key in group}
            more_new = _take(new, reached)
            more_old = _take(old, reached | {key for group in more_new for key in group})
            if not more_new and not more_old:
                break
            cluster_new += more_new
            cluster_old += more_old
        kind: Kind = "split" if len(cluster_old) == 1 else "merge" if len(cluster_new) == 1 else "move"
        yield Change(kind, tuple(cluster_old), tuple(cluster_new))


def _take(groups: list[Group], keys: set[str]) -> Sequence[Group]:
    """The groups with one of the keys, which are no longer among the others."""
    taken = [group for group in groups if not keys.isdisjoint(group)]
    groups[:] = [group for group in groups if keys.isdisjoint(group)]
    return taken
