"""Explanations: by hand for each verdict, and over random evidence with networkx as the oracle."""

import json
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.component import Component
from resolvers.evidence import Pair
from resolvers.explain import AROUND_MAX, Scene, explain, graph_of, scene
from resolvers.namespaces import DEFAULT_RULES, Caps, IdentityRules
from resolvers.partition import neighbours
from tests.resolvers.building import Bench, arrived, rules_with
from topics.answers import EvidenceLink, Explanation

PHONE = "13812345678"
NUMBERS = [f"1381234567{n}" for n in range(4)]
VALUES = [
    *(("card", name) for name in "AB"),
    *(("phone", number) for number in NUMBERS),
    *(("openid", name) for name in "op"),
    *(("mac", f"3c:22:fb:00:00:0{n}") for n in range(2)),
    *(("cookie", name) for name in "kl"),
]


def staged(*events: dict[str, str], rules: IdentityRules = DEFAULT_RULES) -> tuple[Scene, list[Component]]:
    """What is to be told after events a second apart."""
    bench = Bench(rules)
    bench.resolve(*(arrived(one, n, seconds=n, rules=rules) for n, one in enumerate(events)))
    components = bench.at_rest()
    return scene(components, rules), components


def key_of(told: Scene, namespace: str) -> str:
    """The only identifier of a namespace."""
    [key] = [key for key in told.facets if key.startswith(f"{namespace}:")]
    return key


def ways(told: Explanation) -> list[tuple[str, str]]:
    """The path as pairs of keys."""
    return [tuple(f"{end['namespace']}:{end['token']}" for end in link["ends"]) for link in told["path"]]  # type: ignore[misc]


def test_the_path_of_one_person() -> None:
    """From one end to the other over the events that say so, with first, last and how many."""
    told, _ = staged({"phone": PHONE, "cookie": "k"}, {"card": "A", "phone": PHONE}, {"card": "A", "phone": PHONE})
    phone = key_of(told, "phone")
    found = explain("cookie:k", "card:main:A", told, DEFAULT_RULES)
    assert found["verdict"] == "one_person"
    assert ways(found) == [("cookie:k", phone), (phone, "card:main:A")]
    link = found["path"][1]
    assert link["first"] is not None
    assert link["last"] is not None
    assert (link["first"]["id"], link["last"]["id"], link["events"]) == ("e0-1", "e0-2", 2)
    assert (link["counts"], link["rule"], link["reason"], link["asserted"]) == (True, None, None, False)
    assert found["refused"] == found["around"] == []


def test_why_not_names_the_refused_evidence() -> None:
    """A phone with two cards: the way to the older card is refused, by its rule and with its event."""
    told, _ = staged({"card": "A", "phone": PHONE}, {"card": "B", "phone": PHONE})
    found = explain("card:main:A", "card:main:B", told, DEFAULT_RULES)
    assert found["verdict"] == "refused"
    assert [link["counts"] for link in found["path"]] == [False, True]
    [refused] = found["refused"]
    assert refused["rule"] == "unique"
    assert refused["reason"] == "two values of a unique namespace would meet in one profile"
    assert refused["first"] is not None
    assert refused["first"]["id"] == "e0-0"


def test_no_evidence_connects_strangers() -> None:
    """Two components: there is nothing to tell but what else was refused around them."""
    told, components = staged({"card": "A", "cookie": "k"}, {"card": "B", "cookie": "l"})
    assert len(components) == 2
    found = explain("cookie:k", "card:main:B", told, DEFAULT_RULES)
    assert (found["verdict"], found["path"], found["refused"]) == ("no_evidence", [], [])


def test_an_identifier_and_itself() -> None:
    """One person, and no way to go."""
    told, _ = staged({"card": "A"})
    found = explain("card:main:A", "card:main:A", told, DEFAULT_RULES)
    assert (found["verdict"], found["path"]) == ("one_person", [])


def test_the_way_through_a_hub() -> None:
    """Two people whom a shared tablet would join, in two components: the tablet is named, as a hub, without events."""
    rules = rules_with(caps=Caps(weak=2))
    told, components = staged(*({"card": f"C{n}", "cookie": "tablet"} for n in range(6)), rules=rules)
    assert len(components) > 2
    far = [key for key in told.facets if "cookie:tablet" in told.facets[key].strangers]
    found = explain(far[0], far[1], told, rules)
    assert (found["verdict"], len(found["path"])) == ("refused", 2)
    assert {(link["rule"], link["first"], link["events"]) for link in found["refused"]} == {("hub", None, 0)}
    alone = [one for one in components if far[0] in one.facets or far[1] in one.facets]
    partly = explain(far[0], far[1], scene(alone, rules), rules)
    assert partly["verdict"] == "refused", "the tablet's own component need not be read"
    assert partly["path"][0]["ends"][1]["display"] == "tablet"


