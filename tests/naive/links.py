"""Which links count: evidence in the contract's order, and the groups that follow (readings L1-L11, O1-O6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from tests.naive.values import Identifier

Mark = tuple[datetime, tuple[int, str, int, int]]  # event time, log position
Key = tuple[str, str]  # namespace, token
LIFE = "\x1e"  # in a token, before the number of a later life


@dataclass
class Evidence:
    """Two identifiers observed together, the event's stronger one first."""

    strong: Identifier
    weak: Identifier
    first: Mark
    last: Mark
    alias: bool = False  # by card.replaced: the two count as one value


@dataclass
class Observed:
    """All that the log says about who was seen with whom."""

    identifiers: dict[Key, Identifier]
    last_seen: dict[Key, datetime]
    evidence: dict[tuple[Key, Key], Evidence]
    unbound: list[tuple[Key, Key, datetime]]  # card, other identifier, time of the unbind
    logged_out: list[tuple[Key, datetime]]  # weak identifier, time of the logout
    created: list[tuple[Key, datetime]] = field(default_factory=list)  # sights that no event brought
    silent: set[Key] = field(default_factory=set)  # blocked by an operator
    past: set[Key] = field(default_factory=set)  # lives of numbers that changed hands since


@dataclass
class Ruling:
    """A merge or split that stands. `left`: who was left behind; `lifts`: ids of splits."""

    id: str
    position: tuple[int, str, int, int]
    keys: list[Key]
    values: set[Key]
    left: set[Key]
    lifts: set[str]


@dataclass
class Links:
    """Groups of identifiers, and what was refused: (stronger, weaker, rule)."""

    groups: list[set[Key]]
    refused: list[tuple[Key, Key, str]]


def key_of(identifier: Identifier) -> Key:
    """What names an identifier."""
    return (identifier.namespace, identifier.token)


def link(observed: Observed, config: dict[str, Any], rulings: Sequence[Ruling] = ()) -> Links:
    """Take what operators said and then all evidence in order; it counts unless a rule says no."""
    group_of = {key: {key} for key in observed.identifiers}
    refused = []
    values = Values(observed, config, rulings)
    for ruling in rulings:
        there = [key for key in ruling.keys if key in group_of and not values.is_mute(key)]
        for key, other in combinations(there, 2):
            one, two = group_of[key], group_of[other]
            if one is not two and not values.are_kept_apart(one, two):
                one |= two
                for moved in two:
                    group_of[moved] = one
    for evidence in in_order(list(observed.evidence.values()), config["policy"]):
        strong, weak = key_of(evidence.strong), key_of(evidence.weak)
        one, two = group_of[strong], group_of[weak]
        rule = standing_rule(evidence, observed, values)
        if rule is None and one is not two:
            rule = values.broken_rule(evidence, one, two)
        if rule is not None:
            refused.append((strong, weak, rule))
        elif one is not two:
            one |= two
            for key in two:
                group_of[key] = one
    refused = [(strong, weak, rule) for strong, weak, rule in refused if group_of[strong] is not group_of[weak]]
    distinct = {id(group): group for group in group_of.values()}
    return Links(list(distinct.values()), refused)


def in_order(evidence: list[Evidence], policy: str) -> list[Evidence]:
    """Stable sorts, the least important first."""
    evidence = sorted(evidence, key=lambda each: (each.strong.token, each.weak.token))
    if policy == "first":
        evidence = sorted(evidence, key=lambda each: each.first)
    else:
        evidence = sorted(evidence, key=lambda each: each.last, reverse=True)
    evidence = sorted(evidence, key=lambda each: (each.strong.rank, each.weak.rank))
    return sorted(evidence, key=lambda each: not each.alias)


def standing_rule(evidence: Evidence, observed: Observed, values: "Values") -> str | None:
    """The rules that look at the evidence alone, not at the groups."""
    strong, weak = key_of(evidence.strong), key_of(evidence.weak)
    if values.is_mute(strong) or values.is_mute(weak):
        return "hub" if values.is_hub(strong) or values.is_hub(weak) else "blocked"
    if evidence.alias:
        return None
    if values.policy == "drop" and (values.is_torn(strong) or values.is_torn(weak)):
        return "drop"
    for card, other, time in observed.unbound:
        for end, far_end in ((strong, weak), (weak, strong)):
            if values.as_card(end) == values.as_card(card) and far_end == other and evidence.last[0] <= time:
                return "unbound"
    for device, time in observed.logged_out:
        if device in (strong, weak) and evidence.last[0] <= time:
            return "logged_out"
    return None


