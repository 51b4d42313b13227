"""Failpoints: what is written means what it says, and is met when it says."""

import re
from pathlib import Path

import pytest

from sinks.failing import clients
from sinks.failpoints import (
    ANY,
    SENDING_STEPS,
    STORE_STEPS,
    Action,
    Failpoint,
    Failpoints,
    Where,
    fail,
    read_failpoints,
)
from sinks.kafka_producer import KafkaPublisher
from sinks.publisher import PublishFailedError
from sinks.redis_store import RedisStore
from sinks.store import StoreLostError

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def test_what_is_written_is_read() -> None:
    """Step, where, action; the first time if none is named, once or again and again."""
    assert read_failpoints("freeze.after=kill@3, publish.amid=lose@*50,any.before=bug") == (
        Failpoint("freeze", Where.AFTER, Action.KILL, 3),
        Failpoint("publish", Where.AMID, Action.LOSE, 50, again=True),
        Failpoint("any", Where.BEFORE, Action.BUG),
    )


@pytest.mark.parametrize(
    "text", ["freeze", "freeze.after=kill@0", "melt.after=kill", "freeze.by=kill", "freeze.after=x"]
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """A failpoint that is silently left out would make a test of nothing."""
    with pytest.raises(ValueError, match=r"is no step|is none of"):
        read_failpoints(text)


def test_a_failpoint_is_met_at_its_time() -> None:
    """The second commit is; of `again`, every second call; another step or place is not counted."""
    points = Failpoints(read_failpoints("commit.after=kill@2,notify.before=lose@*2"))
    assert points.meet(Where.AFTER, {"commit", "freeze"}) is None
    assert points.meet(Where.BEFORE, {"commit"}) is None
    assert points.meet(Where.AFTER, {"freeze"}) is None
    found = points.meet(Where.AFTER, {"commit"})
    assert found is not None
    assert found.action is Action.KILL
    assert points.meet(Where.AFTER, {"commit"}) is None
    assert [points.meet(Where.BEFORE, {"notify"}) is not None for _ in range(4)] == [False, True, False, True]


def test_what_is_lost_is_whose_step_it_was() -> None:
    """A step of the store loses the store, one of the publisher the publisher; a bug is an assertion."""
    for text, error in (
        ("commit.after=lose", StoreLostError),
        ("publish.after=lose", PublishFailedError),
        ("any.after=bug", AssertionError),
    ):
        with pytest.raises(error, match="a failpoint"):
            fail(read_failpoints(text)[0])
    fail(None)


def test_without_failpoints_nothing_is_there() -> None:
    """The worker opens the plain store and publisher."""
    assert clients(()) == (RedisStore, KafkaPublisher)
    failing = clients(read_failpoints("any.after=bug"))
    assert failing[0] is not RedisStore
    assert failing[1] is not KafkaPublisher


def test_the_page_names_every_step() -> None:
    """docs/faults.md lists what there is, and nothing else."""
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (?:resolve|project|both|command|all) \|", PAGE.read_text(), re.MULTILINE)
    named = [step for row in rows for step in re.findall(r"[a-z_]+", row)]
    assert sorted(named) == sorted((*STORE_STEPS, *SENDING_STEPS, ANY))