def test_evidence_at_the_cap_is_told_as_that() -> None:
    """Identifiers that a full component kept apart: refused by the cap, not as a hub's."""
    rules = rules_with(caps=Caps(component=2))
    told, _ = staged(
        {"card": "A", "cookie": "k"}, {"card": "B", "cookie": "l"}, {"card": "A", "cookie": "l"}, rules=rules
    )
    assert [link["rule"] for link in explain("card:main:A", "card:main:B", told, rules)["refused"]] == ["component"]


def test_what_is_shown_is_masked() -> None:
    """Neither a phone nor an address is in an explanation or a graph."""
    told, _ = staged({"card": "A", "phone": PHONE, "mac": "aa:bb:cc:00:11:22"})
    found = explain("card:main:A", key_of(told, "mac"), told, DEFAULT_RULES)
    text = json.dumps([found, graph_of(list(told.facets), told)])
    assert PHONE[3:] not in text
    assert "cc:00:11" not in text
    assert "138****5678" in json.dumps(graph_of(list(told.facets), told), ensure_ascii=False)


def test_what_is_around_is_bounded() -> None:
    """A phone that sixty cards show: the refused evidence is told up to a bound, and the rest counted."""
    told, _ = staged(*({"card": f"C{n}", "phone": PHONE} for n in range(60)))
    found = explain("card:main:C59", key_of(told, "phone"), told, DEFAULT_RULES)
    assert found["verdict"] == "one_person"
    assert len(found["around"]) == AROUND_MAX
    assert found["around_more"] == 59 - AROUND_MAX


def test_the_graph_of_a_profile() -> None:
    """Members and their evidence, and the neighbour that refused evidence leads to, marked as none of them."""
    told, _ = staged({"card": "A", "phone": PHONE}, {"card": "B", "phone": PHONE, "cookie": "k"})
    members = ["card:main:B", key_of(told, "phone"), "cookie:k"]
    nodes, edges = graph_of(members, told)
    assert [(node["token"], node["member"]) for node in nodes if node["namespace"] != "phone"] == [
        ("main:B", True),
        ("k", True),
        ("main:A", False),
    ]
    assert sorted(str(edge["rule"]) for edge in edges) == ["None", "None", "unique"]


@pytest.fixture(scope="module")
def crowd() -> list[dict[str, str]]:
    """All pairs of values, to draw events from."""
    return [dict([one, other]) for one in VALUES for other in VALUES if one[0] != other[0]]


@given(st.data())
def test_paths_are_right_over_any_evidence(crowd: list[dict[str, str]], data: st.DataObject) -> None:
    """One person: the shortest counted way. Else: a way through if there is any, with no more refused than needed."""
    events = data.draw(st.lists(st.sampled_from(crowd), min_size=1, max_size=14))
    told, _ = staged(*events)
    keys = sorted(told.facets)
    a, b = data.draw(st.tuples(st.sampled_from(keys), st.sampled_from(keys)))
    found = explain(a, b, told, DEFAULT_RULES)
    counted: nx.Graph[str] = nx.Graph()
    every: nx.Graph[str] = nx.Graph()
    for graph in (counted, every):
        graph.add_nodes_from(keys)
    for pair, one in told.evidence.items():
        every.add_edge(*pair, refused=int(one.rule is not None))
        if one.rule is None:
            counted.add_edge(*pair)
    assert (found["verdict"] == "one_person") == nx.has_path(counted, a, b)
    assert (found["verdict"] == "no_evidence") == (not nx.has_path(every, a, b))
    if found["verdict"] == "one_person":
        assert len(found["path"]) == nx.shortest_path_length(counted, a, b)
        assert all(link["counts"] for link in found["path"])
    elif found["path"]:
        assert len(found["refused"]) == nx.shortest_path_length(every, a, b, weight="refused") > 0
    walked = [a, *(f"{link['ends'][1]['namespace']}:{link['ends'][1]['token']}" for link in found["path"])]
    assert ways(found) == list(pairwise(walked))
    assert not found["path"] or walked[-1] == b
    back = explain(b, a, told, DEFAULT_RULES)
    assert [mirrored(link) for link in reversed(back["path"])] == found["path"]
    assert back["around"] == found["around"]


def mirrored(link: EvidenceLink) -> EvidenceLink:
    """The link in the other direction."""
    return {**link, "ends": link["ends"][::-1]}


def test_the_order_of_a_store_record_makes_no_difference() -> None:
    """Fields come in any order; what is told of them is the same, also where two ways are equally long."""
    _, [component] = staged(
        {"card": "A", "openid": "o"},
        {"card": "A", "openid": "p"},
        {"openid": "o", "cookie": "k"},
        {"openid": "p", "cookie": "k"},
    )
    turned = Component(
        component.name,
        component.version,
        dict(reversed(list(component.facets.items()))),
        dict(reversed(list(component.edges.items()))),
    )
    one, other = (scene([each], DEFAULT_RULES) for each in (component, turned))
    assert explain("card:main:A", "cookie:k", one, DEFAULT_RULES) == explain(
        "card:main:A", "cookie:k", other, DEFAULT_RULES
    )
    assert Pair("card:main:A", "openid:main:o") in one.evidence
    assert neighbours(one.evidence) == neighbours(other.evidence)