class Values:
    """Neighbours, aliases, and the rules that count values in groups."""

    def __init__(self, observed: Observed, config: dict[str, Any], rulings: Sequence[Ruling] = ()) -> None:
        self.observed = observed
        self.config = config
        lifted = {split for ruling in rulings for split in ruling.lifts}
        self.splits = [(set(one.keys), one.left) for one in rulings if one.left and one.id not in lifted]
        self.policy: str = config["policy"]
        self.neighbours: dict[Key, set[Key]] = {key: set() for key in observed.identifiers}
        self.aliases: list[set[Key]] = []
        self.worth_one: list[set[Key]] = []
        for strong, weak in observed.evidence:
            self.neighbours[strong].add(weak)
            self.neighbours[weak].add(strong)
        for (strong, weak), evidence in observed.evidence.items():
            if evidence.alias and not self.is_mute(strong) and not self.is_mute(weak):
                joined = {strong, weak}
                for other in [alias for alias in self.aliases if alias & joined]:
                    self.aliases.remove(other)
                    joined |= other
                self.aliases.append(joined)
        counted = [
            {key for key in ruling.values if key not in self.neighbours or not self.is_mute(key)} for ruling in rulings
        ]
        for joined in [*self.aliases, *counted]:
            touched = [each for each in self.worth_one if each & joined]
            self.worth_one = [each for each in self.worth_one if each not in touched] + [joined.union(*touched)]

    def option(self, key: Key, name: str) -> Any:  # noqa: ANN401 -- as configured
        """What the line of the identifier's namespace says."""
        return self.config["namespaces"][key[0]].get(name)

    def as_one(self, key: Key) -> Key:
        """The identifier that stands for all those that count as one value with this one."""
        return next((min(each) for each in self.worth_one if key in each), key)

    def as_card(self, key: Key) -> Key:
        """The card that stands for all those that took this one's place, or whose place it took."""
        return next((min(each) for each in self.aliases if key in each), key)

    def are_kept_apart(self, one: set[Key], two: set[Key]) -> bool:
        """Whether a split has some of the one on its one side and some of the other on its other."""
        return any(
            (one & keys and two & left) or (two & keys and one & left)  # a member on either side
            for keys, left in self.splits
        )

    def is_hub(self, key: Key) -> bool:
        """More distinct neighbours than the cap, the lives of one as one."""
        caps = self.config["caps"]["neighbours"]
        cap: int = caps["weak"] if self.option(key, "weak") else caps["other"]
        return len({(namespace, token.partition(LIFE)[0]) for namespace, token in self.neighbours[key]}) > cap

    def is_mute(self, key: Key) -> bool:
        """A hub, or blocked: none of its links counts."""
        return key in self.observed.silent or self.is_hub(key)

    def is_torn(self, key: Key) -> bool:
        """Policy `drop`: weak, with evidence to two values of one unique namespace and scope."""
        if not self.option(key, "weak"):
            return False
        found: dict[tuple[str, str], set[Key]] = {}
        for other in self.neighbours[key]:
            if self.option(other, "unique"):
                found.setdefault(self.counted_in(other), set()).add(self.as_one(other))
        return any(len(several) > 1 for several in found.values())

    def counted_in(self, key: Key) -> tuple[str, str]:
        """Namespace and scope: what unique and limit count in."""
        return (key[0], self.observed.identifiers[key].scope)

    def broken_rule(self, evidence: Evidence, one: set[Key], two: set[Key]) -> str | None:
        """The first rule that one profile of both groups would break."""
        if self.are_kept_apart(one, two):
            return "split"
        if evidence.alias:
            return None
        together: dict[tuple[str, str], list[Key]] = {}
        for key in (one | two) - self.observed.past:
            together.setdefault(self.counted_in(key), []).append(key)
        met = [{self.counted_in(key) for key in each - self.observed.past} for each in (one, two)]
        together = {scope: keys for scope, keys in together.items() if scope in met[0] & met[1]}
        for keys in together.values():
            if self.option(keys[0], "unique") and len({self.as_one(key) for key in keys}) > 1:
                return "unique"
        for keys in together.values():
            if self.is_over_limit(keys):
                return "limit"
        through_weak = evidence.strong, evidence.weak
        if any(self.option(key_of(end), "weak") for end in through_weak) and all(
            any(self.option(key, "person") for key in group - self.observed.past) for group in (one, two)
        ):
            return "weak_link"
        return None

    def is_over_limit(self, keys: list[Key]) -> bool:
        """Whether these identifiers of one namespace and scope are too many for one profile."""
        limit = self.option(keys[0], "limit")
        if limit is None:
            return False
        if isinstance(limit, dict) and limit.get("days") is not None:
            newest = max(self.observed.last_seen[key] for key in keys)
            since = newest - timedelta(days=limit["days"])
            keys = [key for key in keys if self.observed.last_seen[key] >= since]
        most: int = limit["n"] if isinstance(limit, dict) else limit
        return len({self.as_one(key) for key in keys}) > most
