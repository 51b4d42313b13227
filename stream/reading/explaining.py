"""Explaining on a live store: the components of who is asked about are read, and `resolvers.explain` tells.

Rules: nothing but the store is asked, and only for these components; the evidence is that of this moment, which may be
a moment ahead of what is published.
Must not know: HTTP, how an answer is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable

from resolvers.explain import explain, graph_of, scene
from resolvers.namespaces import IdentityRules
from stream.reading.walking import (
    AGAIN_SECONDS,
    WALKS,
    Chosen,
    Current,
    LookupStore,
    UnavailableError,
    Walk,
    bounded,
    find,
    first_life,
    of_id,
    walked,
)
from topics.answers import Explanation, ProfileGraph
from topics.identifiers import Identifier


class Explaining:
    """Why identifiers are one person, or not."""

    def __init__(
        self, store: Callable[[], Awaitable[LookupStore]], rules: IdentityRules, current: Current = first_life
    ) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`; `current` is about the last given."""
        self._store = store
        self._rules = rules
        self._current = current

    async def between(self, a: Identifier, b: Identifier) -> Explanation | None:
        """Why two identifiers are one person, or why not. None: one of them is unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """
        async with bounded():
            await self._store()  # so that it is said of this store which lives there are
            key_a, key_b = self._current(a.key), self._current(b.key)
            one = await self._settled(key_a)
            if one is None:
                return None
            other = one if key_b in one.component.facets else await self._settled(key_b)
        if other is None:
            return None
        # Where the one has moved into the other meanwhile, the other has both.
        components = [other.component] if key_a in other.component.facets else [one.component, other.component]
        return explain(key_a, key_b, scene(components, self._rules), self._rules)

    async def known(self, identifier: Identifier) -> bool:
        """Whether somebody is known by an identifier.

        Raises:
            UnavailableError: it can't be read now.
        """
        async with bounded():
            await self._store()
            return await self._settled(self._current(identifier.key)) is not None

    async def around(self, profile_id: str) -> ProfileGraph | None:
        """The evidence of a profile; of an id that merged away, of the survivor. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """
        return await find(of_id(profile_id), self._store, self._graph)

    async def _graph(self, chosen: Chosen, walk: Walk) -> ProfileGraph:
        survivor_id, published, _ = chosen
        nodes, edges = graph_of(published.members, scene([walk.component], self._rules))
        return {"profile_id": survivor_id, "version": published.version, "nodes": nodes, "edges": edges}

    async def _settled(self, key: str) -> Walk | None:
        """Where an identifier is, once its component has it; None: it was never seen."""
        for _ in range(WALKS):
            walk = await walked(await self._store(), key)
            if walk is None or key in walk.component.facets:
                return walk
            await asyncio.sleep(AGAIN_SECONDS)  # it was given a home, and its facet is on the way, or it moves
        raise UnavailableError("the identifier is on the move")
