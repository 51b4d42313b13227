"""Gather: bring identifiers into one component, wherever each of them is, and whoever else is at it.

Rule: identifiers that are in none are put in the one with the smallest name among those of the others.
Must not know: why they belong together.
"""

from collections.abc import Sequence
from typing import NamedTuple

from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.finding import find_all
from resolvers.steps import ClaimHome, Protocol, Together
from resolvers.uniting import unite


class Gathered(NamedTuple):
    """The component at rest that all of the identifiers are in, and how many moved into it."""

    component: Component
    unions: int


def gather(keys: Sequence[str], cache: Cache) -> Protocol[Gathered]:
    """Bring identifiers into one component."""
    unions = 0
    while True:
        roots = yield from find_all(keys, cache)
        new = [key for key, there in roots.items() if there is None]
        names = sorted({there.name for there in roots.values() if there is not None})
        if new:
            yield from _claim(new, names[0] if names else new[0], cache)
            continue
        if len(names) > 1:
            for name in names[1:]:
                unions += yield from unite(name, names[0], cache)
            continue
        root = roots[keys[0]]
        assert root is not None
        return Gathered(root, unions)


def _claim(keys: Sequence[str], name: str, cache: Cache) -> Protocol[None]:
    """Put identifiers that are in no component into the named one; whoever was faster decides."""
    homes = yield Together([ClaimHome(key, name) for key in keys])
    for key, home in zip(keys, homes, strict=True):
        cache.homes.put(key, home)
