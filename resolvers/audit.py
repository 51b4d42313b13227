"""Audit: does what is in the store hang together, and is what was published what the evidence says?

Rules: networkx is the judge of what is connected, so that the engine is not asked about itself; a finding names the
invariant that does not hold (design, section 2) and the identifiers, by token. Everything here may be read while the
store moves, so a finding is a suspicion until it has been seen again.
Must not know: how the store is read, how often.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import networkx as nx

from resolvers.component import Component
from resolvers.constraints import in_force
from resolvers.namespaces import IdentityRules
from resolvers.partition import partition
from resolvers.people import VALUES_OF
from resolvers.publication import Publication

KEYS_MAX = 8
"""Identifiers that a finding names at most."""


class Finding(NamedTuple):
    """What is wrong: the rule that does not hold, where, with whom, and in words."""

    rule: str
    component: str
    keys: tuple[str, ...]
    message: str


class Audited(NamedTuple):
    """One component at rest and what else must agree with it.

    `homes`: for each identifier that has a facet here, the component at rest that its home leads to; None: no home.
    `named`: for each published profile id the identifier that it leads to; None: it leads nowhere.
    """

    component: Component
    homes: Mapping[str, str | None]
    publication: Publication
    named: Mapping[str, str | None]


def audit(one: Audited, rules: IdentityRules, blocked: frozenset[str] = frozenset()) -> list[Finding]:
    """What is wrong in and around one component."""
    groups, findings = _people(one.component, rules, blocked)
    return [*_facets(one), *_edges(one.component), *_ruled(one.component, groups), *findings, *_published(one, groups)]


def homeless(key: str, component: Component) -> Finding | None:
    """I1: the component that an identifier's home leads to is at rest and holds its facet."""
    if component.moved_to is not None:
        return _finding("pending", component.name, [key], "the component is moving, and nobody finishes the move")
    if key not in component.facets:
        return _finding("homeless", component.name, [key], "the component that its home leads to does not know it")
    return None


def spanning(components: Iterable[Component]) -> list[Finding]:
    """Evidence that hangs together is in one component: recomputed over all of these components' evidence."""
    graph: nx.Graph[str] = nx.Graph()
    holders: dict[str, set[str]] = {}
    for component in components:
        graph.add_edges_from(component.edges)
        for one in component.constraints.values():
            nx.add_path(graph, one.named)
        for key in component.facets:
            holders.setdefault(key, set()).add(component.name)
    findings: list[Finding] = []
    for connected in nx.connected_components(graph):
        names = sorted({name for key in connected for name in holders.get(key, ())})
        if len(names) > 1:
            message = f"evidence that hangs together is in {len(names)} components, among them {names[1]}"
            findings.append(_finding("spans", names[0], connected, message))
    return findings


def _facets(one: Audited) -> list[Finding]:
    """I1: a facet is in the component that its identifier's home leads to, and so in one only."""
    name = one.component.name
    lost = [key for key in one.component.facets if one.homes.get(key) is None]
    elsewhere = [key for key in one.component.facets if one.homes.get(key) not in {None, name}]
    findings: list[Finding] = []
    if lost:
        findings.append(_finding("homeless", name, lost, "a facet is here whose identifier has no home"))
    if elsewhere:
        message = "a facet is here whose identifier is at home in another component"
        findings.append(_finding("two_components", name, elsewhere, message))
    return findings


def _edges(component: Component) -> list[Finding]:
    """Evidence has both of its ends in its component."""
    outside = [key for pair in component.edges for key in pair if key not in component.facets]
    if not outside:
        return []
    return [_finding("edge_outside", component.name, outside, "evidence with an identifier that is not here")]


def _ruled(component: Component, groups: set[frozenset[str]]) -> list[Finding]:
    """I3: what operators split is apart, unless a merge lifted that."""
    lifted = {name for one in component.constraints.values() if not one.undone for name in one.lifts}
    together = [
        key
        for name, one in component.constraints.items()
        if not one.undone and name not in lifted
        for group in groups
        if not group.isdisjoint(one.keys) and not group.isdisjoint(one.apart)
        for key in group.intersection(one.named)
    ]
    if not together:
        return []
    return [_finding("split", component.name, together, "what an operator split apart is one person")]


def _people(
    component: Component, rules: IdentityRules, blocked: frozenset[str]
) -> tuple[set[frozenset[str]], list[Finding]]:
    """The people by networkx over the evidence that counts, and whether the engine's division is the same."""
    seen = {key: facet for key, facet in component.facets.items() if facet.seen}
    known = {pair: edge for pair, edge in component.edges.items() if seen.keys() >= set(pair)}
    division = partition(seen, known, rules, blocked, component.constraints)
    counted: nx.Graph[str] = nx.Graph()
    counted.add_nodes_from(seen)
    ruled = in_force(component.constraints)
    refused = {ruled.one(one.pair) for one in division.refused}
    counted.add_edges_from(pair for pair in known if ruled.one(pair) not in refused)
    counted.add_edges_from((key, one) for key, one in ruled.same.items() if key in seen and one in seen)
    counted.add_edges_from(one.pair for one in division.ruled)
    groups = {frozenset(group) for group in nx.connected_components(counted)}
    divided = {frozenset(group) for group in division.groups}
    wrong = sorted(key for group in groups ^ divided for key in group)
    if not wrong:
        return groups, []
    return groups, [_finding("people", component.name, wrong, "the evidence that counts joins other people")]


def _published(one: Audited, groups: set[frozenset[str]]) -> list[Finding]:
    """What was published is what the evidence says, and every published id leads here."""
    name, profiles = one.component.name, one.publication.state.profiles
    findings: list[Finding] = []
    members = [frozenset(published.members) for published in profiles.values() if published.members]
    ruled = in_force(one.component.constraints)
    held = {frozenset(ruled.held(group)) for group in groups} - {frozenset()}
    missing = held - set(members)
    ghosts = set(members) - held
    if missing:
        keys = [key for group in missing for key in group]
        findings.append(_finding("unpublished", name, keys, f"{len(missing)} people of the evidence are not published"))
    if ghosts or len(members) > len(set(members)):
        keys = [key for group in ghosts for key in group]
        message = f"{len(ghosts) or 1} published people are not what the evidence says"
        findings.append(_finding("stale", name, keys, message))
    if _is_unfinished(one.publication):
        findings.append(_finding("unfinished", name, (), "a publication was begun and is not finished"))
    for profile_id in profiles:
        key = one.named.get(profile_id)
        if key is None or key.removeprefix(VALUES_OF) not in one.component.facets:
            findings.append(_finding("unnamed", name, (), f"the profile id {profile_id} does not lead to its person"))
    return findings


def _is_unfinished(publication: Publication) -> bool:
    """Whether something was to be sent of a component newer than the one last published.

    An owner that came back late may leave one begun that nothing is to be sent for, or that repeats what was published:
    the next change takes it over, and until then nothing is missing.
    """
    begun = publication.begun
    if begun is None or begun.state.component_version <= publication.state.component_version:
        return False
    return bool(begun.sending.profiles or begun.sending.records)


def _finding(rule: str, component: str, keys: Iterable[str], message: str) -> Finding:
    return Finding(rule, component, tuple(sorted(set(keys))[:KEYS_MAX]), message)
