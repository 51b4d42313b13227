"""Steps: all that the resolver and the projection ask of the world, as values.

The protocols of `resolving` and `projecting` are generators: they yield a step and are sent its reply. So the same
code runs over Redis and Kafka, over their in-memory twins, and under a simulation that interleaves and kills workers
between any two steps. Each step is atomic on one key (two keys of one component for `Intend`); `Together` is several
steps in any order.
Must not know: who carries a step out.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeVar

from msgspec import Struct

Reply = Any
T = TypeVar("T")
Protocol = Generator["Step", Reply, T]


class Pause(Struct, frozen=True, gc=False):
    """Leave others a moment, for what is waited for -> None. Alone, never `Together` with others."""


class ReadHome(Struct, frozen=True, gc=False):
    """Which component an identifier was put in -> its name, or None."""

    key: str


class ClaimHome(Struct, frozen=True, gc=False):
    """Put an identifier in a component unless it is in one -> the name of the one it is in."""

    key: str
    component: str


class ShortenHome(Struct, frozen=True, gc=False):
    """An identifier's component has moved: say where to, unless somebody else did -> None."""

    key: str
    seen: str
    component: str


class ReadComponent(Struct, frozen=True, gc=False):
    """-> Component."""

    component: str


class Commit(Struct, frozen=True, gc=False):
    """Set and remove fields if the component is at `version` and has not moved -> its new version, or None: refused."""

    component: str
    version: int
    fields: Mapping[str, bytes]
    removed: tuple[str, ...] = ()


class Freeze(Struct, frozen=True, gc=False):
    """Mark a component as moving to another, unless it has moved -> the name of where it moves to."""

    component: str
    to: str


class Redirect(Struct, frozen=True, gc=False):
    """A move that is pending to `seen` is to go to another component; '' calls it off -> None."""

    component: str
    seen: str
    to: str


class Settle(Struct, frozen=True, gc=False):
    """Empty a component whose content has arrived where it moved to -> None."""

    component: str


class ReadPublication(Struct, frozen=True, gc=False):
    """-> Publication."""

    component: str


class Intend(Struct, frozen=True, gc=False):
    """Begin a publication, if the component is there, has not moved, and its publication is at `revision`.

    `state`: what holds when it has arrived; `sending`: what that is -> the new revision, or None: refused.
    """

    component: str
    revision: int
    state: bytes
    sending: bytes


class Complete(Struct, frozen=True, gc=False):
    """What was begun has arrived, at these offsets: its state holds, if still at `revision` -> bool.

    `instead`: the state to keep, where that is not the one that was written down.
    """

    component: str
    revision: int
    offsets: bytes
    instead: bytes | None = None


class DropPublication(Struct, frozen=True, gc=False):
    """Forget what a moved component had published: it was taken over -> None."""

    component: str


class Schedule(Struct, frozen=True, gc=False):
    """Have the projection told of a component at an instant, beside all others at which it will be -> None."""

    component: str
    due_us: int


class NameProfile(Struct, frozen=True, gc=False):
    """Say which identifier leads to a profile id, before the id is first published -> None."""

    profile_id: str
    key: str


class ReadDecision(Struct, frozen=True, gc=False):
    """-> what was decided about a command, as `topics.commands` writes results, or None."""

    command: str


class Decide(Struct, frozen=True, gc=False):
    """Record what is decided about a command, unless that was done before -> what holds."""

    command: str
    decision: bytes


class ReadDecisions(Struct, frozen=True, gc=False):
    """-> everything that was decided about commands, in no order."""


class Rewrite(Struct, frozen=True, gc=False):
    """Write what is recorded about a command, whatever it was -> None."""

    command: str
    decision: bytes


class Fence(Struct, frozen=True, gc=False):
    """Let every session but those that begin from now on end, this one too; once for each name -> None.

    `ended`: lives that are over for the sessions to come (`resolvers.lives`).
    """

    name: str
    ended: bytes = b""


class ReadProfileName(Struct, frozen=True, gc=False):
    """-> the identifier that leads to a profile id, or None."""

    profile_id: str


class ForgetProfile(Struct, frozen=True, gc=False):
    """No identifier leads to a profile id any more -> None."""

    profile_id: str


class ForgetHome(Struct, frozen=True, gc=False):
    """An identifier is in no component any more -> None."""

    key: str


class ForgetComponent(Struct, frozen=True, gc=False):
    """There is no component of this name any more, and no publication, if it is at `version` -> whether that is so."""

    component: str
    version: int


class ForgetDue(Struct, frozen=True, gc=False):
    """A component is not to be looked at any more, at no instant -> None."""

    component: str


class Outgoing(Struct, frozen=True, gc=False, array_like=True):
    """A record for an output topic. `topic` is the name without prefix."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Publish(Struct, frozen=True, gc=False):
    """Send records in this order and wait until the broker has them -> their offsets."""

    records: Sequence[Outgoing]


class Notice(Struct, frozen=True, gc=False, array_like=True):
    """A component changed: what the projection needs to publish it.

    `version`: the component's, at least; 0: read it afresh. `id`, `source`: the event that caused it, appended at
    `append_ms`. `again`: old records may lie behind the newest, so publish all that there is again. `due_us`: look at
    it as it is then, if it is not later yet. `strays`: states with profiles that a subscriber knows and the store does
    not (`restoring.with_strays`).
    """

    component: str
    version: int
    id: str
    source: str
    append_ms: int
    traceparent: str | None = None
    again: bool = False
    due_us: int = 0
    strays: tuple[bytes, ...] = ()


class Notify(Struct, frozen=True, gc=False):
    """Tell the projection -> None."""

    notice: Notice


class Together(Struct, frozen=True, gc=False):
    """Steps that do not depend on each other -> their replies, in this order."""

    steps: Sequence["Step"]


Step = (
    Pause
    | ReadHome
    | ClaimHome
    | ShortenHome
    | ReadComponent
    | Commit
    | Freeze
    | Redirect
    | Settle
    | ReadPublication
    | Intend
    | Complete
    | DropPublication
    | Schedule
    | NameProfile
    | ReadDecision
    | Decide
    | ReadDecisions
    | Rewrite
    | Fence
    | ReadProfileName
    | ForgetProfile
    | ForgetHome
    | ForgetComponent
    | ForgetDue
    | Publish
    | Notify
    | Together
)


def together(protocols: Sequence[Protocol[T]]) -> Protocol[list[T]]:
    """Run protocols side by side: in each round the steps of all that are not finished go out as one.

    Returns:
        Their results, in the order given.
    """
    results: dict[int, T] = {}
    going: Iterable[tuple[int, Protocol[T]]] = enumerate(protocols)
    replies: Iterable[Reply] = repeat(None, len(protocols))
    while True:
        waiting: list[tuple[int, Protocol[T]]] = []
        asked: list[Step] = []
        for one, reply in zip(going, replies, strict=True):
            try:
                asked.append(one[1].send(reply))
            except StopIteration as stop:
                results[one[0]] = stop.value
            else:
                waiting.append(one)
        if not waiting:
            return [results[index] for index in range(len(protocols))]
        going = waiting
        replies = yield Together(asked)
