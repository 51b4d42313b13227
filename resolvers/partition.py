"""Who is one person: which of a component's evidence counts, and the groups of identifiers that follow from it.

The law of merge protection lives here and nowhere else (contract, section 1, "Which links count"). `partition` is a
pure function of the component's sights and edges and of the rules: evidence is taken in the contract's order, as
Kruskal takes edges, and an edge counts unless it would put into one group what the rules keep apart. What is refused
is returned with its rule, and judged again whenever the evidence changes.
What operators have ruled comes before all evidence: a merge joins, a split keeps apart (`resolvers.constraints`).
Must not know: facts, profiles, stores, clocks.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from resolvers.constraints import NONE, Constraints, InForce, in_force
from resolvers.counting import Group, asserted_values, kept_apart, scope_of
from resolvers.evidence import Edge, Mark, Pair
from resolvers.life_keys import shown
from resolvers.namespaces import IdentityRules, Namespace
from resolvers.uniting_lives import Sight, united
from topics.instants import DAY_US


class Refused(NamedTuple):
    """Evidence that does not count, and the rule that refused it."""

    pair: Pair
    rule: str


class Ruled(NamedTuple):
    """Two identifiers that an operator joined, and the command's place in the log."""

    pair: Pair
    mark: Mark


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


TIES_MAX: Final = 100
"""A division that more depends on is made anew whenever something changes."""

_NOBODY: frozenset[str] = frozenset()


def namespace_of(key: str, rules: IdentityRules) -> Namespace:
    """The namespace of an identifier's key."""
    return rules.namespaces[key[: key.index(":")]]


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


def neighbour_cap(key: str, rules: IdentityRules) -> int:
    """More distinct neighbours than this make an identifier a hub."""
    return rules.caps.weak if namespace_of(key, rules).weak else rules.caps.other


def hubs(sights: Mapping[str, Sight], edges: Mapping[Pair, Edge], rules: IdentityRules) -> frozenset[str]:
    """Identifiers none of whose links counts: marked as a hub before, or with more neighbours than the cap now."""
    marked = {key for key, sight in sights.items() if sight.hub}
    strangers = {key: sight.strangers for key, sight in sights.items() if sight.strangers}
    if not strangers and len(edges) <= min(rules.caps.weak, rules.caps.other):
        return frozenset(marked)
    linked = neighbours(edges)
    for key in sights:
        if len(linked.get(key, set()).union(map(shown, strangers.get(key, ())))) > neighbour_cap(key, rules):
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
    judge = _Judge(sights, edges, rules, silent, ruled)
    joined = [one for mark, keys in ruled.joins for one in judge.unite(_free(keys, sights, silent), mark)]
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


def _free(keys: Iterable[str], sights: Mapping[str, Sight], silent: frozenset[str]) -> list[str]:
    """Those of some keys that are there and may be linked: a hub is not, whoever says so."""
    return [key for key in keys if key in sights and key not in silent]


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
    if ended and any(_is_logged_out(pair, edge, sights, rules) for pair, edge in edges.items()):
        return False
    strong = [pair for pair in edges if pair.strong not in weak and pair.weak not in weak] if weak else edges
    return _joined(edges) == len(sights) and (not weak or _joined(strong) >= len(sights) - len(weak))


def _is_logged_out(pair: Pair, edge: Edge, sights: Mapping[str, Sight], rules: IdentityRules) -> bool:
    """Whether a session on one of the pair's devices has ended since they were last seen together."""
    return any(edge.last.time_us <= sights[key].logged_out_us and namespace_of(key, rules).weak for key in pair)


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
    return sorted(by_age, key=lambda pair: _importance(pair, edges, rules))


def _importance(pair: Pair, edges: Mapping[Pair, Edge], rules: IdentityRules) -> tuple[bool, int, int]:
    a, b = namespace_of(pair.strong, rules).rank, namespace_of(pair.weak, rules).rank
    return (not edges[pair].asserted, min(a, b), max(a, b))


