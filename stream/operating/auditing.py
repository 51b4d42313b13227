"""Auditing a live store: read it piece by piece, and believe a finding only when it stays.

Rules: nothing is written. With a sample the memory is bounded by it; without, names of components are remembered. What
looks wrong is looked at again, a second apart, until it is right or the patience is over: a store that people work on
is always somewhere between two right states.
Must not know: what is right (`resolvers.audit`), how a report is shown.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from resolvers.audit import Audited, Finding, audit, homeless, spanning
from resolvers.component import Component
from resolvers.namespaces import IdentityRules
from resolvers.publication import Publication
from resolvers.steps import ReadComponent, ReadHome, ReadPublication, Reply, Step
from sinks.store import Page
from stream.reading.component_pages import drawn_by_lot, pages

KEYS_AT_ONCE: Final = 200
SUSPECTS_MAX: Final = 1_000
"""Findings that are looked at again; where there are more, the store is wrong beyond doubt and patience."""
AGAIN_SECONDS: Final = 1.0
MOVES_MAX: Final = 1_000


class AuditStore(Protocol):
    """A store, as far as auditing goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out steps of the store -> a reply for each."""
        ...

    async def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile."""
        ...

    async def scan_homes(self, cursor: int = 0) -> Page:
        """Some of the identifiers that are in a component."""
        ...

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some of the components."""
        ...


class Report(NamedTuple):
    """What was looked at, and what is wrong with it."""

    identifiers: int
    components: int
    profiles: int
    findings: list[Finding]


class Auditing:
    """One audit. `progress` is told how many identifiers have been looked at, and of how many, where that is known."""

    def __init__(self, store: AuditStore, rules: IdentityRules, progress: Callable[[int, int | None], None]) -> None:
        self._store = store
        self._rules = rules
        self._progress = progress
        self._seen: set[str] = set()
        self._identifiers = 0
        self._profiles = 0

    async def run(self, sample: int | None, patience_seconds: float) -> Report:
        """Look at every identifier, or at so many drawn by lot, each with its whole component.

        Raises:
            StoreError: the store does not answer.
        """
        suspects: set[Finding] = set()
        if sample is None:
            async for keys in _batches(pages(self._store.scan_homes)):
                suspects.update(await self._look(keys))
                self._progress(self._identifiers, None)
            async for names in _batches(pages(self._store.scan_components)):
                suspects.update(await self._look_at_components([one for one in names if one not in self._seen]))
        else:
            drawn = await drawn_by_lot(self._store.scan_homes, sample)
            for at in range(0, len(drawn), KEYS_AT_ONCE):
                suspects.update(await self._look(drawn[at : at + KEYS_AT_ONCE]))
                self._progress(self._identifiers, len(drawn))
        counts = (self._identifiers, len(self._seen), self._profiles)
        return Report(*counts, sorted(await self._confirmed(suspects, patience_seconds)))

    async def _confirmed(self, suspects: set[Finding], patience_seconds: float) -> set[Finding]:
        """Those findings that are the same at every look until the patience is over."""
        deadline = time.monotonic() + patience_seconds
        if len(suspects) > SUSPECTS_MAX:
            return suspects
        while suspects and time.monotonic() < deadline:
            await asyncio.sleep(AGAIN_SECONDS)
            self._seen.clear()
            found = await self._look([key for one in suspects for key in one.keys])
            names = {one.component for one in suspects} - self._seen
            found += await self._look_at_components(sorted(names))
            suspects &= set(found)
        return suspects

    async def _look(self, keys: Sequence[str]) -> list[Finding]:
        """Look at some identifiers and at the components that they lead to."""
        keys = list(dict.fromkeys(keys))
        at_rest = await self._led_to(keys)
        self._identifiers += len(keys)
        findings = [
            wrong
            for key, component in at_rest.items()
            if component is not None and (wrong := homeless(key, component)) is not None
        ]
        return findings + await self._audit(component for component in at_rest.values() if component is not None)

    async def _look_at_components(self, names: Sequence[str]) -> list[Finding]:
        """Look at components by name: at those that hold something, and that no home led to."""
        components = await self._store.execute_many([ReadComponent(name) for name in names]) if names else []
        return await self._audit(one for one in components if one.moved_to is None and one.facets)

    async def _audit(self, components: Iterable[Component]) -> list[Finding]:
        """What is wrong with those of the components that are at rest and were not looked at before."""
        new = {one.name: one for one in components if one.moved_to is None and one.name not in self._seen}
        if not new:
            return []
        self._seen.update(new)
        every = list(new.values())
        publications: list[Publication] = await self._store.execute_many([ReadPublication(name) for name in new])
        homes = await self._led_to([key for one in every for key in one.facets])
        ids = [profile_id for one in publications for profile_id in one.state.profiles]
        named = dict(zip(ids, await asyncio.gather(*map(self._store.profile_key, ids)), strict=True))
        self._profiles += len(ids)
        led_to = {key: None if component is None else component.name for key, component in homes.items()}
        findings = spanning(every)
        for component, publication in zip(every, publications, strict=True):
            findings += audit(Audited(component, led_to, publication, named), self._rules)
        return findings

    async def _led_to(self, keys: Sequence[str]) -> dict[str, Component | None]:
        """The component that each identifier's home leads to, at rest unless a move is not finished; None: no home."""
        if not keys:
            return {}
        homes = dict(zip(keys, await self._store.execute_many([ReadHome(key) for key in keys]), strict=True))
        read: dict[str, Component] = {}
        wanted = {name for name in homes.values() if name is not None}
        for _ in range(MOVES_MAX):
            names = sorted(wanted - read.keys())
            if not names:
                break
            components = await self._store.execute_many([ReadComponent(name) for name in names])
            read.update(zip(names, components, strict=True))
            wanted = {one.moved_to for one in components if one.moved_to is not None and not one.pending}
        return {key: None if name is None else _end(name, read) for key, name in homes.items()}


def _end(name: str, read: dict[str, Component]) -> Component:
    """Where the moves from a component lead; one that is pending is the end."""
    component = read[name]
    while component.moved_to is not None and not component.pending:
        component = read[component.moved_to]
    return component


async def _batches(pages: AsyncIterator[list[str]]) -> AsyncIterator[list[str]]:
    """The same names, so many at once."""
    async for page in pages:
        for at in range(0, len(page), KEYS_AT_ONCE):
            yield page[at : at + KEYS_AT_ONCE]
