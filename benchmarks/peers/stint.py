"""A rival's stint: where it works, how much it has to do, and how long that took it by its own clocks.

A rival is a program: `python -m benchmarks.peers.NAME BROKERS REDIS_URL PREFIX EVENTS HASH_KEY`. It reads so many
events of `PREFIX.touchpoints`, publishes people to `PREFIX.profiles`, keeps its keys below `PREFIX:`, says what that
took when its last record is acknowledged, and ends.
Must not know: any rival.
"""

import json
import sys
import time
from typing import NamedTuple, Self


class Task(NamedTuple):
    """What a rival was told."""

    brokers: str
    redis_url: str
    prefix: str
    events: int
    hash_key: str

    @classmethod
    def told(cls) -> Self:
        """What stands on the command line."""
        brokers, redis_url, prefix, events, hash_key = sys.argv[1:]
        return cls(brokers, redis_url, prefix, int(events), hash_key)

    @property
    def source(self) -> str:
        """Where events are."""
        return f"{self.prefix}.touchpoints"

    @property
    def target(self) -> str:
        """Where people go."""
        return f"{self.prefix}.profiles"


class Stint:
    """From the first event to the last record acknowledged."""

    def __init__(self, events: int) -> None:
        self.left = events
        self._events = events
        self._began = 0.0
        self._cpu_began = 0.0

    def begin(self) -> None:
        """An event is there; only the first one counts."""
        if not self._began:
            self._began, self._cpu_began = time.monotonic(), time.process_time()

    def done(self, events: int) -> bool:
        """So many more are worked on -> whether these were all."""
        self.left -= events
        return self.left <= 0

    def end(self) -> None:
        """All is acknowledged: say what it took."""
        seconds, cpu_seconds = time.monotonic() - self._began, time.process_time() - self._cpu_began
        print(json.dumps({"events": self._events - self.left, "seconds": seconds, "cpu_seconds": cpu_seconds}))
