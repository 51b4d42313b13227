"""Decisions: what was answered to a command, from the store, for who asks again later.

Must not know: HTTP, who decided.
"""

from collections.abc import Awaitable, Callable

from resolvers.steps import ReadDecision
from stream.reading.walking import LookupStore, bounded
from topics.commands import Result, decode_result


class Decisions:
    """Answers to commands, by the command's id."""

    def __init__(self, store: Callable[[], Awaitable[LookupStore]]) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`."""
        self._store = store

    async def by_id(self, command: str) -> Result | None:
        """What was decided; None: nothing yet, or it was only tried.

        Raises:
            UnavailableError: it can't be read now.
        """
        async with bounded():
            store = await self._store()
            [there] = await store.execute_many([ReadDecision(command)])
        return None if there is None else decode_result(there)
