"""Who is one person: which of a component's evidence counts, and the groups of identifiers that follow from it.

The law of merge protection lives here and in `linking` (contract, section 1, "Which links count"). `partition` is a
pure function of the component's sights and edges and of the rules: evidence is taken in the contract's order, as
Kruskal takes edges, and an edge counts unless it would put into one group what the rules keep apart. What is refused
is returned with its rule, and judged again whenever the evidence changes.
What operators have ruled comes before all evidence: a merge joins, a split keeps apart (`resolvers.constraints`).
Must not know: facts, profiles, stores, clocks.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from resolvers.constraints import NONE, Constraints, InForce, in_force
from resolvers.counting import scope_of
from resolvers.evidence import Edge, Pair
from resolvers.life_keys import shown
from resolvers.linking import Judge, Ruled, free, importance_of, is_logged_out
from resolvers.namespaces import IdentityRules, namespace_of
from resolvers.uniting_lives import Sight, united


class Refused(NamedTuple):
    """Evidence that does not count, and the rule that refused it."""

    pair: Pair
    rule: str


class Partition(Struct, frozen=True, gc=False):
    """Groups of identifier keys, each strongest first, and the refused evidence.

    `contested`: weak identifiers with evidence of a second known person; their value facts stay with themselves.
    `ruled`: what operators joined, as far as it holds. `ties`: see `stands`.
    """

    groups: tuple[tuple[str, ...], ...]
    refused: tuple[Refused, ...]
    contested: frozenset[str]
    ruled: tuple[Ruled, ...] = ()
    ties: tuple[tuple[Pair, Pair], ...] | None = None


_NOBODY: frozenset[str] = frozenset()


def strength(key: str, rules: IdentityRules) -> tuple[int, str]:
    """Sorts identifiers strongest first: the namespace's priority, then the token."""
    return (namespace_of(key, rules).rank, key)


