"""What a simulated run is made of, how often its processes fail, and what it leaves."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from resolvers.cache import Cache
from resolvers.standing import Standing
from resolvers.steps import Outgoing
from sinks.memory_store import Content, MemoryStore

Turn = Generator[None, None, None]


@dataclass(frozen=True)
class Faults:
    """How often, per turn; `rollback`: whether the store once comes back as it was some time before."""

    crash: float = 0.0
    zombie: float = 0.0
    rollback: bool = False


WEATHERS = {
    "calm": Faults(),
    "rough": Faults(crash=0.01, zombie=0.005),
    "stormy": Faults(crash=0.08),
    "haunted": Faults(crash=0.01, zombie=0.03),
}
"""No faults; a crash or zombie in most runs; crashes one upon the other; a zombie upon the other."""
ROLLED_BACK = Faults(crash=0.01, rollback=True)


@dataclass
class Outcome:
    """What a run left: the store, and every record sent, in order, by topic.

    `silenced`: how often a process died amid sending, when another had gone on with what it had begun.
    """

    store: MemoryStore
    sent: list[Outgoing]
    turns: int
    crashes: int
    zombies: int
    now: datetime
    rollbacks: int = 0
    silenced: int = 0


class Kept(NamedTuple):
    """A store as it was: its content and its positions."""

    content: Content
    done_input: dict[int, int]
    done_changes: list[int]
    done_commands: int


@dataclass
class Process:
    """One worker process: its cache and its loops."""

    cache: Cache
    standing: Standing
    generation: int
    loops: list[Turn] = field(default_factory=list)


class SessionLostError(Exception):
    """A fence has ended the session of a process."""
