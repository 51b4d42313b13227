"""Lag: log end minus the store's position, and nothing at all where one of the two is not known."""

import asyncio
import time
from typing import cast

import pytest
from prometheus_client import generate_latest

from resolvers.cache import Cache
from resolvers.standing import Standing
from sinks.publisher import OpenPublisher
from sinks.redis_store import RedisStore
from stream import lag as module
from stream.chunks import TP
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.lag import Ages, Lag, LagUnknownError, LogEnds, behind
from stream.metrics import Metrics
from stream.pulse import Pulse
from stream.servers.child_process import free_port
from stream.serving import not_ready
from stream.session import Parts, Session


@pytest.mark.parametrize(
    ("position", "first", "end", "records"),
    [
        (None, 0, 10, 10),  # nothing is resolved yet
        (None, 4, 10, 6),  # and retention has taken some
        (7, 0, 10, 3),
        (10, 0, 10, 0),
        (2, 4, 10, 6),  # what retention took does not come any more
        (4, 10, 10, 0),  # an empty partition whose records are all gone
        (11, 0, 10, 0),  # a broker that tells the end late
    ],
)
def test_what_is_behind(position: int | None, first: int, end: int, records: int) -> None:
    """Records that are to be resolved yet; never fewer than none."""
    assert behind(position, first, end) == records


def test_a_broker_that_is_away_is_unknown_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is bounded, and its failure a typed error."""
    monkeypatch.setattr(module, "BROKER_SECONDS", 0.2)
    ends = LogEnds({}, f"127.0.0.1:{free_port()}", ["idweave.touchpoints"])
    began = time.monotonic()
    with pytest.raises(LagUnknownError):
        ends.ask()
    assert time.monotonic() - began < 3


async def test_a_lag_that_is_not_known_is_not_shown() -> None:
    """While the servers are away the metric has no values: an old one would look as if all were well."""

    async def never() -> Parts:
        await asyncio.Event().wait()
        raise AssertionError("this is never reached")

    metrics = Metrics()
    metrics.lag_records.labels("0").set(7)
    assert not await Lag(LogEnds({}, "", ["t"]), Session(never, metrics), metrics, "idweave", Pulse()).measure()
    assert b"lag_records{" not in generate_latest(metrics.registry)


async def test_servers_that_do_not_answer_twice_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once may be a moment's; the worker is not ready from the second time on, until there is an answer."""

    class Store:
        async def start_offsets(self, partitions: list[TP]) -> dict[TP, int | None]:
            return dict.fromkeys(partitions, 1)

    async def open_one() -> Parts:
        return Parts(cast("RedisStore", Store()), cast("OpenPublisher", None), Cache(), cast("Standing", None))

    metrics = Metrics()
    session = Session(open_one, metrics)
    await session.parts()
    ends = LogEnds({}, "", [])
    lag = Lag(ends, session, metrics, "idweave", Pulse())
    monkeypatch.setattr(ends, "partitions", lambda: [TP("idweave.touchpoints", 0)])
    answers: list[Exception | dict[TP, tuple[int, int]]] = [
        LagUnknownError("away"),
        LagUnknownError("away"),
        {TP("idweave.touchpoints", 0): (0, 5)},
    ]

    def ask() -> dict[TP, tuple[int, int]]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ends, "ask", ask)
    assert not lag.is_lost
    assert [(await lag.measure(), lag.is_lost) for _ in range(3)] == [(False, False), (False, True), (True, False)]
    for is_lost, reasons in ((False, []), (True, ["servers_unavailable"])):
        monkeypatch.setattr(Lag, "is_lost", is_lost)
        flood = Flood(metrics, DeadLetterLimit())
        assert not_ready(session, lambda: {TP("idweave.touchpoints", 0)}, flood, lag) == reasons


def test_a_position_ages_only_while_there_is_something_after_it() -> None:
    """Its age counts from when it last moved, or from when the first record came after it."""
    ages, tp = Ages(), TP("idweave.touchpoints", 0)
    assert [ages.age(tp, *seen) for seen in [(None, 3, 10.0), (None, 3, 25.0), (2, 1, 30.0), (2, 1, 41.0)]] == [
        0,
        15,
        0,
        11,
    ]
    assert [ages.age(tp, *seen) for seen in [(3, 0, 50.0), (3, 0, 99.0), (3, 5, 104.0)]] == [0, 0, 5]
    assert ages.age(TP("idweave.touchpoints", 1), 7, 5, 104.0) == 0
