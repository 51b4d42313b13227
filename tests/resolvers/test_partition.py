"""Which evidence counts: each rule by example, and the laws over random graphs with networkx as the oracle."""

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from resolvers import partition as partition_module
from resolvers.evidence import Edge, Pair, observed
from resolvers.linking import TIES_MAX, Judge
from resolvers.namespaces import DEFAULT_RULES, Caps, IdentityRules, Limit, Namespace, Policy
from resolvers.partition import Partition, Refused, partition, stands, strength
from tests.resolvers.building import Sight, edge, graph, mark, rules_with, sights_of
from tests.simulation.mutants import Mutant, put_in
from topics.instants import DAY_US

KEYS = (
    *(f"card:main:C{n}" for n in range(3)),
    *(f"card:plastic:C{n}" for n in range(2)),
    *(f"unionid:main:u{n}" for n in range(2)),
    *(f"phone:p{n}" for n in range(4)),
    *(f"openid:main:o{n}" for n in range(2)),
    "external:ride:x0",
    *(f"mac:m{n}" for n in range(2)),
    *(f"cookie:k{n}" for n in range(3)),
)
HOUSEHOLD = ("card:main:C0", "card:main:C1", "phone:p0", "phone:p1", "phone:p2", "mac:m0", "mac:m1", "mac:m2")
FREE_RULES = replace(
    DEFAULT_RULES,
    namespaces={
        name: replace(one, unique=False, weak=False, limit=None) for name, one in DEFAULT_RULES.namespaces.items()
    },
)
LIMITS = {"phone": Limit(2), "openid": Limit(1, 1), "cookie": Limit(1, 2)}


class Case(NamedTuple):
    """A random component."""

    sights: dict[str, Sight]
    edges: dict[Pair, Edge]
    blocked: frozenset[str]


def some_rules() -> st.SearchStrategy[IdentityRules]:
    """Any policy, under loose or tight caps and limits."""
    policies: tuple[Policy, ...] = ("latest", "first", "drop")
    return st.builds(
        lambda policy, limits, caps: rules_with(policy=policy, limits=limits, caps=caps),
        st.sampled_from(policies),
        st.sampled_from([{}, LIMITS]),
        st.sampled_from([Caps(), Caps(weak=3, other=5)]),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 16 identifiers and 24 edges; times of three days, so that they tie; only cards are asserted to be one."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=2, unique=True))
    ends = draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(keys)), max_size=24))
    edges: dict[Pair, Edge] = {}
    for offset, (a, b) in enumerate(ends):
        if a != b:
            pair = Pair(*sorted((a, b), key=lambda key: strength(key, DEFAULT_RULES)))
            first, last = sorted(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))))
            both_cards = a.startswith("card") and b.startswith("card")
            asserted = both_cards and draw(st.booleans())
            edges[pair] = Edge(mark(first * DAY_US, offset), mark(last * DAY_US, offset), 1, asserted)
    strangers = st.lists(st.sampled_from(["phone:far", "mac:far", "card:main:far"]), max_size=2, unique=True)
    unbound = st.dictionaries(st.sampled_from(keys), st.integers(0, 2).map(lambda day: day * DAY_US), max_size=2)
    sights = {
        key: Sight(
            draw(st.integers(0, 4)) * DAY_US,
            draw(st.integers(0, 9)) == 0,
            tuple(sorted(draw(strangers))),
            tuple(draw(unbound).items()) if key.startswith("card") else (),
            draw(st.sampled_from([-1, -1, -1, 0, DAY_US])),
        )
        for key in keys
    }
    blocked = frozenset(draw(st.lists(st.sampled_from(keys), max_size=1)))
    return Case(sights, edges, blocked)


def counted(edges: Iterable[Pair], found: Partition) -> set[Pair]:
    """Evidence that counts."""
    return set(edges) - {one.pair for one in found.refused}


def components(keys: Iterable[str], pairs: Iterable[Pair]) -> set[frozenset[str]]:
    """Connected components, by networkx."""
    linked: nx.Graph[str] = nx.Graph()
    linked.add_nodes_from(keys)
    linked.add_edges_from(pairs)
    return {frozenset(one) for one in nx.connected_components(linked)}


