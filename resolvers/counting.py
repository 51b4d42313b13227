"""Counting: what a group of identifiers holds, as far as rules count it.

Values per namespace and scope, which of them count as one, whether it has a known person in it, and on which sides of
splits it stands.
Must not know: evidence that does not assert anything, which rule counts what.
"""

from collections.abc import Iterable, Mapping

from resolvers.evidence import Edge, Pair
from resolvers.namespaces import Namespace


class Group:
    """Identifiers joined so far, with what the rules count in them."""

    __slots__ = ("known", "members", "sides", "values")

    def __init__(self, key: str, namespace: Namespace, *, held: bool = True) -> None:
        """`held`: somebody has the identifier now; what was held once counts for nothing."""
        self.members = [key]
        self.known = namespace.person and held
        self.sides: frozenset[tuple[int, bool]] = frozenset()
        self.values: dict[tuple[str, str], list[str]] = {}
        if held and (namespace.unique or namespace.limit is not None):
            self.values[scope_of(key, namespace)] = [key]


def scope_of(key: str, namespace: Namespace) -> tuple[str, str]:
    """What `unique` and `limit` count in: the namespace and, where it is scoped, the scope."""
    if not namespace.scoped:
        return (namespace.name, "")
    return (namespace.name, key[len(namespace.name) + 1 :].partition(":")[0])


def kept_apart(a: Group, b: Group) -> bool:
    """Whether a split has put some of the one group on one side, and some of the other on the other."""
    if not a.sides or not b.sides:
        return False
    return any((at, not side) in b.sides for at, side in a.sides)


def asserted_values(
    edges: Mapping[Pair, Edge], ignored: frozenset[str], more: Iterable[Iterable[str]] = ()
) -> dict[str, str]:
    """Identifiers joined by assertion, each with the smallest key of those it counts as one with.

    `more`: sets that count as one, beside what the edges assert.

    A hub's assertions count as little as its other links: those that came late are not kept as edges.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for pair, edge in edges.items():
        if edge.asserted and pair.strong not in ignored and pair.weak not in ignored:
            low, high = sorted((root(pair.strong), root(pair.weak)))
            parent[high] = low
    for keys in more:
        roots = sorted({root(key) for key in keys})
        parent.update(dict.fromkeys(roots, roots[0]) if roots else {})
    return {key: root(key) for key in parent}
