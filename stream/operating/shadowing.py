"""Shadowing a live store: read it page by page and divide each component by two rules.

Rules: nothing is written. Memory is bounded by a page, by the sample and by the examples that are kept, which are the
largest. People who are on the move between two components while the store is read may be counted twice or not at all.
Must not know: how rules divide people (`resolvers.shadow`), how a report is shown.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from resolvers.component import Component
from resolvers.life_keys import shown
from resolvers.namespaces import IdentityRules
from resolvers.publication import Publication
from resolvers.shadow import Change, Compared, Group, compare, is_sound
from resolvers.steps import ReadPublication
from stream.reading.component_pages import ComponentStore, component_pages

EXAMPLES_MAX: Final = 10
"""Of each kind of change."""
PEOPLE_MAX: Final = 8
"""People of one example, and identifiers of each, that are named."""


class Shown(NamedTuple):
    """A person of an example: the profile id, where one was published, and identifiers by key; `more` are not named.

    `displays`: what may be shown of each of the identifiers, in their order.
    """

    profile_id: str | None
    identifiers: tuple[str, ...]
    more: int
    displays: tuple[str, ...]


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
        store: ComponentStore,
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
        self._examples: dict[str, list[tuple[int, str, int, Change, dict[str, str]]]] = {}

    async def run(self, sample: int | None) -> Report:
        """Compare every component, or so many drawn by lot.

        Raises:
            StoreError: the store does not answer.
        """
        async for components in component_pages(self._store, sample, self._progress):
            for component in components:
                if is_sound(component):
                    self._count(component, compare(component, self._live, self._candidate))
                else:
                    self._left_out += 1
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

    def _count(self, component: Component, found: Compared) -> None:
        self._components += 1
        self._before += found.before
        self._after += found.after
        self._refused_before += found.refused_before
        self._refused_after += found.refused_after
        for nth, change in enumerate(found.changes):
            self._changes[change.kind] += 1
            self._affected[change.kind] += len(change.before)
            kept = self._examples.setdefault(change.kind, [])
            size = len(change.before) + len(change.after)
            heapq.heappush(kept, (size, component.name, nth, change, _displays(component, change)))
            if len(kept) > EXAMPLES_MAX:
                heapq.heappop(kept)

    async def _shown(self) -> list[Example]:
        """The largest changes of each kind, with the ids of the people in them."""
        kept = [one for kind in sorted(self._examples) for one in sorted(self._examples[kind], reverse=True)]
        names = list(dict.fromkeys(one[1] for one in kept))
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
                _people(change.before, ids[name], displays),
                _people(change.after, {}, displays),
            )
            for _, name, _, change, displays in kept
        ]


def _displays(component: Component, change: Change) -> dict[str, str]:
    """What may be shown of the identifiers that are named, as profiles show them."""
    named = {key for groups in (change.before, change.after) for one in groups[:PEOPLE_MAX] for key in one[:PEOPLE_MAX]}
    return {shown(key): facet.display for key, facet in component.facets.items() if shown(key) in named}


def _people(groups: Iterable[Group], id_of: dict[str, str], displays: dict[str, str]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            next((id_of[key] for key in group if key in id_of), None),
            group[:PEOPLE_MAX],
            max(len(group) - PEOPLE_MAX, 0),
            tuple(displays[key] for key in group[:PEOPLE_MAX]),
        )
        for group in list(groups)[:PEOPLE_MAX]
    )
