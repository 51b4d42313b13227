"""What a worker remembers of the store: homes, components and publications, bounded in number.

Stale entries are harmless: a moved component only ever points to where it moved, and a write based on a stale entry is
refused by the store. Nothing of it is needed: an empty cache is always right. What is needed, and outlives the cache,
is which publications this process may have sent amid being overtaken.
"""

from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, TypeVar

from resolvers.component import Component
from resolvers.publication import Publication
from resolvers.steps import Notice

COMPONENTS: Final = 100_000
"""As many components are kept at least, and up to twice as many."""

HOMES_EACH: Final = 4

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Generations(Generic[K, V]):
    """A map that keeps between `size` and twice `size` entries, the recently used ones.

    Two dicts: entries are put in the young one, found in either (and made young again); when the young one is full it
    becomes the old one. A dict look-up and no list to keep in order: several times cheaper than an ordered LRU.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        value = self._young.get(key)
        if value is None and (value := self._old.pop(key, None)) is not None:
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep an entry."""
        if len(self._young) >= self._size and key not in self._young:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def forget(self, key: K) -> None:
        """Drop an entry if it is there."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def keep_fewer(self, size: int) -> None:
        """Have another size from now on, and drop what was not used lately."""
        self._size = size
        self._old = {}


class Unconfirmed(NamedTuple):
    """A publication whose records may have been sent, and that nobody has confirmed to be complete.

    `revision`: the one that was written down when it was begun; the store's is greater once others have gone on.
    `notice`: what led to it.
    """

    revision: int
    notice: Notice


class Cache:
    """Homes (identifier -> component name), components and publications by component name.

    A component takes 5 to 7 KB with the other two, as the benchmark's are: up to 1.4 GB in all.
    `unconfirmed`: by component name; of the process, from session to session.
    """

    def __init__(self, components: int = COMPONENTS, unconfirmed: dict[str, Unconfirmed] | None = None) -> None:
        self.unconfirmed = {} if unconfirmed is None else unconfirmed
        self.homes: Generations[str, str] = Generations(components * HOMES_EACH)
        self.components: Generations[str, Component] = Generations(components)
        self.publications: Generations[str, Publication] = Generations(components)

    def keep(self, component: Component) -> None:
        """Keep a component, unless a newer one is kept: what was read may be late."""
        there = self.components.get(component.name)
        if there is None or there.version <= component.version:
            self.components.put(component.name, component)

    def keep_fewer(self, components: int) -> None:
        """Remember so many components from now on."""
        self.homes.keep_fewer(components * HOMES_EACH)
        self.components.keep_fewer(components)
        self.publications.keep_fewer(components)
