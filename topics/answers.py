"""Answers: what is told to who asks why: evidence between identifiers, and around a person.

Dicts, as in `topics.updates`, and additive like them. Nothing here shows more of an identifier than a profile does.
"""

from typing import Literal, TypedDict

from topics.updates import EvidenceRef, ShownIdentifier


class EvidenceLink(TypedDict):
    """Two identifiers observed together.

    `ends`: on a path in its direction, else the stronger one first. `counts`: whether it joins them; if not, `rule` and
    `reason` say why. `asserted`: said by a `card.replaced` or an operator, so that the two count as one value. `first`,
    `last`: the events by event time; null where one end is a hub, of whose links only the fact is kept. `events`: how
    many events said so.
    """

    ends: list[ShownIdentifier]
    counts: bool
    asserted: bool
    rule: str | None
    reason: str | None
    first: EvidenceRef | None
    last: EvidenceRef | None
    events: int


class Explanation(TypedDict):
    """Why two identifiers are one person, or why not.

    `one_person`: `path` is the shortest way over evidence that counts. `refused`: they are not, though evidence runs
    between them; `path` is the way with the least refused evidence, `refused` that evidence. `no_evidence`: none does.
    `around`: other refused evidence of the two persons, at most 50; `around_more`: how much is left out.
    """

    a: ShownIdentifier
    b: ShownIdentifier
    verdict: Literal["one_person", "refused", "no_evidence"]
    path: list[EvidenceLink]
    refused: list[EvidenceLink]
    around: list[EvidenceLink]
    around_more: int


class GraphNode(ShownIdentifier):
    """An identifier in the graph of a profile. `member`: it is one of the profile's, and no neighbour."""

    member: bool


class ProfileGraph(TypedDict):
    """The evidence between a profile's identifiers, and the refused evidence that leads out of it.

    The members are those last published; the evidence is that of this moment.
    """

    profile_id: str
    version: int
    nodes: list[GraphNode]
    edges: list[EvidenceLink]
