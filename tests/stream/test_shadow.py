"""Shadow: what a candidate would change is what the two divisions differ in, and nothing is changed by looking."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from resolvers.component import Component
from resolvers.evidence import Pair
from resolvers.facets import sighted
from resolvers.namespaces import DEFAULT_RULES, Caps, IdentityRules, Limit, identity_fingerprint, ranked
from resolvers.partition import partition
from resolvers.shadow import compare, identity_changes
from stream.cli.shadow import lines, notes
from stream.operating import shadowing as module
from stream.operating.shadowing import Report, Shadowing
from tests.resolvers.building import edge
from tests.stream.small_worker import SmallWorker

A, B, PHONE = "card:main:a", "card:main:b", "phone:p"


def with_(name: str, **change: object) -> IdentityRules:
    """The default rules with one namespace changed."""
    namespaces = [replace(one, **change) if one.name == name else one for one in DEFAULT_RULES.namespaces.values()]
    return replace(DEFAULT_RULES, namespaces=ranked(namespaces))


CANDIDATES = (
    with_("card", unique=False),
    with_("login", limit=Limit(1)),
    with_("cookie", weak=False),
    with_("phone", person=False),
    replace(DEFAULT_RULES, policy="first"),
    replace(DEFAULT_RULES, policy="drop"),
    replace(DEFAULT_RULES, caps=Caps(2, 2)),
)
KEYS = [A, B, "login:main:l", "login:main:m", "openid:main:o", "cookie:c", "cookie:d"]


def component(pairs: Sequence[tuple[str, str]]) -> Component:
    """A component with these edges, seen in this order."""
    seen = {key: sighted(key, at) for at, pair in enumerate(pairs) for key in pair}
    edges = {Pair(*sorted(pair)): edge(at, offset=at) for at, pair in enumerate(pairs)}
    return Component("a", facets=seen, edges=edges)


@given(
    st.lists(st.sampled_from(list(itertools.combinations(KEYS, 2))), min_size=1, max_size=9),
    st.sampled_from(CANDIDATES),
)
def test_changes_are_the_difference_of_two_divisions(pairs: list[tuple[str, str]], candidate: IdentityRules) -> None:
    """By networkx: people who overlap hang together, and are one change where they are not the same."""
    one = component(pairs)
    found = compare(one, DEFAULT_RULES, candidate)
    before, after = (partition(one.facets, one.edges, rules) for rules in (DEFAULT_RULES, candidate))
    assert (found.before, found.after) == (len(before.groups), len(after.groups))
    assert found.refused_after == Counter(refused.rule for refused in after.refused)
    graph: nx.Graph[tuple[int, frozenset[str]]] = nx.Graph()
    for side, groups in enumerate((before.groups, after.groups)):
        graph.add_nodes_from((side, frozenset(group)) for group in groups)
    graph.add_edges_from((old, new) for old in graph for new in graph if old[0] < new[0] and old[1] & new[1])
    expected = []
    for cluster in nx.connected_components(graph):
        sides = [{group for side, group in cluster if side == wanted} for wanted in (0, 1)]
        if sides[0] != sides[1]:
            kind = "split" if len(sides[0]) == 1 else "merge" if len(sides[1]) == 1 else "move"
            expected.append((kind, *sides))
    got = [(one.kind, set(map(frozenset, one.before)), set(map(frozenset, one.after))) for one in found.changes]
    assert all(one in expected for one in got)
    assert len(got) == len(expected)


def test_the_same_rules_change_nobody() -> None:
    """Whatever is refused is refused before and after."""
    one = component([(A, PHONE), (B, PHONE)])
    found = compare(one, DEFAULT_RULES, DEFAULT_RULES)
    assert (found.before, found.after, found.changes) == (2, 2, ())
    assert found.refused_before == found.refused_after == Counter(unique=1)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (with_("phone", pii=None), ["the pii of phone"]),
        (with_("phone", region="US"), ["the normaliser of phone"]),
        (with_("card", default_scope="other"), ["the scope of card"]),
        (
            replace(DEFAULT_RULES, namespaces=ranked([*reversed(DEFAULT_RULES.namespaces.values())])),
            ["the order of the namespaces"],
        ),
        (
            replace(DEFAULT_RULES, namespaces=ranked([*DEFAULT_RULES.namespaces.values()][:-1])),
            ["namespace cookie is gone"],
        ),
        *((one, []) for one in CANDIDATES),
    ],
)
def test_what_needs_a_replay_is_named(candidate: IdentityRules, words: list[str]) -> None:
    """It is named exactly where the fingerprint of the store would be another one."""
    assert identity_changes(DEFAULT_RULES, candidate) == words
    same = identity_fingerprint(candidate, ["h", "i"]) == identity_fingerprint(DEFAULT_RULES, ["h", "i"])
    assert same == (not words)


def test_what_cannot_be_shown_is_said() -> None:
    """Blocked values, larger caps, and nothing where there is nothing to say."""
    assert not list(notes(DEFAULT_RULES, with_("phone", limit=Limit(1))))
    [unique] = notes(DEFAULT_RULES, with_("card", unique=False))
    assert "later ones only" in unique
    [blocked] = notes(DEFAULT_RULES, replace(DEFAULT_RULES, blocked={"phone": ("1",)}))
    assert "events to come" in blocked
    [caps] = notes(DEFAULT_RULES, replace(DEFAULT_RULES, caps=Caps(21, 200)))
    assert "stay so" in caps


@pytest.fixture
def world() -> SmallWorker:
    """Two cards with one phone, a device of two people, and somebody else."""
    world = SmallWorker()
    for n in range(30):
        phone = f"138001380{n:02}"
        world.publish({"card": f"a{n}", "phone": phone}, {"card": f"b{n}", "phone": phone}, {"login": f"l{n}"})
    return world


async def shadowed(world: SmallWorker, candidate: IdentityRules, sample: int | None = None) -> Report:
    """A comparison over its store."""
    told: list[tuple[int, int | None]] = []
    before = dict(world.store.content.components)
    report = await Shadowing(world, DEFAULT_RULES, candidate, lambda done, of: told.append((done, of))).run(sample)
    assert world.store.content.components == before
    assert told[-1][0] >= report.components
    return report


async def test_a_store_is_compared(world: SmallWorker) -> None:
    """Every component is, moved ones are not counted, and examples have the ids of the people that there are."""
    report = await shadowed(world, with_("card", unique=False))
    assert (report.components, report.before, report.after) == (60, 90, 60)
    assert (report.changes, report.affected) == ({"merge": 30}, {"merge": 60})
    assert (report.refused_before, report.refused_after) == ({"unique": 30}, {})
    assert len(report.examples) == module.EXAMPLES_MAX
    profiles = world.profiles()
    for example in report.examples:
        for person in example.before:
            there = profiles[person.profile_id or ""]["identifiers"]
            assert {f"{one['namespace']}:{one['token']}" for one in there} == set(person.identifiers)
    text = "\n".join(lines(report, Path("c.yaml")))
    assert "Looked at 60 components: 90 people now, 60 under c.yaml." in text
    assert "Would merge, several people into one: 30 (60 of the people now)" in text
    assert "... the largest are shown" in text
    assert "1380013" not in text
    first = report.examples[0].before[0]
    names = [key.partition(":")[0] for key in first.identifiers]
    named = ", ".join(f"{name} {display}" for name, display in zip(names, first.displays, strict=True))
    assert f"    {first.profile_id}  {named}\n" in text
    displays = {one["display"] for one in profiles[first.profile_id or ""]["identifiers"]}
    assert displays == set(first.displays)
    assert "phone 138****80" in text


async def test_what_is_broken_is_left_out(world: SmallWorker) -> None:
    """A component that has lost a facet is counted apart, and everything else is compared."""
    record = next(
        one for one in world.store.content.components.values() if any(field.startswith("e:") for field in one)
    )
    del record[next(field for field in record if field.startswith("f:"))]
    report = await shadowed(world, with_("card", unique=False))
    assert (report.components, report.left_out) == (59, 1)
    assert any("idweave audit" in line for line in lines(report, Path("c.yaml")))


async def test_a_sample_is_compared(world: SmallWorker) -> None:
    """Only so many are looked at."""
    report = await shadowed(world, with_("phone", limit=Limit(1)), sample=7)
    assert report.components <= 7
    assert "Nobody would merge, split or move." in "\n".join(lines(report, Path("c.yaml")))