def groups_of(found: Partition) -> set[frozenset[str]]:
    """The groups, without order."""
    return {frozenset(group) for group in found.groups}


def rules_of(found: Partition) -> dict[tuple[str, str], str]:
    """Refused pairs and their rules."""
    return {(pair.strong, pair.weak): rule for pair, rule in found.refused}


def scope_of(key: str) -> str:
    """What unique and limit count in: the key up to its last colon; a phone has no scope."""
    return key.rpartition(":")[0]


class Oracle:
    """The contract's rules, read anew at every edge from plain sets and networkx: slow and simple."""

    def __init__(self, case: Case, rules: IdentityRules) -> None:
        self.case, self.rules = case, rules
        near: dict[str, set[str]] = {key: set(sight.strangers) for key, sight in case.sights.items()}
        for strong, weak in case.edges:
            near[strong].add(weak)
            near[weak].add(strong)
        self.hubs = {
            key
            for key, sight in case.sights.items()
            if sight.hub or len(near[key]) > (rules.caps.weak if self.space(key).weak else rules.caps.other)
        }
        alias = [
            pair
            for pair, one in case.edges.items()
            if one.asserted and not self.hubs.union(case.blocked).intersection(pair)
        ]
        self.as_one = {key: min(group) for group in components(case.sights, alias) for key in group}
        self.torn = {
            key
            for key in case.sights
            if self.space(key).weak and any(len(several) > 1 for several in self.unique_values(near[key]).values())
        }

    def space(self, key: str) -> Namespace:
        """A key's namespace."""
        return self.rules.namespaces[key.partition(":")[0]]

    def unique_values(self, keys: Iterable[str]) -> dict[str, set[str]]:
        """Values of unique namespaces by scope, asserted ones as one."""
        found: dict[str, set[str]] = {}
        for key in keys:
            if self.space(key).unique:
                found.setdefault(scope_of(key), set()).add(self.as_one.get(key, key))
        return found

    def rule(self, pair: Pair, groups: Mapping[str, frozenset[str]]) -> str | None:  # noqa: PLR0911 - a line a rule
        """The rule that refuses the pair, given the groups so far."""
        if self.hubs.intersection(pair):
            return "hub"
        if self.case.blocked.intersection(pair):
            return "blocked"
        if self.rules.policy == "drop" and self.torn.intersection(pair):
            return "drop"
        if not self.case.edges[pair].asserted and (cut := self.cut(pair)) is not None:
            return cut
        a, b = groups[pair.strong], groups[pair.weak]
        if a == b or self.case.edges[pair].asserted:
            return None
        if any(len(values) > 1 for values in self.unique_values(a | b).values()):
            return "unique"
        if any(self.over_limit([key for key in a | b if scope_of(key) == scope]) for scope in map(scope_of, a | b)):
            return "limit"
        known = [any(self.space(key).person for key in group) for group in (a, b)]
        return "weak_link" if all(known) and any(self.space(key).weak for key in pair) else None

    def cut(self, pair: Pair) -> str | None:
        """The rule by which evidence older than an unbind, or than the end of a session on a device, is refused."""
        last_us = self.case.edges[pair].last.time_us
        for end, other in (pair, (pair.weak, pair.strong)):
            for card, sight in self.case.sights.items():
                if self.as_one[card] == self.as_one[end] and dict(sight.unbound).get(other, -1) >= last_us:
                    return "unbound"
        ended = [self.case.sights[key].logged_out_us for key in pair if self.space(key).weak]
        return "logged_out" if any(last_us <= one for one in ended) else None

    def over_limit(self, keys: list[str]) -> bool:
        """Whether these values of one scope are more than its limit."""
        limit = self.space(keys[0]).limit
        if limit is None:
            return False
        if limit.days is not None:
            newest = max(self.case.sights[key].last_us for key in keys)
            keys = [key for key in keys if newest - self.case.sights[key].last_us <= limit.days * DAY_US]
        return len({self.as_one[key] for key in keys}) > limit.n

    def in_order(self) -> list[Pair]:
        """Evidence in the contract's order, by one key."""

        def order(pair: Pair) -> tuple[object, ...]:
            one = self.case.edges[pair]
            stamp = one.first if self.rules.policy == "first" else one.last
            age = stamp.time_us, stamp.append_ms, stamp.topic, stamp.partition, stamp.offset
            if self.rules.policy != "first":
                age = -age[0], -age[1], age[2], -age[3], -age[4]
            ranks = (self.space(pair.strong).rank, self.space(pair.weak).rank)
            return (not one.asserted, *sorted(ranks), age, pair.strong, pair.weak)

        return sorted(self.case.edges, key=order)


