"""Positions are offsets of one topic: one that was made anew under its name is told apart, however long it is."""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from sinks.topic_ids import TopicId
from stream.same_log import LogReplacedError, SameLog

TOPIC = "idweave.touchpoints"


class Store:
    """Positions and notes."""

    def __init__(self) -> None:
        self.positions: dict[tuple[str, int], int] = {}
        self.noted: dict[str, str] = {}

    async def start_offsets(self, partitions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int | None]:
        """As every store."""
        return {one: self.positions.get(one) for one in partitions}

    async def notes(self, names: Sequence[str]) -> list[str | None]:
        """As every store."""
        return [self.noted.get(name) for name in names]

    async def note(self, name: str, text: str) -> None:
        """As every store."""
        self.noted[name] = text


class Brokers:
    """Topics by name."""

    def __init__(self) -> None:
        self.topics = {TOPIC: TopicId("first", 2)}

    def ask(self) -> Mapping[str, TopicId]:
        """The ids."""
        return self.topics


async def test_a_topic_made_anew_below_positions_is_refused() -> None:
    """Until no position of it is left: then it is a beginning like any other."""
    store, brokers = Store(), Brokers()
    same = SameLog(brokers)
    await same.require(store)
    store.positions[TOPIC, 1] = 500
    await same.require(store)
    brokers.topics[TOPIC] = TopicId("second", 2)
    for _ in range(2):
        with pytest.raises(LogReplacedError, match="was deleted and made anew"):
            await same.require(store)
    store.positions.clear()
    await same.require(store)
    store.positions[TOPIC, 0] = 1
    await same.require(store)


async def test_a_store_from_before_notes_takes_topics_as_they_are() -> None:
    """Nobody who only upgrades is refused; from then on it is told."""
    store, brokers = Store(), Brokers()
    store.positions[TOPIC, 0] = 7
    await SameLog(brokers).require(store)
    brokers.topics[TOPIC] = TopicId("second", 2)
    with pytest.raises(LogReplacedError):
        await SameLog(brokers).require(store)
