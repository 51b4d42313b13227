"""Answers: what is told to who asks why, or what happened: evidence between identifiers, around a person, timelines.

Dicts, as in `topics.updates`, and additive like them. Nothing here shows more of an identifier than a profile does.
"""

from typing import Literal, TypedDict

from topics.updates import Cause, EvidenceRef, ShownIdentifier


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


# `from` is a keyword, so this key cannot be written as a class's attribute.
_FromProfiles = TypedDict("_FromProfiles", {"from": list[str]})


class TimelineIdentifier(ShownIdentifier):
    """An identifier in a timeline. `profile_id`: whose it was after the change; null where that is not said."""

    profile_id: str | None


class TimelineEntry(_FromProfiles):
    """Something that happened to a profile. What an entry has nothing to say of is null or empty.

    `id`: of the record on its topic; of a command, the command's. `at`: when it was decided; of a conflict, when its
    latest event was appended. `merged`, `split`, `moved`: `from` and `to` are profile ids. `conflict`: evidence that
    did not count, or a value that was dropped, by `rule`. `command`: what an operator asked for, and the answer to it.
    `cause`: the event or command that brought it about. `evidence`: events behind it.
    """

    id: str
    at: str
    type: Literal["merged", "split", "moved", "erased", "conflict", "command"]
    to: list[str]
    identifiers: list[TimelineIdentifier]
    rule: str | None
    reason: str | None
    command: str | None
    status: str | None
    cause: Cause | None
    evidence: list[EvidenceRef]


class Timeline(TypedDict):
    """What happened to a profile and to those that merged into it, newest last.

    `version`: of the profile as last published. `kept_days`: for how many days what it is made of is kept, by topic;
    older entries are gone. `whole`: everything that is kept was read; if not, `since` is the instant from which on it
    was, null if not even the newest was. `more`: older entries that are left out, because there are so many.
    """

    profile_id: str
    version: int
    kept_days: dict[str, int]
    whole: bool
    since: str | None
    entries: list[TimelineEntry]
    more: int