@given(cases())
def test_without_rules_groups_are_connected_components(case: Case) -> None:
    """Nothing in the way: people are exactly what networkx calls connected components."""
    bare = {key: Sight(0) for key in case.sights}
    found = partition(bare, case.edges, FREE_RULES)
    assert groups_of(found) == components(bare, case.edges)
    assert not found.refused


@given(cases(), some_rules())
@settings(max_examples=400)
def test_every_edge_is_judged_as_the_oracle_does(case: Case, rules: IdentityRules) -> None:
    """Each edge, in the contract's order, counts exactly when no rule stands against it: safe and maximal."""
    oracle = Oracle(case, rules)
    counts: list[Pair] = []
    refused: list[Refused] = []
    for pair in oracle.in_order():
        groups = {key: group for group in components(case.sights, counts) for key in group}
        rule = oracle.rule(pair, groups)
        if rule is None:
            counts.append(pair)
        else:
            refused.append(Refused(pair, rule))
    found = partition(case.sights, case.edges, rules, case.blocked)
    groups = {key: group for group in components(case.sights, counts) for key in group}
    apart = [one for one in refused if groups[one.pair.strong] is not groups[one.pair.weak]]
    assert list(found.refused) == sorted(apart), "what other evidence joined in the end was not kept apart"
    assert groups_of(found) == components(case.sights, counts)


@given(cases(), some_rules())
def test_counted_evidence_connects_each_group(case: Case, rules: IdentityRules) -> None:
    """Every identifier is in one group; what counts joins a group and no two of them."""
    found = partition(case.sights, case.edges, rules, case.blocked)
    assert sorted(key for group in found.groups for key in group) == sorted(case.sights)
    assert groups_of(found) == components(case.sights, counted(case.edges, found))


@given(cases(), some_rules())
def test_no_group_breaks_a_rule(case: Case, rules: IdentityRules) -> None:
    """I3 and the limits hold in what comes out, whatever came in; hubs and blocked values are alone."""
    oracle = Oracle(case, rules)
    found = partition(case.sights, case.edges, rules, case.blocked)
    for group in found.groups:
        assert all(len(values) == 1 for values in oracle.unique_values(group).values())
        for scope in {scope_of(key) for key in group}:
            assert not oracle.over_limit([key for key in group if scope_of(key) == scope])
        if oracle.hubs.intersection(group) or case.blocked.intersection(group):
            assert len(group) == 1


@given(cases(), some_rules())
def test_a_unique_refusal_stays_true(case: Case, rules: IdentityRules) -> None:
    """Joining what `unique` or `limit` refused, at the end, would still break the rule."""
    oracle = Oracle(case, rules)
    found = partition(case.sights, case.edges, rules, case.blocked)
    groups = {key: frozenset(group) for group in found.groups for key in group}
    for pair, rule in found.refused:
        if rule == "unique":
            assert oracle.rule(pair, groups) == "unique"


@given(cases(), some_rules(), st.randoms(use_true_random=False))
def test_the_order_of_dicts_makes_no_difference(case: Case, rules: IdentityRules, rng: random.Random) -> None:
    """The same component handed in in another order gives the same answer, order of groups and refusals included."""
    sights, edges = list(case.sights.items()), list(case.edges.items())
    rng.shuffle(sights)
    rng.shuffle(edges)
    before = partition(case.sights, case.edges, rules, case.blocked)
    assert partition(dict(sights), dict(edges), rules, case.blocked) == before


def seen_again(rng: random.Random, pairs: Iterable[Pair], edges: Mapping[Pair, Edge]) -> dict[Pair, Edge]:
    """The pairs, each seen on one day more, by some event."""
    return {
        pair: observed(edges.get(pair), mark(rng.randrange(4) * DAY_US, rng.randrange(2)), counted=True, asserted=False)
        for pair in pairs
    }