class _Judge:
    """Joins groups edge by edge and says which rule an edge would break."""

    def __init__(
        self,
        sights: Mapping[str, Sight],
        edges: Mapping[Pair, Edge],
        rules: IdentityRules,
        silent: frozenset[str],
        ruled: InForce,
    ) -> None:
        self._sights = sights
        self._edges = edges
        self._rules = rules
        self._of = {key: Group(key, namespace_of(key, rules), held=key not in ruled.past) for key in sights}
        self._one_card = self._one_value = asserted_values(edges, silent)
        if ruled.values:
            self._one_value = asserted_values(edges, silent, [_free(keys, sights, silent) for keys in ruled.values])
        self._dropped = self._contested_by_unique() if rules.policy == "drop" else frozenset()
        self._unbound = _unbound(sights, self._one_card)
        for at, both in enumerate(ruled.splits):
            for side, keys in enumerate(both):
                for key in keys & self._of.keys():
                    self._of[key].sides |= {(at, side == 0)}

    def groups(self) -> list[Group]:
        return list({id(group): group for group in self._of.values()}.values())

    def unite(self, keys: list[str], mark: Mark) -> list[Ruled]:
        """Join identifiers that an operator said are one person -> what it took; a later split may still part some."""
        found: list[Ruled] = []
        while keys:
            first, *others = keys
            keys = []
            for key in others:
                a, b = self._of[first], self._of[key]
                if a is not b and kept_apart(a, b):
                    keys.append(key)
                elif a is not b:
                    self._merge(a, b)
                    found.append(Ruled(Pair(first, key), mark))
        return found

    def join(self, pair: Pair) -> str | None:
        """Let the pair's evidence count, or name the rule that refuses it."""
        if pair.strong in self._dropped or pair.weak in self._dropped:
            return "drop"
        if (cut := self._cut(pair)) is not None:
            return cut
        a, b = self._of[pair.strong], self._of[pair.weak]
        if a is b:
            return None
        rule = self._broken_rule(a, b, pair)
        if rule is None:
            self._merge(a, b)
        return rule

    def parted(self, pair: Pair) -> bool:
        """Whether the two ends are in different groups."""
        return self._of[pair.strong] is not self._of[pair.weak]

    def contested(self) -> frozenset[str]:
        """Weak identifiers of a known person with evidence of a second known person."""
        found: set[str] = set()
        for pair in self._edges:
            a, b = self._of[pair.strong], self._of[pair.weak]
            if a is not b and a.known and b.known:
                found.update(key for key in pair if namespace_of(key, self._rules).weak)
        for key, sight in self._sights.items():
            if sight.strangers and namespace_of(key, self._rules).weak and self._of[key].known:
                found.update(key for other in sight.strangers if namespace_of(other, self._rules).person)
        return frozenset(found)

    def ties(self, taken: list[tuple[Pair, bool]]) -> tuple[tuple[Pair, Pair], ...] | None:
        """The pairs of equal importance that matter to each other, in the order taken; None if there are too many.

        Args:
            taken: pairs in the order of evidence, and whether each was let count.

        What is refused changes nothing, so it does not matter to what else is refused. What may count in one order may
        in any other of the same: an edge breaks no rule that it did not break when the two groups were larger, and of
        two edges that join the same groups either may be the first. So they matter to each other only where the one
        counts, the other does not, and they are about the same group.
        """
        found: list[tuple[Pair, Pair]] = []
        run: list[tuple[Pair, bool]] = []
        importance = None
        for pair, counts in taken:
            if (here := _importance(pair, self._edges, self._rules)) != importance:
                run, importance = [], here
            ends = self._of[pair.strong], self._of[pair.weak]
            for earlier, counted in run:
                if counted != counts and any(self._of[key] is end for key in earlier for end in ends):
                    found.append((earlier, pair))
            if len(found) > TIES_MAX:
                return None
            run.append((pair, counts))
        return tuple(found)

    def _cut(self, pair: Pair) -> str | None:
        """The rule by which evidence that was not seen again since an unbind or a logout does not count."""
        edge = self._edges[pair]
        if edge.asserted:
            return None
        if self._unbound:
            for end, other in (pair, (pair.weak, pair.strong)):
                since_us = self._unbound.get((self._one_card.get(end, end), other))
                if since_us is not None and edge.last.time_us <= since_us:
                    return "unbound"
        return "logged_out" if _is_logged_out(pair, edge, self._sights, self._rules) else None

    def _broken_rule(self, a: Group, b: Group, pair: Pair) -> str | None:
        if kept_apart(a, b):
            return "split"
        if self._edges[pair].asserted:
            return None
        both = [
            (self._rules.namespaces[scope[0]], a.values[scope] + b.values[scope])
            for scope in a.values.keys() & b.values.keys()
        ]
        if any(namespace.unique and self._distinct(values) > 1 for namespace, values in both):
            return "unique"
        if any(
            namespace.limit is not None and self._in_window(values, namespace) > namespace.limit.n
            for namespace, values in both
        ):
            return "limit"
        return "weak_link" if a.known and b.known and self._through_weak(pair) else None

    def _through_weak(self, pair: Pair) -> bool:
        return any(namespace_of(key, self._rules).weak for key in pair)

    def _distinct(self, values: list[str]) -> int:
        """How many values there are when asserted ones count as one."""
        if not self._one_value:
            return len(values)
        return len({self._one_value.get(value, value) for value in values})

    def _in_window(self, values: list[str], namespace: Namespace) -> int:
        """How many values the limit counts: those last seen within its days of the newest one."""
        if namespace.limit is not None and namespace.limit.days is not None:
            newest_us = max(self._sights[value].last_us for value in values)
            since_us = newest_us - namespace.limit.days * DAY_US
            values = [value for value in values if self._sights[value].last_us >= since_us]
        return self._distinct(values)

    def _merge(self, a: Group, b: Group) -> None:
        if len(a.members) < len(b.members):
            a, b = b, a
        a.members += b.members
        a.known = a.known or b.known
        a.sides |= b.sides
        for scope, values in b.values.items():
            a.values[scope] = a.values.get(scope, []) + values
        for key in b.members:
            self._of[key] = a

    def _contested_by_unique(self) -> frozenset[str]:
        """Policy `drop`: weak identifiers with evidence to two values of one unique namespace and scope."""
        # Strangers are evidence too: whether a hub's link came before or after it was a hub must make no difference.
        met = [(key, other) for key, sight in self._sights.items() for other in sight.strangers]
        for pair in self._edges:
            met += [(pair.strong, pair.weak), (pair.weak, pair.strong)]
        values: dict[tuple[str, tuple[str, str]], set[str]] = {}
        for end, other in met:
            namespace = namespace_of(other, self._rules)
            if namespace.unique and namespace_of(end, self._rules).weak:
                values.setdefault((end, scope_of(other, namespace)), set()).add(other)
        return frozenset(end for (end, _), found in values.items() if self._distinct(sorted(found)) > 1)


def _unbound(sights: Mapping[str, Sight], one_value: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """(card, what was taken off it) -> when last; a card by the key that stands for all that count as one with it."""
    found: dict[tuple[str, str], int] = {}
    for key, sight in sights.items():
        for other, time_us in sight.unbound:
            cut = (one_value.get(key, key), other)
            found[cut] = max(found.get(cut, time_us), time_us)
    return found
