"""Memory: a worker that comes near what it may take remembers fewer people, before the kernel ends it.

What a cached component takes depends on what its people have done, so no number of them is right for everybody: the
cache is halved where the process is larger than it should be. It does not become smaller by that, because Python keeps
what it has freed for itself; so it is halved again only where the process has grown further.
Rule: to remember less is always harmless (`resolvers.cache`); it costs more reading.
Must not know: what is remembered.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import PROCESS_COLLECTOR

from resolvers.cache import COMPONENTS, Cache
from stream.session import Session

SHARE: Final = 0.75
"""Of what a worker may take, from which on it remembers less: the rest is for batches, and a second's growth."""
GROWTH: Final = 1.05
"""By how much it has to grow after that to remember still less."""
COMPONENTS_LEAST: Final = 1_000
LOOK_SECONDS: Final = 1.0
CGROUP: Final = Path("/sys/fs/cgroup")
UNLIMITED: Final = 1 << 60
"""From here on a limit is the kernel's word for none."""

log = structlog.get_logger("idweave.memory")


def container_limit(cgroup: Path = CGROUP) -> int | None:
    """How many bytes this process's container may take; None: there is no limit, or none that can be told."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = int((cgroup / name).read_text(encoding="ascii"))
        except (OSError, ValueError):  # "max", or another system
            continue
        if limit < UNLIMITED:
            return limit
    return None


def resident() -> int:
    """How many bytes of memory this process takes, as its metric says; 0 where the system does not."""
    found = {metric.name: metric.samples[0].value for metric in PROCESS_COLLECTOR.collect()}
    return int(found.get("process_resident_memory_bytes", 0))


class Memory:
    """How much a worker may remember. `components`: as many as a cache keeps by now."""

    def __init__(self, limit: int | None, used: Callable[[], int] = resident) -> None:
        self.components = COMPONENTS
        self._used = used
        self._next = float("inf") if limit is None else limit * SHARE

    def look(self, cache: Cache) -> None:
        """Have a cache keep half as much, if the process has grown too large."""
        used = self._used()
        if used < self._next or self.components == COMPONENTS_LEAST:
            return
        self.components = max(self.components // 2, COMPONENTS_LEAST)
        self._next = used * GROWTH
        cache.keep_fewer(self.components)
        log.warning(
            "near the memory it may take (IDWEAVE_MEMORY_MB): fewer people are remembered, and read again more often",
            resident_mib=used >> 20,
            components=self.components,
        )

    async def watch(self, session: Session) -> None:
        """Look every second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look((await session.parts()).cache)
