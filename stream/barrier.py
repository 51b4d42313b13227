"""The barrier: no touchpoint is resolved before the commands that stand before it in the log are carried out.

The end of the commands topic is asked for after a batch was received: every command with an earlier append time lies
before that end. The batch goes on when the store's position of the commands has reached it. The topic is idle nearly
always, so this costs one question to the broker and one to the store for a batch, and no waiting.
Rule: a batch that was received in this very millisecond waits one out, because a command may still get its number.
Must not know: what a command does, what is in a batch.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sinks.kafka_settings import client_settings
from stream.chunks import TP

BROKER_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.005
TICK_SECONDS: Final = 0.002
ASKING: Final = {"group.id": "idweave-barrier", "enable.auto.commit": False}


class BrokerSilentError(OSError):
    """The broker did not say where the commands topic ends: to be waited out."""


class PositionsOf(Protocol):
    """A store, as far as positions go."""

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The next offset to read of each partition."""
        ...

    async def ping(self) -> None:
        """Return if this session is one that the store still answers."""
        ...


class Barrier:
    """Where touchpoints wait for commands. `is_waiting`: for one that is not carried out yet."""

    def __init__(self, brokers: str, topic: str, settings: Mapping[str, str]) -> None:
        """`topic`: the commands topic, by its full name."""
        self._settings = client_settings(brokers, settings, ASKING)
        self._commands = TP(topic, 0)
        self.is_waiting = False

    async def passed(self, store: PositionsOf, received_at: float) -> None:
        """Return when all commands from before `received_at` (of `time.monotonic`) are carried out.

        Raises:
            BrokerSilentError: Kafka does not say where the commands end.
            StoreError: the store does not answer.
        """
        young = received_at + TICK_SECONDS - time.monotonic()
        if young > 0:
            await asyncio.sleep(young)
        asking = asyncio.to_thread(_ends, self._consumer, TopicPartition(*self._commands))
        (first, end), position = await asyncio.gather(asking, self._position(store))
        try:
            while max(position, first) < end:
                self.is_waiting = True
                await asyncio.sleep(AGAIN_SECONDS)
                position = await self._position(store)
        finally:
            self.is_waiting = False

    async def _position(self, store: PositionsOf) -> int:
        position = (await store.start_offsets({self._commands}))[self._commands] or 0
        await store.ping()  # a command that is carried out by now may have ended this session
        return position

    @cached_property
    def _consumer(self) -> Consumer:
        """Made when it is first needed, because it starts threads."""
        return Consumer(self._settings)


def _ends(consumer: Consumer, of: TopicPartition) -> tuple[int, int]:
    try:
        first, end = consumer.get_watermark_offsets(of, BROKER_SECONDS)
    except KafkaException as error:
        raise BrokerSilentError(f"Kafka does not answer: {error.args[0].str()}") from error
    return first, end
