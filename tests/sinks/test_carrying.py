"""Carrying: steps go out, replies come back in their places, and failures wait for what is on its way."""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.steps import (
    ClaimHome,
    Commit,
    Notice,
    Notify,
    Outgoing,
    Publish,
    ReadHome,
    Reply,
    Step,
    Together,
    together,
)
from sinks.carrying import carry, carry_in_memory, leaves
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from sinks.publisher import PublishFailedError, Sendable, unpacked
from sinks.store import StoreLostError


class Store:
    """A `MemoryStore` that counts calls, and may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.memory = MemoryStore()
        self.calls: list[int] = []
        self._failure = failure

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """A reply for each step."""
        self.calls.append(len(steps))
        if self._failure is not None:
            raise self._failure
        return [self.memory.execute(step) for step in steps]


def asking(step: Step) -> Generator[Step, Reply, Any]:
    """A protocol of one step -> its reply."""
    return (yield step)


def record(number: int) -> Outgoing:
    """Some record."""
    return Outgoing("profiles", b"k", b"%d" % number)


def notice(number: int) -> Notice:
    """Some notice."""
    return Notice("c", number, "id", "source", 0)


async def test_replies_stand_where_their_steps_stood() -> None:
    """However deeply nested, and whoever carried them out; each round is one call of the store and one of the log."""
    store, log = Store(), MemoryLog(1)
    step = Together(
        [
            ClaimHome("a", "one"),
            Together([Publish([record(1), record(2)]), ReadHome("nobody"), Together([])]),
            Notify(notice(1)),
            Publish([]),
            Together([Together([ClaimHome("b", "two"), Publish([record(3)])])]),
            Notify(notice(2)),
        ]
    )
    assert await carry(asking(step), store, log) == [
        "one",
        [[0, 1], None, []],
        None,
        [],
        [["two", [2]]],
        None,
    ]
    assert store.calls == [3]
    assert [one.value for one in log.topic("profiles")[0]] == [b"1", b"2", b"3"]
    [changes] = log.topic("changes")[0]
    assert changes.value is not None
    assert unpacked(changes.value) == [notice(1), notice(2)]


steps = st.recursive(
    st.builds(ClaimHome, st.sampled_from("ab"), st.sampled_from("xy")) | st.builds(ReadHome, st.sampled_from("ab")),
    lambda inner: st.builds(Together, st.lists(inner, max_size=4)),
    max_leaves=12,
)


@given(steps)
def test_both_carriers_answer_alike(step: Step) -> None:
    """The one for the event loop and the one for memory rebuild the same replies."""
    store = Store()
    there = asyncio.run(carry(asking(step), store, MemoryLog()))
    assert carry_in_memory(asking(step), MemoryStore().execute) == there
    assert store.calls == ([len(list(leaves(step)))] if list(leaves(step)) else [])


async def test_protocols_side_by_side_share_their_rounds() -> None:
    """A hundred protocols of two steps cost the store two calls."""

    def two(name: str) -> Generator[Step, Reply, int]:
        yield ClaimHome(name, name)
        version: int = yield Commit(name, 0, {})
        return version

    store = Store()
    assert await carry(together([two(str(n)) for n in range(100)]), store, MemoryLog()) == [1] * 100
    assert store.calls == [100, 100]


async def test_a_protocol_without_steps_ends() -> None:
    """Nothing is asked of anybody."""

    def nothing() -> Generator[Step, Reply, str]:
        return "done"
        yield ReadHome("never")

    store = Store()
    assert await carry(nothing(), store, MemoryLog()) == "done"
    assert store.calls == []


class SlowLog(MemoryLog):
    """Takes its time to acknowledge."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged = False

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Send, and wait."""
        await asyncio.sleep(0.01)
        self.acknowledged = True
        return await super().send(records)


async def test_a_failure_waits_for_what_is_on_its_way() -> None:
    """The protocol is given up and closed, but nothing that it sent is still on its way when the caller goes on."""
    closed: list[bool] = []

    def protocol() -> Generator[Step, Reply, None]:
        try:
            yield Together([ReadHome("a"), Publish([record(1)])])
        finally:
            closed.append(True)

    log = SlowLog()
    with pytest.raises(StoreLostError, match="gone"):
        await carry(protocol(), Store(StoreLostError("gone")), log)
    assert log.acknowledged
    assert closed == [True]


class BrokenLog(MemoryLog):
    """A log that does not take anything."""

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Fails."""
        raise PublishFailedError(f"{len(records)} failed")


async def test_a_failed_publication_ends_the_protocol() -> None:
    """The caller sees the publisher's own error."""
    with pytest.raises(PublishFailedError, match="1 failed"):
        await carry(asking(Publish([record(1)])), Store(), BrokenLog())
