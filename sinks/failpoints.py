"""Failpoints: at which step of the protocols a worker is to fail on purpose, and how.

`freeze.after=kill@3,publish.amid=lose@*50`: when components were frozen for the third time the process kills itself;
each fiftieth time that records are published, half of them arrive and then the session is lost. A *time* is one call:
the steps of a round that go out together. docs/faults.md is for people.
Must not know: what surrounds stores and publishers with these (`sinks.failing`).
"""

import logging
import os
import re
import signal
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from sinks.publisher import PublishFailedError
from sinks.redis_store import STEP_OPS
from sinks.store import StoreLostError
from topics.catalogue import CHANGES, COMMANDS, TOUCHPOINTS

STORE_STEPS = (*STEP_OPS.values(), *(f"advance_{one.name}" for one in (TOUCHPOINTS, CHANGES, COMMANDS)))
"""Steps of the store by their names in `resolvers.steps`, and the moves of positions."""
SENDING_STEPS = ("publish", "notify", "report", "answer")
"""Profiles and what is told with them; changes; dead letters and conflicts alone; answers to commands."""
ANY = "any"

LOG = logging.getLogger("idweave.failpoints")


class Where(StrEnum):
    """When, of a call."""

    BEFORE = "before"  # nothing is done yet
    AMID = "amid"  # the first half of its steps or records is done, and answered
    AFTER = "after"  # all is done and answered, and nobody has been told


class Action(StrEnum):
    """What happens then."""

    KILL = "kill"  # the process is gone at once, as by `kill -9`
    PAUSE = "pause"  # the process freezes until SIGCONT: time enough for others to take over
    LOSE = "lose"  # the store or the broker is taken for lost: what was done is unknown
    BUG = "bug"  # an assertion fails


class Failpoint(NamedTuple):
    """`time`: the how many-th time it is met; `again`: at every multiple of it."""

    step: str
    where: Where
    action: Action
    time: int = 1
    again: bool = False


class Failpoints:
    """Failpoints with how often each was met; of one process, over all of its sessions."""

    def __init__(self, points: Sequence[Failpoint]) -> None:
        self._points = points
        self._met = [0] * len(points)

    def meet(self, where: Where, steps: Collection[str]) -> Failpoint | None:
        """A call of these steps is there -> what is to happen now."""
        found = None
        for at, point in enumerate(self._points):
            if point.where is where and (point.step == ANY or point.step in steps):
                self._met[at] += 1
                if self._met[at] == point.time or (point.again and self._met[at] % point.time == 0):
                    found = point
        return found


def fail(point: Failpoint | None) -> None:
    """Do what a failpoint says, if there is one; returns from a pause when the process is told to go on.

    Raises:
        StoreLostError, PublishFailedError: it is `lose`, at a step of the store or of the publisher.
        AssertionError: it is `bug`.
    """
    if point is None:
        return
    LOG.warning("a failpoint: %s.%s=%s", point.step, point.where, point.action)
    match point.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.PAUSE:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.LOSE:
            lost = PublishFailedError if point.step in SENDING_STEPS else StoreLostError
            raise lost("a failpoint")
        case Action.BUG:
            raise AssertionError("a failpoint")


_POINT = re.compile(r"(?P<step>[a-z_]+)\.(?P<where>\w+)=(?P<action>\w+)(?:@(?P<again>\*?)(?P<time>[1-9]\d{0,8}))?")


def read_failpoints(text: str) -> tuple[Failpoint, ...]:
    """Failpoints as an environment variable names them, with commas between.

    Raises:
        ValueError: one is not understood; the message says which and why.
    """
    points = []
    for part in (part.strip() for part in text.split(",")):
        if (found := _POINT.fullmatch(part)) is None:
            raise ValueError(f"{part!r} is no step.where=action@time")
        step, where, action = found["step"], found["where"], found["action"]
        for word, known in (
            (step, (ANY, *STORE_STEPS, *SENDING_STEPS)),
            (where, tuple(Where)),
            (action, tuple(Action)),
        ):
            if word not in known:
                raise ValueError(f"{word!r} is none of {', '.join(known)}")
        points.append(Failpoint(step, Where(where), Action(action), int(found["time"] or 1), bool(found["again"])))
    return tuple(points)