def what_stands_would_be_divided_the_same(seeds: Iterable[int]) -> int:
    """Households, seen again, also at earlier times: where a division stands, a new one says the same -> how often.

    Some cards count as one, some links are cut off, and some limits have windows.
    """
    stood = 0
    for seed in seeds:
        rng = random.Random(seed)
        rules = rules_with(
            policy=rng.choice(["latest", "first", "drop"]), limits=rng.choice([{}, {}, {"phone": Limit(1, 1)}])
        )
        keys = rng.sample(HOUSEHOLD, rng.randint(4, len(HOUSEHOLD)))
        every = [Pair(a, b) for a in keys for b in keys if strength(a, rules) < strength(b, rules)]
        some = rng.sample(every, rng.randint(2, len(every)))
        edges = seen_again(rng, some, seen_again(rng, some, {}))
        both = Pair("card:main:C0", "card:main:C1")
        if both in edges and rng.random() < 0.3:
            edges[both] = replace(edges[both], asserted=True)
        cut = rng.choice([None, None, *keys])
        sights = {key: Sight(rng.randrange(4) * DAY_US, logged_out_us=DAY_US if key == cut else -1) for key in keys}
        found = partition(sights, edges, rules)
        moved = [pair for pair in rng.sample(sorted(edges), rng.randint(1, 2)) if not edges[pair].asserted]
        edges |= seen_again(rng, moved, edges)
        sights = {key: sight._replace(last_us=rng.randrange(4) * DAY_US) for key, sight in sights.items()}
        if stands(found, edges, rules):
            afresh = partition(sights, edges, rules)
            stood += found.ties != ()
            assert replace(afresh, ties=None) == replace(found, ties=None)
            assert {frozenset(tie) for tie in afresh.ties or ()} == {frozenset(tie) for tie in found.ties or ()}
    return stood


def test_what_stands_would_be_divided_the_same() -> None:
    """In thousands of households; in some it stands although it might not."""
    assert what_stands_would_be_divided_the_same(range(6000)) > 200


STANDING = (
    Mutant("ties are of neighbours only", Judge.ties, "in run:", "in run[-1:]:"),
    Mutant("nothing matters", Judge.ties, "if counted != counts and any(", "if False and any("),
    Mutant("one group matters", Judge.ties, "for end in ends", "for end in ends[:1]"),
    Mutant("windows never matter", partition_module._is_timeless, "counted[scope] > namespace.limit.n", "False"),
    Mutant("cuts never matter", partition_module._is_timeless, "if sight.unbound or", "if False and"),
    Mutant("a tie by time is none", stands, "or (pair > other and early == late)", ""),
    Mutant("the other policy", stands, 'rules.policy == "first"', 'rules.policy != "first"'),
)


@pytest.mark.parametrize("mutant", STANDING, ids=lambda mutant: mutant.name)
def test_what_does_not_stand_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reason taken out, some division stands that should not."""
    put_in(mutant, monkeypatch)
    monkeypatch.setattr(sys.modules[__name__], "stands", partition_module.stands)
    with pytest.raises(AssertionError):
        what_stands_would_be_divided_the_same(range(3000))


def household(*, contested_s: int, own_s: int) -> dict[Pair, Edge]:
    """Two people and their devices: each device last seen with its owner, and one with the other, at these times."""
    found = graph(("card:main:A", "phone:a"), ("card:main:B", "phone:b"))
    found[Pair("phone:a", "mac:a")] = edge(own_s)
    found[Pair("phone:b", "mac:b")] = edge(own_s)
    found[Pair("phone:b", "mac:a")] = edge(contested_s)
    return found


def test_a_household_stands_while_its_devices_stay_whose_they_are() -> None:
    """Owners seen again with their devices change nothing; a device seen with the other since may have moved."""
    before = household(contested_s=1, own_s=2)
    found = partition(sights_of(before), before, DEFAULT_RULES)
    assert stands(found, household(contested_s=1, own_s=9), DEFAULT_RULES)
    after = household(contested_s=9, own_s=2)
    assert not stands(found, after, DEFAULT_RULES)
    assert partition(sights_of(after), after, DEFAULT_RULES).groups != found.groups


def test_what_depends_on_too_much_does_not_stand() -> None:
    """A device seen with more people than are worth comparing is divided anew."""
    edges = {Pair(f"phone:{at}", "mac:m"): edge(at, offset=at) for at in range(TIES_MAX + 2)}
    rules = rules_with(caps=Caps(weak=1000, other=1000))
    found = partition(sights_of(edges), edges, rules)
    assert len(found.groups) == len(edges)
    assert found.ties is None
    assert not stands(found, edges, rules)


def test_the_hash_seed_makes_no_difference() -> None:
    """Processes with different PYTHONHASHSEED agree: no set's order gets into the answer."""
    program = (
        "import random\n"
        "from resolvers.evidence import Edge, Pair\n"
        "from resolvers.partition import partition, strength\n"
        "from resolvers.namespaces import DEFAULT_RULES\n"
        "from tests.resolvers.building import Sight, edge\n"
        "from tests.resolvers.test_partition import KEYS\n"
        "rng = random.Random(7)\n"
        "for _ in range(200):\n"
        "    some = {tuple(sorted(rng.sample(KEYS, 2), key=lambda k: strength(k, DEFAULT_RULES))) for _ in range(30)}\n"
        "    edges = {Pair(*pair): edge(n % 3, offset=0) for n, pair in enumerate(sorted(some))}\n"
        "    found = partition({key: Sight(0) for key in KEYS}, edges, DEFAULT_RULES)\n"
        "    print(found.groups, found.refused, sorted(found.contested))\n"
    )
    said = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert said.pop().count(b"\n") == 200


