"""Applying: what a group's events say, written into a draft of its component.

Rules: facts once, under the fence; sights, neighbours and evidence on every delivery, because they are joins. An
event that bears the name of another one says nothing.
Must not know: the store, other groups.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from resolvers.admission import Seen
from resolvers.arrivals import NO_EVIDENCE, Arrival, apply_cuts, apply_facts, brings_values
from resolvers.component import Component, Draft
from resolvers.dedupe import remembered, verdict
from resolvers.evidence import Pair
from resolvers.facets import Facet
from resolvers.grouping import Group, is_small
from resolvers.namespaces import IdentityRules
from resolvers.partition import Neighbours

Said = Literal["new", "same", "done", "reused", "elsewhere"]
"""What an event is to a group: new; a copy of a known one; this very record again; another body under a used name; or
one whose facts another group has."""


class Observation(NamedTuple):
    """Something to report on `conflicts`: identifiers by key, the rule, and the event that showed it."""

    keys: tuple[str, ...]
    rule: str
    arrival: Arrival


class Work:
    """A group's events applied to a draft of its component."""

    __slots__ = ("_group", "_near", "_root", "_rules", "_small", "draft", "referrals")

    def __init__(self, root: Component, group: Group, rules: IdentityRules) -> None:
        self.draft = Draft(root)
        self.referrals: list[Arrival] = []
        self._root = root
        self._group = group
        self._rules = rules
        self._near = Neighbours(root.neighbours_of, rules)
        self._small = group.small and is_small({root.name: root}, len(group.keys), rules)

    def apply(self, arrival: Arrival) -> Sequence[Observation]:
        """Apply what an event says to those of its identifiers that are here."""
        if self._group.reused and arrival.mark in self._group.reused:
            return ()
        draft, time_us, cuts = self.draft, arrival.mark.time_us, arrival.touchpoint.type in NO_EVIDENCE
        here: Sequence[Seen] = arrival.seen
        if cuts or not self._small:  # otherwise all hang together
            here = [one for one in here if one.key in self._group.keys]
        said: Said = self._apply_facts(arrival) if here[0].key == arrival.strongest else "elsewhere"
        if said == "reused":
            return [Observation((arrival.strongest,), "id_reused", arrival)]
        if self._small and not cuts:
            for one in here:
                draft.facet(one.key, one.display, time_us)
            for pair in arrival.pairs:
                draft.observe(pair, arrival.mark, counted=said == "new", asserted=pair is arrival.asserted)
            return ()
        facets = {one.key: draft.facet(one.key, one.display, time_us) for one in here}
        if cuts:
            for key, facet in facets.items():
                apply_cuts(facet, key, arrival)
        return self._observed(arrival, said, facets)

    def know_all(self) -> None:
        """Let each identifier of the group have a facet, as each has a home by now.

        Without one is whoever was named only by an event of which it turns out late that it bears another one's name.
        """
        for arrival in self._group.arrivals:
            for one in arrival.seen:
                if one.key in self._group.keys and self.draft.peek(one.key) is None:
                    self.draft.heard_of(one.key, one.display)

    def _observed(self, arrival: Arrival, said: Said, facets: dict[str, Facet]) -> list[Observation]:
        """The evidence of an event where caps may matter."""
        observations: list[Observation] = []
        for pair in arrival.pairs:
            if pair.strong not in facets and pair.weak not in facets:
                continue
            rule = self._refused(pair, facets)
            if rule is None:
                asserted = pair is arrival.asserted
                self.draft.observe(pair, arrival.mark, counted=said == "new", asserted=asserted)
                continue
            news = self._remembered(pair, facets)
            # Said once a pair: by the group that has the event's facts, by the other where that one is the hub; and
            # again on redelivery, because a crash may have come before it was sent.
            if said == "done" or (news and (said != "elsewhere" or rule == "hub")):
                observations.append(Observation(pair, rule, arrival))
        return observations

    def _apply_facts(self, arrival: Arrival) -> Said:
        """Facts, exactly once: new, same (a known copy), reused, or done (this very record was applied before)."""
        mark, strongest = arrival.mark, arrival.strongest
        there = self.draft.peek(strongest)
        said: Said = "new" if there is None else verdict(there.recent, arrival.signature, self._rules.dedupe)
        done = there is not None and mark.offset <= there.fence.get(mark.partition, -1)
        if said == "reused":
            return said
        if arrival.inviter is not None and not arrival.uncounted:
            self.referrals.append(arrival)
        facet = self.draft.facet(strongest, arrival.seen[0].display, mark.time_us)
        if done:
            return "done"
        self.draft.own(strongest, facet, values=brings_values(arrival.touchpoint))
        facet.fence[mark.partition] = mark.offset
        if said == "new":
            apply_facts(facet, arrival)
            facet.recent = remembered(facet.recent, arrival.signature, self._rules.dedupe)
        return said

    def _refused(self, pair: Pair, facets: dict[str, Facet]) -> str | None:
        """Count a pair's ends as neighbours -> why the pair is no edge, or None if it is one.

        An end that goes over its cap becomes a hub for ever.
        """
        ends = [(facets[key], key, other) for key, other in (pair, (pair.weak, pair.strong)) if key in facets]
        for facet, key, other in ends:
            if self._near.add(key, other):
                facet.hub = True
        if pair in self._group.capped:
            return "component"
        return "hub" if len(ends) < len(pair) or any(facet.hub for facet, _, _ in ends) else None

    def _remembered(self, pair: Pair, facets: dict[str, Facet]) -> bool:
        """Let each end remember the other as a stranger, so that its neighbours are counted the same in any order.

        Returns:
            Whether this is news.
        """
        news = False
        for key, other in (pair, (pair.weak, pair.strong)):
            facet = facets.get(key)
            if facet is not None and not facet.hub and other not in facet.strangers:
                facet.strangers = tuple(sorted((*facet.strangers, other)))
                news = True
        return news
