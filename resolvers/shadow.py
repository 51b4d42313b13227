"""Shadow: what would become of people if other rules were in force, before anybody switches to them.

Rules: both divisions are made of the same evidence, as explanations are; people are compared by their identifiers
alone. What a rule would let in that the store does not keep (a hub's links) cannot be shown, and is not.
Must not know: how the store is read, how a comparison is shown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from resolvers.component import Component
from resolvers.explain import Scene, scene
from resolvers.life_keys import shown
from resolvers.namespaces import IdentityRules, Namespace

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


def compare(component: Component, live: IdentityRules, candidate: IdentityRules) -> Compared:
    """The people of a component at rest under the live and under the candidate rules."""
    one, other = (scene([component], rules) for rules in (live, candidate))
    before, after = _groups(one), _groups(other)
    return Compared(len(before), len(after), tuple(_changes(before, after)), _refused(one), _refused(other))


def is_sound(component: Component) -> bool:
    """Whether all evidence has its ends in the component; where it has not, there is nothing to compare."""
    return all(key in component.facets for pair in component.edges for key in pair)


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


def _groups(told: Scene) -> list[Group]:
    """The people of a scene. Identifiers that are only spoken of are nobody's."""
    groups: dict[int, list[str]] = {}
    for key, person in told.person_of.items():
        if told.facets[key].seen and key not in told.past:
            groups.setdefault(person, []).append(shown(key))
    return [tuple(dict.fromkeys(group)) for group in groups.values()]


def _refused(told: Scene) -> Counter[str]:
    """Evidence refused, by rule, also of hubs, of which only one end may know; each pair once."""
    found = {frozenset(pair): one.rule for pair, one in told.evidence.items()}
    return Counter(rule for rule in found.values() if rule is not None)


def _changes(before: Sequence[Group], after: Sequence[Group]) -> Iterable[Change]:
    """The people who are not the same in both, in clusters that have identifiers in common."""
    same = set(map(frozenset, before)) & set(map(frozenset, after))
    old = [group for group in before if frozenset(group) not in same]
    new = [group for group in after if frozenset(group) not in same]
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