def test_unique_keeps_the_newer_link() -> None:
    """A phone with two cards stays with the one it was last seen with; `first`: with the one it was first seen with."""
    edges = graph(("card:main:C0", "phone:p0"), ("card:main:C1", "phone:p0"))
    latest = partition(sights_of(edges), edges, DEFAULT_RULES)
    assert latest.groups == (("card:main:C0",), ("card:main:C1", "phone:p0"))
    assert rules_of(latest) == {("card:main:C0", "phone:p0"): "unique"}
    first = partition(sights_of(edges), edges, rules_with(policy="first"))
    assert rules_of(first) == {("card:main:C1", "phone:p0"): "unique"}


def test_unique_counts_per_scope() -> None:
    """One card in each of two programmes is one person's."""
    edges = graph(("card:main:C0", "phone:p0"), ("card:plastic:C0", "phone:p0"))
    assert len(partition(sights_of(edges), edges, DEFAULT_RULES).groups) == 1


def test_asserted_cards_count_as_one() -> None:
    """A replaced card and its successor are one value, so that both keep what they are linked with."""
    pair = ("card:main:C0", "card:main:C1")
    edges = graph(("card:main:C0", "phone:p0"), ("card:main:C1", "unionid:main:u0"), asserted=[pair])
    assert len(partition(sights_of(edges), edges, DEFAULT_RULES).groups) == 1
    third = edges | {Pair("card:main:C2", "phone:p0"): edge(99)}
    found = partition(sights_of(third), third, DEFAULT_RULES)
    assert rules_of(found) == {("card:main:C0", "phone:p0"): "unique"}


def test_a_hubs_assertion_makes_no_one_value() -> None:
    """Two cards that only a hub's assertions make one are two values, so that the assertion's arrival is no matter."""
    pairs = [("card:main:C0", "card:main:C1"), ("card:main:C1", "card:main:C2")]
    edges = graph(("card:main:C0", "phone:p0"), ("card:main:C2", "phone:p0"), asserted=pairs)
    sights = sights_of(edges) | {"card:main:C1": Sight(0, hub=True)}
    found = partition(sights, edges, DEFAULT_RULES)
    assert rules_of(found)["card:main:C0", "phone:p0"] == "unique"


@pytest.mark.parametrize(("days", "people"), [(None, 2), (1, 2), (0, 1)])
def test_a_limit_counts_in_its_window(days: int | None, people: int) -> None:
    """Two openids under a limit of one: refused, unless the older one was last seen before the window."""
    edges = graph(("unionid:main:u0", "openid:main:o0"), ("unionid:main:u0", "openid:main:o1"))
    sights = sights_of(edges) | {"openid:main:o1": Sight(DAY_US)}
    found = partition(sights, edges, rules_with(limits={"openid": Limit(1, days)}))
    assert len(found.groups) == people
    assert set(rules_of(found).values()) == ({"limit"} if people == 2 else set())


