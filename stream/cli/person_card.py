"""A person for people: a profile without what is empty, and why its identifiers are one.

Rules: nothing is shown that the profile does not show; a link is told by the event that first said so.
Must not know: where profiles and components are kept.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
from rich.cells import cell_len, set_cell_size

from resolvers.component import Component
from resolvers.evidence import Edge
from resolvers.namespaces import IdentityRules
from resolvers.partition import partition, strength
from topics.instants import to_text

LIST_MAX: Final = 4
FRAME: Final = frozenset({"id", "at", "cause", "version", "profile_id"})


class Link(NamedTuple):
    """Two identifiers of a person (keys `namespace:token`), and the event that first showed them together."""

    known: str
    joined: str
    event_id: str
    source: str
    at: str
    events: int


def trimmed(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON without nulls, zeros and what is empty; of a long list the first few."""
    if isinstance(value, dict):
        return {name: short for name, one in value.items() if (short := trimmed(one)) not in (None, "", 0, [], {})}
    if isinstance(value, list):
        short = [trimmed(one) for one in value[:LIST_MAX]]
        return [*short, f"... {len(value) - LIST_MAX} more"] if len(value) > LIST_MAX else short
    return value


def card(profile: Mapping[str, Any]) -> list[str]:
    """A profile in lines: its identifiers, then the rest as JSON, trimmed, a line for each member."""
    people = profile["identifiers"]
    names = max(len(one["namespace"]) for one in people)
    width = max(cell_len(one["display"]) for one in people)
    contents = {name: one for name, one in profile.items() if name not in FRAME and name != "identifiers"}
    members = [f'"{name}": {orjson.dumps(one).decode()}' for name, one in trimmed(contents).items()]
    return [
        f"profile {profile['profile_id']}, version {profile['version']}; times are UTC",
        *(
            f"  {one['namespace']:<{names}}  {set_cell_size(one['display'], width)}"
            f"  {_day(one['first_seen'])} - {_day(one['last_seen'])}"
            for one in people
        ),
        *(f"  {member}" for member in members),
    ]


def _day(instant: str) -> str:
    """An instant to the minute, UTC."""
    return instant[:16].replace("T", " ")


def links(component: Component, members: Iterable[str], rules: IdentityRules) -> Iterator[Link]:
    """How the members of one profile hang together, from the strongest on: a tree of the evidence that counts."""
    wanted = set(members)
    division = partition(component.facets, component.edges, rules, constraints=component.constraints)
    refused = {one.pair for one in division.refused}
    counted = {pair: edge for pair, edge in component.edges.items() if pair not in refused}
    for pair, mark in division.ruled:
        counted.setdefault(pair, Edge(mark, mark, asserted=True))
    near: dict[str, list[str]] = {}
    edges = {}
    for pair, edge in counted.items():
        if pair.strong in wanted and pair.weak in wanted:
            near.setdefault(pair.strong, []).append(pair.weak)
            near.setdefault(pair.weak, []).append(pair.strong)
            edges[frozenset(pair)] = edge
    start = min(wanted, key=lambda key: strength(key, rules))
    reached = {start}
    waiting = deque([start])
    while waiting:
        known = waiting.popleft()
        for joined in sorted(near.get(known, ()), key=lambda key: strength(key, rules)):
            if joined not in reached:
                reached.add(joined)
                waiting.append(joined)
                edge = edges[frozenset((known, joined))]
                mark = edge.first
                yield Link(known, joined, mark.id, mark.source, to_text(mark.time_us), edge.count)


def told(link: Link, displays: Mapping[str, str]) -> str:
    """A link as a sentence; `displays` has what may be shown of each key."""
    ends = [f"{key.partition(':')[0]} {displays[key]}" for key in (link.known, link.joined)]
    times = "" if link.events <= 1 else f", {link.events} events in all"
    return f"{ends[0]} — {ends[1]}: together in {link.event_id} ({link.source}) at {_day(link.at)}{times}"
