"""Referring: the second effect of a registration on an invitation, on the inviter's facet.

The inviter may be in any component, or in none: it is then put in one of its own, in a facet without sights, which is
nobody until an event names the identifier as its own. No evidence and no union comes of it.
Rule: the effect is a join (a set of those invited), repeated on every delivery that counts; so it needs no fence, and a
worker that dies between the two effects leaves the second to the next delivery.
Must not know: Redis, Kafka, what was invited for.
"""

from collections.abc import Sequence

from resolvers.arrivals import Arrival, apply_referral
from resolvers.cache import Cache
from resolvers.component import Component, Draft
from resolvers.finding import find_all
from resolvers.steps import ClaimHome, Commit, Protocol, together


def refer(arrivals: Sequence[Arrival], cache: Cache) -> Protocol[list[tuple[Component, Arrival]]]:
    """Count each event's person for its inviter -> the inviters' components, each with the last event that said so."""
    invitations: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.inviter is not None:
            invitations.setdefault(arrival.inviter.key, []).append(arrival)
    return (yield from together([_refer(key, events, cache) for key, events in invitations.items()]))


def _refer(key: str, arrivals: list[Arrival], cache: Cache) -> Protocol[tuple[Component, Arrival]]:
    while True:
        root = (yield from find_all([key], cache))[key]
        if root is None:
            home: str = yield ClaimHome(key, key)
            cache.homes.put(key, home)
            continue
        draft = Draft(root)
        there = draft.peek(key)
        for arrival in arrivals:
            assert arrival.inviter is not None
            facet = draft.heard_of(key, arrival.inviter.display)
            draft.own(key, facet, values=False)
            apply_referral(facet, arrival)
        if there == draft.peek(key):  # said before; but who said it may have died before telling anybody
            return root, arrivals[-1]
        version: int | None = yield Commit(root.name, root.version, draft.changes())
        if version is not None:
            component = draft.taken(version)
            cache.keep(component)
            return component, arrivals[-1]
        cache.components.forget(root.name)
