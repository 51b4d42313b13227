"""Resolve: put a batch of accepted events into the identity graph.

The protocol (design, section 3): events of a batch whose identifiers hang together are one group; a group's
components are united first, then its facts, sights and evidence are committed to the one that is left, by
compare-and-set, and tried again when somebody else was faster. Groups don't depend on each other and run together.
Rules: an identifier's facet is only written to the component that its home leads to. Everything but the fenced facts is
idempotent and repeated on every delivery. A hub causes no unions.
Must not know: Redis, Kafka, what is done with the outcome.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from resolvers.applying import Observation, Work
from resolvers.arrivals import Arrival
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.finding import find_all
from resolvers.gathering import gather
from resolvers.grouping import Group, grouped, with_facts, without_facts
from resolvers.namespaces import IdentityRules
from resolvers.publication import NOTHING
from resolvers.referring import refer
from resolvers.steps import ClaimHome, Commit, Protocol, Together, together


class Changed(Struct, frozen=True, gc=False):
    """A component as it is now, and the last event that changed it."""

    component: Component
    cause: Arrival


class Resolved(NamedTuple):
    """What a batch did. `unions`: components that moved into another."""

    changed: list[Changed]
    observations: list[Observation]
    unions: int


class _Settled(Struct, frozen=True, gc=False):
    """`referrals`: those of its events that count and name an inviter."""

    changed: Changed
    observations: list[Observation]
    unions: int
    referrals: list[Arrival]


def resolve(
    arrivals: Sequence[Arrival], cache: Cache, rules: IdentityRules, orphans: Sequence[Arrival] = ()
) -> Protocol[Resolved]:
    """Apply a batch: arrivals of any partitions, those of one partition in offset order.

    Of `orphans` nothing is left but that somebody was invited.
    """
    keys = list(dict.fromkeys([key for arrival in arrivals for key in arrival.keys]))
    roots = yield from find_all(keys, cache)
    groups = yield from _housed(grouped(arrivals, roots, rules), roots, cache)
    settled = yield from together([_settle(group, cache, rules) for group in with_facts(groups)])
    found = [one for some in settled for one in some.observations]
    reused = frozenset([one.arrival.mark for one in found if one.rule == "id_reused"])
    # What an event says to identifiers elsewhere waits until it is known that the event counts.
    settled += yield from together([_settle(group, cache, rules) for group in without_facts(groups, reused)])
    changed = [one.changed for one in settled]
    if referrals := [*(arrival for one in settled for arrival in one.referrals), *orphans]:
        changed += [Changed(*one) for one in (yield from refer(referrals, cache))]
    return Resolved(
        changed,
        [observation for one in settled for observation in one.observations],
        sum(one.unions for one in settled),
    )


def _housed(groups: Sequence[Group], roots: Mapping[str, Component | None], cache: Cache) -> Protocol[list[Group]]:
    """Put identifiers that are new in a component each group, all of them at once -> the groups with their roots."""
    claims: list[ClaimHome] = []
    names: list[str] = []
    for group in groups:
        there = sorted({root.name for key in group.keys if (root := roots[key]) is not None})
        new = [key for key in group.keys if roots[key] is None]
        names.append("" if len(there) > 1 else there[0] if there else new[0])
        claims += [ClaimHome(key, there[0] if there else new[0]) for key in new]
    homes: dict[str, str] = {}
    if claims:
        replies = yield Together(claims)
        homes = {claim.key: home for claim, home in zip(claims, replies, strict=True)}
        for key, home in homes.items():
            cache.homes.put(key, home)
    housed: list[Group] = []
    for group, name in zip(groups, names, strict=True):
        root = None
        if name and all(homes.get(key, name) == name for key in group.keys):
            # A component that nobody has heard of is guessed to be empty; the commit finds out if it is not.
            root = cache.components.get(name) or Component(name)
        housed.append(Group(group.keys, group.arrivals, group.capped, root, group.small))
    return housed


def _settle(group: Group, cache: Cache, rules: IdentityRules) -> Protocol[_Settled]:
    """Bring a group's identifiers into one component and commit its events there."""
    unions = 0
    root = group.root
    while True:
        if root is None:
            gathered = yield from gather(list(group.keys), cache)
            root = gathered.component
            unions += gathered.unions
        work = Work(root, group, rules)
        observations = [seen for arrival in group.arrivals for seen in work.apply(arrival)]
        if observations or group.reused:
            work.know_all()
        version = yield Commit(root.name, root.version, work.draft.changes())
        if version is not None:
            component = work.draft.taken(version)
            cache.keep(component)
            if root.version == 0:  # it was not there, so nothing was published of it
                cache.publications.put(component.name, NOTHING)
            return _Settled(Changed(component, group.arrivals[-1]), observations, unions, work.referrals)
        cache.components.forget(root.name)
        root = None