def test_a_device_does_not_join_two_known_people() -> None:
    """A shared device stays with the person of its newest link; the other link is refused, the device is contested."""
    edges = graph(("phone:p0", "mac:m0"), ("phone:p1", "mac:m0"))
    found = partition(sights_of(edges), edges, DEFAULT_RULES)
    assert found.groups == (("phone:p0",), ("phone:p1", "mac:m0"))
    assert rules_of(found) == {("phone:p0", "mac:m0"): "weak_link"}
    assert found.contested == {"mac:m0"}


def test_a_device_joins_the_unknown() -> None:
    """A device does join an anonymous identifier to a person, and is not contested."""
    edges = graph(("phone:p0", "mac:m0"), ("openid:main:o0", "mac:m0"))
    found = partition(sights_of(edges), edges, DEFAULT_RULES)
    assert len(found.groups) == 1
    assert not found.contested


def test_drop_leaves_a_torn_device_alone() -> None:
    """Policy `drop`: a device with evidence of two cards takes part in no link, be one kept as an edge or not."""
    edges = graph(("card:main:C0", "mac:m0"), ("card:main:C1", "mac:m0"))
    rules = rules_with(policy="drop")
    assert set(rules_of(partition(sights_of(edges), edges, rules)).values()) == {"drop"}
    one = graph(("card:main:C0", "mac:m0"))
    sights = sights_of(one) | {"mac:m0": Sight(0, strangers=("card:main:C1",))}
    assert set(rules_of(partition(sights, one, rules)).values()) == {"drop"}


def test_a_hub_by_edges() -> None:
    """One neighbour more than the cap, and none of the links counts."""
    edges = graph(*((f"phone:p{n}", "mac:m0") for n in range(3)))
    rules = rules_with(caps=Caps(weak=3))
    assert len(partition(sights_of(edges), edges, rules).refused) == 2, "weak_link refuses all but one"
    rules = rules_with(caps=Caps(weak=2))
    assert rules_of(partition(sights_of(edges), edges, rules)) == dict.fromkeys(map(tuple, edges), "hub")


def test_a_hub_by_mark_and_by_strangers() -> None:
    """A hub once is a hub for ever; neighbours that are hubs themselves count, though no edge is kept."""
    edges = graph(("phone:p0", "mac:m0"))
    marked = sights_of(edges) | {"mac:m0": Sight(0, hub=True)}
    assert rules_of(partition(marked, edges, DEFAULT_RULES)) == {("phone:p0", "mac:m0"): "hub"}
    near = sights_of(edges) | {"mac:m0": Sight(0, strangers=("phone:p8", "phone:p9"))}
    assert rules_of(partition(near, edges, rules_with(caps=Caps(weak=2)))) == {("phone:p0", "mac:m0"): "hub"}
    assert not partition(near, edges, rules_with(caps=Caps(weak=3))).refused


def test_a_stranger_that_is_a_person_contests_a_device() -> None:
    """A known person's device with evidence of a hub that is somebody: its value facts stay behind."""
    edges = graph(("phone:p0", "mac:m0"))
    sights = sights_of(edges) | {"mac:m0": Sight(0, strangers=("phone:p9",))}
    assert partition(sights, edges, DEFAULT_RULES).contested == {"mac:m0"}


def test_a_blocked_value_links_nobody() -> None:
    """A blocked identifier stays in a group of its own."""
    edges = graph(("card:main:C0", "phone:p0"), ("card:main:C0", "unionid:main:u0"))
    found = partition(sights_of(edges), edges, DEFAULT_RULES, frozenset({"phone:p0"}))
    assert found.groups == (("card:main:C0", "unionid:main:u0"), ("phone:p0",))
    assert rules_of(found) == {("card:main:C0", "phone:p0"): "blocked"}


def test_evidence_within_a_group_counts() -> None:
    """A pair whose ends are one person already is not refused, whatever the rule would say of it alone."""
    edges = graph(("card:main:C0", "phone:p0"), ("card:main:C0", "mac:m0"), ("phone:p0", "mac:m0"))
    assert not partition(sights_of(edges), edges, DEFAULT_RULES).refused
