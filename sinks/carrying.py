"""Carry a protocol of `resolvers` out: what it asks of the world goes to the store and the publisher, and back.

Each round, all store steps go in one call and all records in another, side by side; the protocol goes on when all have
answered. Must not know: Redis, Kafka, what the protocol decides.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from resolvers import steps
from resolvers.steps import Notify, Pause, Publish, Reply, Step, Together
from sinks.publisher import Publisher
from sinks.waiting import all_of

T = TypeVar("T")

PAUSE_SECONDS: Final = 0.005
"""A moment: what is waited for takes a few rounds to the store and the broker."""


class ManySteps(Protocol):
    """A store, as far as carrying goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out leaf steps, in any order -> a reply for each."""
        ...


async def carry(protocol: steps.Protocol[T], store: ManySteps, publisher: Publisher) -> T:
    """Run a protocol to its end -> its result.

    Raises:
        StoreError, PublishFailedError: the world did not do its part; the protocol is given up where it stands, and
            whoever runs the same again finishes what it had begun.
    """
    try:
        step = next(protocol)
        while True:
            step = protocol.send(await _answer(step, store, publisher))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        protocol.close()


def carry_in_memory(protocol: steps.Protocol[T], execute: Callable[[Step], Reply]) -> T:
    """Run a protocol to its end, one leaf step at a time -> its result."""
    try:
        step = next(protocol)
        while True:
            step = protocol.send(
                _rebuilt(step, iter([None if type(leaf) is Pause else execute(leaf) for leaf in leaves(step)]))
            )
    except StopIteration as stop:
        result: T = stop.value
        return result


def leaves(step: Step) -> Iterator[Step]:
    """The steps that are not `Together`, in order."""
    if type(step) is Together:
        for one in step.steps:
            if type(one) is Together:
                yield from leaves(one)
            else:
                yield one
    else:
        yield step


def _rebuilt(step: Step, replies: Iterator[Reply]) -> Reply:
    """The reply to a step from the replies to its leaves."""
    if type(step) is Together:
        return [_rebuilt(one, replies) if type(one) is Together else next(replies) for one in step.steps]
    return next(replies)


_NOT_FLAT = frozenset({Together, Publish, Notify})
"""Among these steps the store's are looked for; where there are none of them, all are the store's."""


class _Round(NamedTuple):
    """The leaf steps of one round, by who carries them out."""

    all: list[Step]
    store: list[Step]
    publish: list[Publish]
    notify: list[Notify]


def _sorted(leaf_steps: Iterable[Step]) -> _Round:
    by_whom = _Round([], [], [], [])
    for leaf in leaf_steps:
        by_whom.all.append(leaf)
        kind = type(leaf)
        if kind is Publish:
            by_whom.publish.append(leaf)  # type: ignore[arg-type] # its type was just compared
        elif kind is Notify:
            by_whom.notify.append(leaf)  # type: ignore[arg-type]
        else:
            by_whom.store.append(leaf)
    return by_whom


async def _answer(step: Step, store: ManySteps, publisher: Publisher) -> Reply:
    if type(step) is Pause:
        return await asyncio.sleep(PAUSE_SECONDS)
    if type(step) is Together and _NOT_FLAT.isdisjoint(map(type, step.steps)):
        return await store.execute_many(step.steps) if step.steps else []
    by_whom = _sorted(leaves(step))
    going: list[Coroutine[Any, Any, list[Reply]]] = []
    if by_whom.store:
        going.append(store.execute_many(by_whom.store))
    if by_whom.publish:
        going.append(_publish(by_whom.publish, publisher))
    if by_whom.notify:
        going.append(_notify(by_whom.notify, publisher))
    answers = await all_of(going)
    if len(answers) == 1 and len(by_whom.store) == len(by_whom.all):
        return _rebuilt(step, iter(answers[0]))
    return _rebuilt(step, _in_order(by_whom, answers))


def _in_order(by_whom: _Round, answers: list[Any]) -> Iterator[Reply]:
    remaining = iter(answers)
    store = iter(next(remaining) if by_whom.store else ())
    publish = iter(next(remaining) if by_whom.publish else ())
    for leaf in by_whom.all:
        kind = type(leaf)
        if kind is Notify:
            yield None
        else:
            yield next(publish) if kind is Publish else next(store)


async def _publish(several: list[Publish], publisher: Publisher) -> list[list[int]]:
    offsets = await publisher.send([record for one in several for record in one.records])
    ends = list(accumulate(len(one.records) for one in several))
    return [offsets[end - len(one.records) : end] for one, end in zip(several, ends, strict=True)]


async def _notify(several: list[Notify], publisher: Publisher) -> list[None]:
    await publisher.notify([one.notice for one in several])
    return [None] * len(several)