def neighbours(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """The distinct identifiers that each identifier has an edge with, all lives of one as one."""
    found: dict[str, set[str]] = {}
    for strong, weak in pairs:
        found.setdefault(strong, set()).add(shown(weak))
        found.setdefault(weak, set()).add(shown(strong))
    return found


def _neighbour_cap(key: str, rules: IdentityRules) -> int:
    """More distinct neighbours than this make an identifier a hub."""
    return rules.caps.weak if namespace_of(key, rules).weak else rules.caps.other


class Neighbours:
    """Distinct neighbours as evidence comes; `known`: those that an identifier has had before."""

    __slots__ = ("_known", "_rules", "_sets")

    def __init__(self, known: Callable[[str], Iterable[str]], rules: IdentityRules) -> None:
        self._known = known
        self._rules = rules
        self._sets: dict[str, set[str]] = {}

    def add(self, key: str, other: str) -> bool:
        """Count a neighbour of an identifier -> whether it has more than its cap."""
        near = self._sets.get(key)
        if near is None:
            near = self._sets[key] = set(self._known(key))
        near.add(shown(other))
        return len(near) > _neighbour_cap(key, self._rules)


def hubs(sights: Mapping[str, Sight], edges: Mapping[Pair, Edge], rules: IdentityRules) -> frozenset[str]:
    """Identifiers none of whose links counts: marked as a hub before, or with more neighbours than the cap now."""
    marked = {key for key, sight in sights.items() if sight.hub}
    strangers = {key: sight.strangers for key, sight in sights.items() if sight.strangers}
    if not strangers and len(edges) <= min(rules.caps.weak, rules.caps.other):
        return frozenset(marked)
    linked = neighbours(edges)
    for key in sights:
        if len(linked.get(key, set()).union(map(shown, strangers.get(key, ())))) > _neighbour_cap(key, rules):
            marked.add(key)
    return frozenset(marked)


def partition(
    sights: Mapping[str, Sight],
    edges: Mapping[Pair, Edge],
    rules: IdentityRules,
    blocked: frozenset[str] = frozenset(),
    constraints: Constraints = NONE,
) -> Partition:
    """Divide a component's identifiers into people.

    Args:
        sights: every identifier of the component, by key.
        edges: its evidence.
        rules: the identity rules in force.
        blocked: keys whose links do not count.
        constraints: what operators have ruled.

    Returns:
        Groups ordered by their strongest identifier; refused evidence ordered by pair, but for what was refused at its
        turn and then joined by other evidence: its ends are one person, so nothing was kept apart.
    """
    ruled = in_force(constraints)
    blocked = blocked & sights.keys() if blocked else blocked
    if not ruled.joins and not ruled.blocked and not ruled.same and _is_one_person(sights, edges, rules, blocked):
        return Partition((_strongest_first(sights, rules),), (), _NOBODY, (), ())
    if not ruled.same:
        return _partition(sights, edges, rules, blocked | ruled.blocked, ruled)
    one = united(sights, edges, ruled.same)
    found = _partition(one.sights, one.edges, rules, frozenset(ruled.one(blocked)) | ruled.blocked, ruled)
    return replace(
        found,
        groups=tuple(tuple(life for key in group for life in one.lives[key]) for group in found.groups),
        contested=frozenset(life for key in found.contested for life in one.lives[key]),
        refused=tuple(refused._replace(pair=one.observed[refused.pair]) for refused in found.refused),
        ties=None,
    )


def stands(division: Partition, edges: Mapping[Pair, Edge], rules: IdentityRules) -> bool:
    """Whether a component that has gained nothing structural is still divided so, whatever its edges say by now.

    Structural are identifiers, pairs, assertions, hubs and their strangers, what cuts links off, and rulings. Where a
    division does not follow from these and the order of evidence alone, its `ties` are None. Else they are pairs of
    which the first was taken before the second only because of when they were seen, and which matter to each other.
    """
    ties = division.ties
    if ties is None:
        return False
    first = rules.policy == "first"
    for pair, other in ties:
        if first:
            early, late = edges[pair].first, edges[other].first
        else:
            early, late = edges[other].last, edges[pair].last
        if late < early or (pair > other and early == late):
            return False
    return True


def _partition(
    sights: Mapping[str, Sight],
    edges: Mapping[Pair, Edge],
    rules: IdentityRules,
    blocked: frozenset[str],
    ruled: InForce,
) -> Partition:
    """The same, where something may be refused."""
    ignored = hubs(sights, edges, rules)
    silent = ignored | blocked
    judge = Judge(sights, edges, rules, silent, ruled)
    joined = [one for mark, keys in ruled.joins for one in judge.unite(free(keys, sights, silent), mark)]
    refused: list[Refused] = []
    taken: list[tuple[Pair, bool]] = []
    for pair in _in_order(edges, rules):
        if pair.strong in ignored or pair.weak in ignored:
            refused.append(Refused(pair, "hub"))
        elif pair.strong in blocked or pair.weak in blocked:
            refused.append(Refused(pair, "blocked"))
        else:
            rule = judge.join(pair)
            taken.append((pair, rule is None))
            if rule is not None:
                refused.append(Refused(pair, rule))
    groups = sorted(
        (_strongest_first(group.members, rules) for group in judge.groups()),
        key=lambda members: strength(members[0], rules),
    )
    apart = tuple(sorted([one for one in refused if judge.parted(one.pair)]))
    ties = judge.ties(taken) if _is_timeless(sights, rules) else None
    return Partition(tuple(groups), apart, judge.contested(), tuple(joined), ties)


def _is_timeless(sights: Mapping[str, Sight], rules: IdentityRules) -> bool:
    """Whether no rule asks when something was seen: no link is cut off, and no window of a limit is narrow."""
    counted: dict[tuple[str, str], int] = {}
    for key, sight in sights.items():
        if sight.unbound or sight.logged_out_us >= 0:
            return False
        namespace = namespace_of(key, rules)
        if namespace.limit is not None and namespace.limit.days is not None:
            scope = scope_of(key, namespace)
            counted[scope] = counted.get(scope, 0) + 1
            if counted[scope] > namespace.limit.n:
                return False
    return True


def _strongest_first(keys: Iterable[str], rules: IdentityRules) -> tuple[str, ...]:
    namespaces = rules.namespaces
    return tuple(sorted(keys, key=lambda key: (namespaces[key[: key.index(":")]].rank, key)))


def _is_one_person(
    sights: Mapping[str, Sight], edges: Mapping[Pair, Edge], rules: IdentityRules, blocked: frozenset[str]
) -> bool:
    """Whether evidence joins all identifiers and nothing could be refused, in whatever order it is taken.

    The way of nearly all components. What counts for it must hold for any part of the component too: so a limit is
    held against all values, whatever its window, and people must hang together without their devices.
    """
    if len(sights) == 1 and not edges:
        return True
    if len(sights) > rules.caps.smallest or rules.policy == "drop" or blocked or not rules.weak_is_last:
        return False
    namespaces = rules.namespaces
    counted: dict[tuple[str, str], int] = {}
    weak: set[str] = set()
    ended = False
    for key, sight in sights.items():
        if sight.hub or sight.strangers or sight.unbound:
            return False
        namespace = namespaces[key[: key.index(":")]]
        if namespace.weak:
            weak.add(key)
            ended |= sight.logged_out_us >= 0
        most = 1 if namespace.unique else namespace.limit.n if namespace.limit is not None else 0
        if most:
            scope = scope_of(key, namespace)
            counted[scope] = counted.get(scope, 0) + 1
            if counted[scope] > most:
                return False
    if ended and any(is_logged_out(pair, edge, sights, rules) for pair, edge in edges.items()):
        return False
    strong = [pair for pair in edges if pair.strong not in weak and pair.weak not in weak] if weak else edges
    return _joined(edges) == len(sights) and (not weak or _joined(strong) >= len(sights) - len(weak))


def _joined(pairs: Iterable[Pair]) -> int:
    """How many identifiers hang together with the first pair; 1 where there is no pair."""
    reached: set[str] = set()
    waiting = list(pairs)
    if not waiting:
        return 1
    if len({pair.strong for pair in waiting}) == 1:  # most often: each with the strongest
        return len(waiting) + 1
    reached.update(waiting[0])
    while True:
        before = len(reached)
        for pair in waiting:
            if pair.strong in reached or pair.weak in reached:
                reached.update(pair)
        if len(reached) == before:
            return before


def _in_order(edges: Mapping[Pair, Edge], rules: IdentityRules) -> list[Pair]:
    """The contract's order: asserted, the stronger end, the weaker end, the policy's age, position, token."""
    if len(edges) == 1:
        return list(edges)
    by_token = sorted(edges)
    if rules.policy == "first":
        by_age = sorted(by_token, key=lambda pair: edges[pair].first)
    else:
        by_age = sorted(by_token, key=lambda pair: edges[pair].last, reverse=True)
    return sorted(by_age, key=lambda pair: importance_of(pair, edges, rules))
