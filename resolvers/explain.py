"""Why: the evidence between two identifiers, and the refused evidence around a person.

Rules: a path is the shortest over evidence that counts; where there is none, the one with the least refused evidence,
which is what stands between the two. Ties go to stronger identifiers, so that the same evidence is always told in the
same way, and from either end. Of a hub's links only the fact is kept, by the other end: they are told without events.
Must not know: who asks, how an answer is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import networkx as nx

from resolvers.component import Component
from resolvers.constraints import in_force
from resolvers.difference import REASONS
from resolvers.evidence import Edge, Mark, Pair
from resolvers.facets import Facet
from resolvers.life_keys import shown
from resolvers.namespaces import IdentityRules
from resolvers.partition import partition, strength
from topics.answers import EvidenceLink, Explanation, GraphNode
from topics.instants import to_text
from topics.updates import EvidenceRef, ShownIdentifier

AROUND_MAX: Final = 50
"""Refused evidence around two persons that is told; more is counted."""


class Judged(NamedTuple):
    """Evidence and what became of it. `edge` None: with a hub. `rule` None: it counts."""

    edge: Edge | None
    rule: str | None


class Scene(NamedTuple):
    """Components as the rules divide them: facets and judged evidence, strongest first, and everybody's person.

    `past`: lives that are over; nobody holds them.
    """

    facets: Mapping[str, Facet]
    evidence: Mapping[Pair, Judged]
    person_of: Mapping[str, int]
    past: frozenset[str] = frozenset()


def scene(components: Iterable[Component], rules: IdentityRules, blocked: frozenset[str] = frozenset()) -> Scene:
    """What there is to tell of some components at rest, no two of which share an identifier."""
    facets: dict[str, Facet] = {}
    evidence: dict[Pair, Judged] = {}
    person_of: dict[str, int] = {}
    past: frozenset[str] = frozenset()
    for component in components:
        facets.update(component.facets)
        past |= in_force(component.constraints).past
        division = partition(component.facets, component.edges, rules, blocked, component.constraints)
        rule_of = {one.pair: one.rule for one in division.refused}
        evidence.update({pair: Judged(edge, rule_of.get(pair)) for pair, edge in component.edges.items()})
        for pair, mark in division.ruled:  # where the two were seen together too, that is told
            if pair not in evidence and Pair(pair.weak, pair.strong) not in evidence:
                evidence[pair] = Judged(Edge(mark, mark, asserted=True), None)
        for group in division.groups:
            person_of.update(dict.fromkeys(group, len(person_of)))

    def stronger(key: str) -> tuple[int, str]:
        return strength(key, rules)

    for key, facet in list(facets.items()):
        for other in facet.strangers:
            pair = Pair(*sorted((key, other), key=stronger))
            # It was refused as a hub's, or because the component was at its cap: then neither end is a hub.
            there = facets.get(other)
            at_cap = there is not None and not there.hub and not facet.hub
            evidence.setdefault(pair, Judged(None, "component" if at_cap else "hub"))
    ordered = sorted(evidence, key=lambda pair: (stronger(pair.strong), stronger(pair.weak)))
    return Scene(facets, {pair: evidence[pair] for pair in ordered}, person_of, past)


def explain(a: str, b: str, told: Scene, rules: IdentityRules) -> Explanation:
    """Why two identifiers of the scene, by the keys of their lives now, are one person, or why not."""
    same = told.person_of[a] == told.person_of[b]
    keys = _way(a, b, told, rules, counted_only=same)
    path = [_link(one, other, told) for one, other in pairwise(keys)]
    refused = [] if same else [link for link in path if not link["counts"]]
    persons = {told.person_of[a], told.person_of[b]}
    on_path = {frozenset(pair) for pair in pairwise(keys)}
    around = [pair for pair in _refused_around(told, persons) if frozenset(pair) not in on_path]
    return {
        "a": _shown(a, told),
        "b": _shown(b, told),
        "verdict": "one_person" if same else "refused" if path else "no_evidence",
        "path": path,
        "refused": refused,
        "around": [_link(*pair, told) for pair in around[:AROUND_MAX]],
        "around_more": max(len(around) - AROUND_MAX, 0),
    }


def graph_of(held: Sequence[str], told: Scene) -> tuple[list[GraphNode], list[EvidenceLink]]:
    """The identifiers of a profile, as outputs show them, their evidence, and what refused evidence leads to."""
    place = {key: at for at, key in enumerate(held)}
    members = [key for key in told.facets if shown(key) in place and key not in told.past]
    members.sort(key=lambda key: place[shown(key)])
    inside = set(members)
    pairs = [
        pair
        for pair, one in told.evidence.items()
        if inside.issuperset(pair) or (one.rule is not None and not inside.isdisjoint(pair))
    ]
    outside = dict.fromkeys(key for pair in pairs for key in pair if key not in inside)
    nodes: list[GraphNode] = [{**_shown(key, told), "member": key in inside} for key in (*members, *outside)]
    return nodes, [_link(*pair, told) for pair in pairs]


def _way(a: str, b: str, told: Scene, rules: IdentityRules, *, counted_only: bool) -> list[str]:
    """The keys on the way from one to the other, both included; none if there is no way."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from((a, b))
    refused_weight = len(told.facets) + 1  # more than any way over evidence that counts
    for pair, one in told.evidence.items():
        if one.rule is None or not counted_only:
            graph.add_edge(*pair, weight=1 if one.rule is None else refused_weight)
    start, end = sorted((a, b), key=lambda key: strength(key, rules))
    try:
        keys: list[str] = nx.dijkstra_path(graph, start, end)
    except nx.NetworkXNoPath:
        return []
    return keys if keys[0] == a else keys[::-1]


def _refused_around(told: Scene, persons: set[int]) -> list[Pair]:
    return [
        pair
        for pair, one in told.evidence.items()
        if one.rule is not None and any(told.person_of.get(key) in persons for key in pair)
    ]


def _link(one: str, other: str, told: Scene) -> EvidenceLink:
    pair = Pair(one, other)
    judged = told.evidence.get(pair) or told.evidence[Pair(other, one)]
    edge = judged.edge
    return {
        "ends": [_shown(one, told), _shown(other, told)],
        "counts": judged.rule is None,
        "asserted": edge is not None and edge.asserted,
        "rule": judged.rule,
        "reason": None if judged.rule is None else REASONS[judged.rule],
        "first": None if edge is None else _event(edge.first),
        "last": None if edge is None else _event(edge.last),
        "events": 0 if edge is None else edge.count,
    }


def _shown(key: str, told: Scene) -> ShownIdentifier:
    """An identifier as profiles show it; of a hub elsewhere only the token is known."""
    namespace, _, token = shown(key).partition(":")
    facet = told.facets.get(key)
    return {"namespace": namespace, "token": token, "display": token if facet is None else facet.display}


def _event(mark: Mark) -> EvidenceRef:
    return {"id": mark.id, "source": mark.source, "time": to_text(mark.time_us)}
