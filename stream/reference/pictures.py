"""The pictures of docs/concepts.md: small worlds that the engine resolves in memory, drawn as `explain` draws them.

Must not know: how evidence is judged, how a picture is laid out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from resolvers.admission import Admission, Unreadable, parse_identifier
from resolvers.cache import Cache
from resolvers.explain import explain, scene
from resolvers.finding import find_all
from resolvers.intake import Accepted, take_in
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from resolvers.resolving import resolve
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from stream.reading.evidence_picture import picture
from topics.codec import encode
from topics.envelope import Limits
from topics.records import Record

NOON: Final = datetime(2026, 6, 20, 12, tzinfo=UTC)


class World(NamedTuple):
    """What was seen together, an event each, by source; and which two identifiers are asked about."""

    seen: Sequence[tuple[str, dict[str, str]]]
    asked: tuple[str, str]


WORLDS: Final = {
    "one-person": World(
        [
            ("/wifi/mall-77", {"phone": "13800138000", "mac": "aa:bb:cc:00:11:22"}),
            ("/wechat/main", {"phone": "13800138000", "openid": "oX1"}),
            ("/pos/SH-001", {"phone": "13800138000", "card": "88001234"}),
        ],
        ("mac:aa:bb:cc:00:11:22", "card:88001234"),
    ),
    "shared-device": World(
        [
            ("/crm/members", {"card": "1001", "phone": "13800138000"}),
            ("/shop", {"phone": "13800138000", "cookie": "tablet"}),
            ("/shop", {"phone": "13900139000", "cookie": "tablet"}),
        ],
        ("card:1001", "phone:13900139000"),
    ),
    "two-cards": World(
        [
            ("/crm/members", {"card": "1001", "phone": "13800138000"}),
            ("/wechat/main", {"phone": "13800138000", "openid": "oX1"}),
            ("/crm/members", {"card": "2002", "phone": "13800138000"}),
        ],
        ("card:1001", "card:2002"),
    ),
}


def pictures() -> dict[str, str]:
    """Name -> SVG."""
    return {name: drawn(world) for name, world in WORLDS.items()}


def drawn(world: World) -> str:
    """What the engine says of the two that are asked about, as a picture."""
    admission = Admission(DEFAULT_RULES, Pseudonyms(b"known-to-everybody-for-pictures-only"))
    store, cache = MemoryStore(), Cache()
    arrivals = []
    for at, (source, identifiers) in enumerate(world.seen):
        time = NOON.replace(minute=at * 5)
        event = {
            "id": f"event-{at + 1}",
            "source": source,
            "type": "store.visited",
            "time": time.isoformat(),
            "data": {"identifiers": identifiers},
        }
        record = Record("touchpoints", 0, at, int(time.timestamp() * 1000), None, encode(event), ())
        taken = take_in(record, Limits(), admission)
        assert isinstance(taken, Accepted), taken
        arrivals.append(taken.arrival)
    carry_in_memory(resolve(arrivals, cache, DEFAULT_RULES), store.execute)
    asked = [parse_identifier(text, admission) for text in world.asked]
    keys = [one.key for one in asked if not isinstance(one, Unreadable)]
    roots = carry_in_memory(find_all(keys, Cache()), store.execute)
    components = {min(component.facets): component for component in roots.values() if component is not None}
    return picture(explain(keys[0], keys[1], scene(components.values(), DEFAULT_RULES), DEFAULT_RULES))
