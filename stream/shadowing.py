"""Shadowing a live store: read it page by page and divide each component by two rules.

Rules: nothing is written. Memory is bounded by a page, by the sample and by the examples that are kept, which are the
largest. People who are on the move between two components while the store is read may be counted twice or not at all.
Must not know: how rules divide people (`resolvers.shadow`), how a report is shown.
"""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from random import Random
from typing import Final, NamedTuple, Protocol

from resolvers.component import Component
from resolvers.namespaces import IdentityRules
from resolvers.publication import Publication
from resolvers.shadow import Change, Compared, Group, compare, is_sound
from resolvers.steps import ReadComponent, ReadPublication, Reply, Step
from sinks.store import Page

COMPONENTS_AT_ONCE: Final = 200
EXAMPLES_MAX: Final = 10
"""Of each kind of change."""
PEOPLE_MAX: Final = 8
"""People of one example, and identifiers of each, that are named."""


class ShadowStore(Protocol):
    """A store, as far as shadowing goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out steps of the store -> a reply for each."""
        ...

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some of the components."""
        ...


class Shown(NamedTuple):
    """A person of an example: the profile id, where one was published, and identifiers by key; `more` are not named."""

    profile_id: str | None
    identifiers: tuple[str, ...]
    more: int


class Example(NamedTuple):
    """A change, largest first. `before`, `after`: the first people of it."""

    kind: str
    people_before: int
    people_after: int
    before: tuple[Shown, ...]
    after: tuple[Shown, ...]


class Report(NamedTuple):
    """What the candidate would change.

    `components` were compared, `left_out` are broken, as an audit will say; `before` and `after` are the people in
    those that were compared. `changes`: by kind, how often; `affected`: by kind, how many of the people before.
    `refused_before`, `refused_after`: evidence refused, by rule.
    """

    components: int
    left_out: int
    before: int
    after: int
    changes: dict[str, int]
    affected: dict[str, int]
    refused_before: dict[str, int]
    refused_after: dict[str, int]
    examples: list[Example]


class Shadowing:
    """One comparison. `progress` is told how many components are done, and of how many, where that is known."""

    def __init__(
        self,
        store: ShadowStore,
        live: IdentityRules,
        candidate: IdentityRules,
        progress: Callable[[int, int | None], None],
    ) -> None:
        self._store = store
        self._live = live
        self._candidate = candidate
        self._progress = progress
        self._components = self._left_out = self._before = self._after = 0
        self._changes: Counter[str] = Counter()
        self._affected: Counter[str] = Counter()
        self._refused_before: Counter[str] = Counter()
        self._refused_after: Counter[str] = Counter()
        self._examples: dict[str, list[tuple[int, str, int, Change]]] = {}

    async def run(self, sample: int | None) -> Report:
        """Compare every component, or so many drawn by lot.

        Raises:
            StoreError: the store does not answer.
        """
        done = 0
        if sample is None:
            async for page in self._pages():
                for names in _parts(page):
                    await self._look(names)
                    done += len(names)
                    self._progress(done, None)
        else:
            drawn = await self._drawn(sample)
            for names in _parts(drawn):
                await self._look(names)
                done += len(names)
                self._progress(done, len(drawn))
        return Report(
            self._components,
            self._left_out,
            self._before,
            self._after,
            dict(sorted(self._changes.items())),
            dict(sorted(self._affected.items())),
            dict(sorted(self._refused_before.items())),
            dict(sorted(self._refused_after.items())),
            await self._shown(),
        )

    async def _pages(self) -> AsyncIterator[list[str]]:
        page = await self._store.scan_components(0)
        yield page.names
        while page.cursor:
            page = await self._store.scan_components(page.cursor)
            yield page.names

    async def _drawn(self, sample: int) -> list[str]:
        """Components by lot, each as likely as any other (reservoir sampling)."""
        lot = Random()  # noqa: S311 - which ones are looked at is no secret
        drawn: list[str] = []
        met = 0
        async for page in self._pages():
            for name in page:
                met += 1
                if len(drawn) < sample:
                    drawn.append(name)
                elif (at := lot.randrange(met)) < sample:
                    drawn[at] = name
        return list(dict.fromkeys(drawn))

    async def _look(self, names: Sequence[str]) -> None:
        components: list[Component] = await self._store.execute_many([ReadComponent(name) for name in names])
        for component in components:
            if component.moved_to is not None or not component.facets:
                continue
            if is_sound(component):
                self._count(component.name, compare(component, self._live, self._candidate))
            else:
                self._left_out += 1

    def _count(self, name: str, found: Compared) -> None:
        self._components += 1
        self._before += found.before
        self._after += found.after
        self._refused_before += found.refused_before
        self._refused_after += found.refused_after
        for nth, change in enumerate(found.changes):
            self._changes[change.kind] += 1
            self._affected[change.kind] += len(change.before)
            kept = self._examples.setdefault(change.kind, [])
            heapq.heappush(kept, (len(change.before) + len(change.after), name, nth, change))
            if len(kept) > EXAMPLES_MAX:
                heapq.heappop(kept)

    async def _shown(self) -> list[Example]:
        """The largest changes of each kind, with the ids of the people in them."""
        kept = [one for kind in sorted(self._examples) for one in sorted(self._examples[kind], reverse=True)]
        names = list(dict.fromkeys(name for _, name, _, _ in kept))
        publications: list[Publication] = await self._store.execute_many([ReadPublication(name) for name in names])
        ids = {
            name: {key: one for one, published in publication.state.profiles.items() for key in published.members}
            for name, publication in zip(names, publications, strict=True)
        }
        return [
            Example(
                change.kind,
                len(change.before),
                len(change.after),
                _people(change.before, ids[name]),
                _people(change.after, {}),
            )
            for _, name, _, change in kept
        ]


def _people(groups: Iterable[Group], id_of: dict[str, str]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            next((id_of[key] for key in group if key in id_of), None),
            group[:PEOPLE_MAX],
            max(len(group) - PEOPLE_MAX, 0),
        )
        for group in list(groups)[:PEOPLE_MAX]
    )


def _parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + COMPONENTS_AT_ONCE] for at in range(0, len(names), COMPONENTS_AT_ONCE))
