"""The same log: a store's positions are offsets in the topics that it was filled from, not in others of their names.

A topic that was deleted and made anew may have grown past a position since. Nothing else would show it: the records
before that position would be passed without a word. So the store notes the ids that brokers give topics.
Rules: where a topic has no position, its id is noted anew; a store from before there were notes takes topics as they
are.
Must not know: what is read.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn, Protocol

from sinks.store import StoreRefusedError
from sinks.topic_ids import TopicId
from stream.session import Session, WorldError

NOTE = "topic"
EVERY_SECONDS = 5.0


class Asking(Protocol):
    """Who asks the brokers."""

    def ask(self) -> Mapping[str, TopicId]:
        """The id of each topic; blocks."""
        ...


class NotingStore(Protocol):
    """A store, as far as positions and notes go."""

    async def start_offsets(self, partitions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int | None]:
        """The next offset to read of each partition."""
        ...

    async def notes(self, names: Sequence[str]) -> list[str | None]:
        """What was noted under these names."""
        ...

    async def note(self, name: str, text: str) -> None:
        """Note something."""
        ...


class LogReplacedError(StoreRefusedError):
    """A topic is not the one that the store was filled from."""


class SameLog:
    """What is asked when a session begins, and now and then while it lasts."""

    def __init__(self, ids: Asking) -> None:
        self._ids = ids

    async def require(self, store: NotingStore) -> None:
        """Return if every topic is the one that the store was filled from, and note those that it begins with.

        Raises:
            LogReplacedError: one of them was made anew.
            TopicIdsUnknownError: the broker does not say.
        """
        ids = await asyncio.to_thread(self._ids.ask)
        for (name, topic), noted in zip(ids.items(), await store.notes([f"{NOTE}:{one}" for one in ids]), strict=True):
            if noted == topic.text:
                continue
            positions = await store.start_offsets([(name, one) for one in range(topic.partitions)])
            if noted is not None and any(at is not None for at in positions.values()):
                raise LogReplacedError(
                    f"The topic {name} was deleted and made anew since the store was filled from it: the store's"
                    " positions are offsets of other records. What to do is in docs/rebuild.md, under inputs."
                )
            await store.note(f"{NOTE}:{name}", topic.text)

    async def watch(self, session: Session) -> NoReturn:
        """Look again every few seconds, until cancelled: a topic may be made anew below workers that read it."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            number = session.number
            try:
                with suppress(OSError):  # a broker that is away is found out by whoever needs it
                    await self.require((await session.parts()).store)
            except WorldError as error:
                session.lost(number, error)
