"""Answers: what is told to who asks why, what happened, how it goes, and what the rules are called.

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
    `cause`: the event or command that brought it about. `evidence`: events behind it. `undone`: of a command that took
    others back, their ids.
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
    undone: list[str]


class Timeline(TypedDict):
    """What happened to a profile and to those that merged into it, newest last.

    `version`: of the profile as last published. `kept_days`: for how many days what it is made of is kept, by topic;
    older entries are gone. `whole`: everything that is kept was read; if not, `since` is the instant from which on it
    was, null if not even the newest was. `more`: older entries that are left out; `next`: where a page with the newest
    of these begins, null if there is none.
    """

    profile_id: str
    version: int
    kept_days: dict[str, int]
    whole: bool
    since: str | None
    entries: list[TimelineEntry]
    more: int
    next: str | None


class RecentEntry(TimelineEntry):
    """The same of everybody's. `identifiers_more`: how many are left out of `identifiers`."""

    identifiers_more: int


class Recent(TypedDict):
    """What happened last to anybody, newest first.

    `next`: where the page with older entries begins; null: these are the oldest that are kept. A page may have fewer
    entries than were asked for though there are older ones.
    """

    entries: list[RecentEntry]
    next: str | None


class Beat(TypedDict):
    """How far the engine was at an instant.

    `published`: records on the touchpoints topic, since it was made. `behind`: how many of them are not resolved yet.
    `per_second`: how many were resolved a second since the beat before; null for the first.
    """

    at: str
    published: int
    behind: int
    per_second: float | None


class Live(TypedDict):
    """How it goes. `beats`: of the last minutes, newest last, over all workers. `not_ready`: why this worker is not."""

    every_seconds: float
    beats: list[Beat]
    not_ready: list[str]


class RuleLabels(TypedDict):
    """What people call something, by language."""

    en: str
    zh: str


class NamedRule(TypedDict):
    """A tag, stage, tier, segment or reminder."""

    name: str
    labels: RuleLabels


class NamespaceRule(TypedDict):
    """A kind of identifier, as far as people need to know it. `limit`: values in one profile; null: any number."""

    name: str
    person: bool
    unique: bool
    weak: bool
    scoped: bool
    hashed: bool
    limit: int | None


class Vocabulary(TypedDict):
    """What this engine's rules are called. `namespaces`: strongest first. `refusals`: rule -> why, in English."""

    policy: str
    namespaces: list[NamespaceRule]
    lifecycle: list[NamedRule]
    tiers: list[NamedRule]
    tags: list[NamedRule]
    segments: list[NamedRule]
    reminders: list[NamedRule]
    refusals: dict[str, str]


class Whoami(TypedDict):
    """Whose token was sent with a request; null: none was, and none is needed to read."""

    role: Literal["reader", "operator"] | None


class Alive(TypedDict):
    """The process turns its event loop."""

    status: Literal["alive"]


class Readiness(TypedDict):
    """Whether this worker reads and publishes; `reasons`: why not, as codes."""

    status: Literal["ready", "not_ready"]
    reasons: list[str]


class Accepted(TypedDict):
    """A command that lies on its topic, and that no worker has answered yet."""

    id: str
    status: Literal["accepted"]


class Problem(TypedDict):
    """An error, as RFC 9457 has it. `detail` is for people, and repeats nothing of the request."""

    type: str
    title: str
    status: int
    detail: str
