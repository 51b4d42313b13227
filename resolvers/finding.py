"""Find: the component that each identifier is in now, wherever its first one has moved.

Rule: what is remembered may be stale and is harmless: a moved component only ever points to where it moved, and the
write to a stale one is refused.
Must not know: events, what is written to a component.
"""

from collections.abc import Sequence

from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.steps import Protocol, ReadComponent, ReadHome, ShortenHome, Together, together
from resolvers.uniting import finish


def find_all(keys: Sequence[str], cache: Cache) -> Protocol[dict[str, Component | None]]:
    """The component that each identifier is in; None for one that was never seen."""
    homes = {key: cache.homes.get(key) for key in keys}
    unknown = [key for key, home in homes.items() if home is None]
    if unknown:
        read = yield Together([ReadHome(key) for key in unknown])
        for key, home in zip(unknown, read, strict=True):
            homes[key] = home
            if home is not None:
                cache.homes.put(key, home)
    at_rest: dict[str, Component] = {}
    away: list[str] = []
    for name in dict.fromkeys(home for home in homes.values() if home is not None):
        component = cache.components.get(name)
        if component is not None and component.moved_to is None:
            at_rest[name] = component
        else:
            away.append(name)
    if away:
        roots = yield from together([root_of(name, cache) for name in away])
        at_rest.update(zip(away, roots, strict=True))
        moved = [(key, home) for key, home in homes.items() if home is not None and at_rest[home].name != home]
        for key, home in moved:
            cache.homes.put(key, at_rest[home].name)
        if moved:
            yield Together([ShortenHome(key, home, at_rest[home].name) for key, home in moved])
    return {key: None if home is None else at_rest[home] for key, home in homes.items()}


def root_of(name: str, cache: Cache) -> Protocol[Component]:
    """The component that has all that is or was in the named one, with moves on the way finished."""
    while True:
        component = cache.components.get(name)
        if component is None or component.moved_to is not None:
            component = yield ReadComponent(name)
            assert component is not None
            cache.keep(component)
        if component.moved_to is None:
            return component
        if component.pending:
            yield from finish(name, cache)
        else:
            name = component.moved_to
