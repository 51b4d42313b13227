"""The components of a live store, page by page, all of them or so many by lot: what looks at everybody reads this.

Rules: nothing is written, and memory is bounded by a page and by the sample. People who are on the move between two
components while the store is read may come twice or not at all.
Must not know: what is looked for.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from random import Random
from typing import Final, Protocol

from resolvers.component import Component
from resolvers.steps import ReadComponent, Reply, Step
from sinks.store import Page

COMPONENTS_AT_ONCE: Final = 200

Progress = Callable[[int, int | None], None]
"""Told how many components are done, and of how many, where that is known."""


class ComponentStore(Protocol):
    """A store, as far as reading all of it goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out steps of the store -> a reply for each."""
        ...

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some of the components."""
        ...


async def component_pages(
    store: ComponentStore, sample: int | None, progress: Progress
) -> AsyncIterator[list[Component]]:
    """Some components at rest at a time; those that have moved, or are empty, are left out.

    Raises:
        StoreError: the store does not answer.
    """
    done = 0
    drawn = None if sample is None else await drawn_by_lot(store.scan_components, sample)
    async for page in pages(store.scan_components) if drawn is None else _one_page(drawn):
        for at in range(0, len(page), COMPONENTS_AT_ONCE):
            names = page[at : at + COMPONENTS_AT_ONCE]
            found: list[Component] = await store.execute_many([ReadComponent(name) for name in names])
            yield [one for one in found if one.moved_to is None and one.facets]
            done += len(names)
            progress(done, None if drawn is None else len(drawn))


async def pages(scan: Callable[[int], Awaitable[Page]]) -> AsyncIterator[list[str]]:
    """All names that a store's scan goes through, a page at a time."""
    page = await scan(0)
    yield page.names
    while page.cursor:
        page = await scan(page.cursor)
        yield page.names


async def drawn_by_lot(scan: Callable[[int], Awaitable[Page]], sample: int) -> list[str]:
    """So many names of a store's scan, each as likely as any other (reservoir sampling)."""
    lot = Random()  # noqa: S311 - which ones are looked at is no secret
    drawn: list[str] = []
    met = 0
    async for page in pages(scan):
        for name in page:
            met += 1
            if len(drawn) < sample:
                drawn.append(name)
            elif (at := lot.randrange(met)) < sample:
                drawn[at] = name
    return list(dict.fromkeys(drawn))


async def _one_page(names: list[str]) -> AsyncIterator[list[str]]:
    yield names
