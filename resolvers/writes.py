"""Traits: which write of a trait is visible.

Rules (contract, section 1): the last write by event time wins, per leaf path; a write or null at a path hides older
writes above and below it, also when it is hidden itself; arrays are whole. `traits_once` is the mirror image: the
first write wins, and any visible trait beats it. Ties: event id, then source. A hidden write is kept: it may hide an
older one that comes late.
Must not know: identifiers, facets.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct


class Write(Struct, array_like=True, frozen=True, gc=False):
    """A value written at a path by an event; ordered by event time (us), event id, source."""

    time_us: int
    id: str
    source: str
    value: Any

    @property
    def stamp(self) -> tuple[int, str, str]:
        """What decides between two writes."""
        return (self.time_us, self.id, self.source)


def leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of each leaf: anything but a non-empty object; an empty object says nothing.

    A path is an RFC 6901 JSON pointer.
    """
    for name, value in tree.items():
        path = f"{above}/{name.replace('~', '~0').replace('/', '~1')}"
        if isinstance(value, dict):
            yield from leaves(value, path)
        else:
            yield path, value


def keep_last(writes: dict[str, Write], path: str, write: Write) -> None:
    """Keep the newer of the write there and this one."""
    there = writes.get(path)
    if there is None or there.stamp < write.stamp:
        writes[path] = write


def keep_first(writes: dict[str, Write], path: str, write: Write) -> None:
    """Keep the older of the write there and this one; null says nothing. A write's value can't change on its way."""
    there = writes.get(path)
    if write.value is not None and (there is None or write.stamp < there.stamp):
        writes[path] = write


def keep_newest(writes: dict[str, Write], most: int) -> None:
    """Keep the `most` newest of the paths' writes. All that these could hide is older, and left out too."""
    for path in _by_age(writes)[: max(len(writes) - most, 0)]:
        del writes[path]


def keep_oldest(writes: dict[str, Write], most: int) -> None:
    """Keep the `most` oldest, the mirror image."""
    for path in _by_age(writes)[most:]:
        del writes[path]


def _by_age(writes: Mapping[str, Write]) -> list[str]:
    return sorted(writes, key=lambda path: (writes[path].stamp, path))


def visible(last: Iterable[Mapping[str, Write]], first: Iterable[Mapping[str, Write]]) -> dict[str, Any]:
    """The tree that consumers see.

    Args:
        last: `traits` writes, a mapping per facet.
        first: `traits_once` writes, a mapping per facet.

    Returns:
        A nested dict without nulls.
    """
    traits: dict[str, Write] = {}
    for writes in last:
        for path, write in writes.items():
            keep_last(traits, path, write)
    once: dict[str, Write] = {}
    for writes in first:
        for path, write in writes.items():
            keep_first(once, path, write)
    if not once and not any(path.count("/") > 1 for path in traits):
        return {_name(path[1:]): write.value for path, write in sorted(traits.items()) if write.value is not None}
    shown = _unhidden(sorted(traits.items(), key=lambda item: item[1].stamp, reverse=True))
    beaten = _Paths(shown)
    for path, write in _unhidden(sorted(once.items(), key=lambda item: item[1].stamp)).items():
        if not beaten.touches(path):
            shown[path] = write
    return _tree({path: write.value for path, write in shown.items() if write.value is not None})


class _Paths:
    """Paths taken so far, and whether another is one of them, above one or below one."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._taken: set[str] = set()
        self._above: set[str] = set()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        self._taken.add(path)
        self._above.update(_ancestors(path))

    def touches(self, path: str) -> bool:
        return path in self._taken or path in self._above or any(above in self._taken for above in _ancestors(path))


def _ancestors(path: str) -> Iterator[str]:
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _unhidden(in_order: Iterable[tuple[str, Write]]) -> dict[str, Write]:
    """The writes that no write before them touches; a hidden one hides all the same."""
    shown: dict[str, Write] = {}
    before = _Paths()
    for path, write in in_order:
        if not before.touches(path):
            shown[path] = write
        before.add(path)
    return shown


def _tree(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in sorted(values.items()):
        *above, name = path[1:].split("/")
        node = tree
        for step in above:
            node = node.setdefault(_name(step), {})
        node[_name(name)] = value
    return tree


def _name(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~") if "~" in step else step
