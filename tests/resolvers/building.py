"""Short ways to build what the resolver's tests speak of: marks, edges, graphs, arrivals, a store to run against."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from resolvers.admission import Admission
from resolvers.arrivals import Arrival
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.evidence import Edge, Mark, Pair
from resolvers.intake import Accepted, take_in
from resolvers.namespaces import DEFAULT_RULES, Caps, IdentityRules, Limit
from resolvers.people import Person, people
from resolvers.pseudonyms import Pseudonyms
from resolvers.resolving import Resolved, resolve
from resolvers.steps import ReadComponent
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from topics.codec import encode
from topics.envelope import Limits
from topics.instants import to_text
from topics.records import Record

NOON_US = 1_790_000_000_000_000
NOON_MS = NOON_US // 1000


class Sight(NamedTuple):
    """An identifier as `partition` sees it."""

    last_us: int
    hub: bool = False
    strangers: tuple[str, ...] = ()
    unbound: tuple[tuple[str, int], ...] = ()
    logged_out_us: int = -1


_admissions: dict[int, Admission] = {}


def mark(time_us: int = 0, offset: int = 0, *, append_ms: int = NOON_MS, event: str | None = None) -> Mark:
    """An observation, by default by an event named after its offset."""
    return Mark(time_us, append_ms, "t", 0, offset, event or f"e{offset}", "/test")


def edge(first: int = 0, last: int | None = None, *, offset: int = 0, asserted: bool = False) -> Edge:
    """An edge first and last observed at these event times."""
    return Edge(mark(first, offset), mark(first if last is None else last, offset), 1, asserted)


def graph(*pairs: tuple[str, str], asserted: Sequence[tuple[str, str]] = ()) -> dict[Pair, Edge]:
    """Edges observed one after the other, a second apart."""
    return {
        Pair(*pair): edge(at * 1_000_000, offset=at, asserted=pair in asserted)
        for at, pair in enumerate([*pairs, *asserted])
    }


def sights_of(edges: Mapping[Pair, Edge], **others: Sight) -> dict[str, Sight]:
    """A sight of every identifier in the edges; keys of `others` have `__` for the colon."""
    seen = {key: Sight(0) for pair in edges for key in pair}
    return seen | {key.replace("__", ":"): sight for key, sight in others.items()}


def rules_with(*, caps: Caps | None = None, limits: Mapping[str, Limit] | None = None, **changes: Any) -> IdentityRules:  # noqa: ANN401
    """The default rules with other caps, limits or fields."""
    namespaces = dict(DEFAULT_RULES.namespaces)
    for name, limit in (limits or {}).items():
        namespaces[name] = replace(namespaces[name], limit=limit)
    return replace(DEFAULT_RULES, namespaces=namespaces, caps=caps or DEFAULT_RULES.caps, **changes)


def arrived(
    identifiers: Mapping[str, Any],
    offset: int = 0,
    *,
    kind: str = "store.visited",
    partition: int = 0,
    seconds: int = 0,
    event: str | None = None,
    rules: IdentityRules = DEFAULT_RULES,
    beside: Mapping[str, Any] | None = None,
    **data: Any,  # noqa: ANN401 - whatever an event says
) -> Arrival:
    """An accepted event as it arrives, `seconds` after noon by event time, appended `offset` ms after noon.

    `beside`: what it says under names that are arguments here.
    """
    admission = _admissions.setdefault(id(rules), Admission(rules, Pseudonyms(b"a key for tests")))
    body = {
        "id": event or f"e{partition}-{offset}",
        "source": "/test",
        "type": kind,
        "time": to_text(NOON_US + seconds * 1_000_000),
        "data": {"identifiers": identifiers, **data, **(beside or {})},
    }
    append_ms = max(NOON_MS + offset, NOON_MS + seconds * 1000)
    taken = take_in(Record("t", partition, offset, append_ms, None, encode(body), ()), Limits(), admission)
    assert isinstance(taken, Accepted), taken
    return taken.arrival


class Bench:
    """A store in memory and one worker's cache."""

    def __init__(self, rules: IdentityRules = DEFAULT_RULES, *, cache_size: int = 1000) -> None:
        self.store = MemoryStore()
        self.cache = Cache(cache_size)
        self.rules = rules

    def resolve(self, *arrivals: Arrival) -> Resolved:
        """Resolve a batch to its end."""
        return carry_in_memory(resolve(arrivals, self.cache, self.rules), self.store.execute)

    def component(self, name: str) -> Component:
        """A component as the store has it."""
        found: Component = self.store.execute(ReadComponent(name))
        return found

    def at_rest(self) -> list[Component]:
        """Components that hold something, by name."""
        every = [self.component(name) for name in sorted(self.store.content.components)]
        return [one for one in every if one.moved_to is None]

    def persons(self, now_us: int = NOON_US) -> list[Person]:
        """Everybody at an instant, by holder."""
        found = [person for one in self.at_rest() for person in people(one, self.rules, now_us).persons]
        return sorted(found, key=lambda person: person.holder)
