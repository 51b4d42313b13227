"""Linking: evidence taken pair by pair, each of which joins two groups of identifiers, or breaks a rule that it names.

The rules are the contract's (section 1, "Which links count"); which pair comes first is `partition`'s.
Must not know: facts, profiles, stores, clocks.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from resolvers.constraints import InForce
from resolvers.counting import Group, asserted_values, kept_apart, scope_of
from resolvers.evidence import Edge, Mark, Pair
from resolvers.namespaces import IdentityRules, Namespace, namespace_of
from resolvers.uniting_lives import Sight
from topics.instants import DAY_US

TIES_MAX: Final = 100
"""A division that more depends on is made anew whenever something changes."""


class Ruled(NamedTuple):
    """Two identifiers that an operator joined, and the command's place in the log."""

    pair: Pair
    mark: Mark


def importance_of(pair: Pair, edges: Mapping[Pair, Edge], rules: IdentityRules) -> tuple[bool, int, int]:
    """What sorts evidence before its age: asserted first, then by the stronger and the weaker end."""
    a, b = namespace_of(pair.strong, rules).rank, namespace_of(pair.weak, rules).rank
    return (not edges[pair].asserted, min(a, b), max(a, b))


def is_logged_out(pair: Pair, edge: Edge, sights: Mapping[str, Sight], rules: IdentityRules) -> bool:
    """Whether a session on one of the pair's devices has ended since they were last seen together."""
    return any(edge.last.time_us <= sights[key].logged_out_us and namespace_of(key, rules).weak for key in pair)


def free(keys: Iterable[str], sights: Mapping[str, Sight], silent: frozenset[str]) -> list[str]:
    """Those of some keys that are there and may be linked: a hub is not, whoever says so."""
    return [key for key in keys if key in sights and key not in silent]


class Judge:
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
        self._past = ruled.past
        self._of = {key: Group(key, namespace_of(key, rules), held=key not in ruled.past) for key in sights}
        self._one_card = self._one_value = asserted_values(edges, silent)
        if ruled.values:
            self._one_value = asserted_values(edges, silent, [free(keys, sights, silent) for keys in ruled.values])
        self._dropped = self._contested_by_unique() if rules.policy == "drop" else frozenset()
        self._unbound = _unbound(sights, self._one_card)
        for at, both in enumerate(ruled.splits):
            for side, keys in enumerate(both):
                for key in keys & self._of.keys():
                    self._of[key].sides |= {(at, side == 0)}

    def groups(self) -> list[Group]:
        """The groups so far."""
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
                met = [other for other in sight.strangers if other not in self._past]
                found.update(key for other in met if namespace_of(other, self._rules).person)
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
            if (here := importance_of(pair, self._edges, self._rules)) != importance:
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
        return "logged_out" if is_logged_out(pair, edge, self._sights, self._rules) else None

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
