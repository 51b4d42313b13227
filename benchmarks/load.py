"""An engine under load: so many workers on empty topics and an empty store, and a generator in a process of its own.

Rules: nothing is timed before every worker reads its partitions. A measurement begins with the first event resolved
and ends when the last profile that came of them is acknowledged; CPU seconds are those of the same time, of workers,
broker and store each. Events resolved by the first look are not counted.
Must not know: what the events are, what the figures are for.
"""

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks.figures import cpu_seconds
from benchmarks.running import Servers, fresh_settings
from sinks.keys import Keys
from stream.cli.console import CommandFailedError, broker_list
from stream.config.settings import Settings
from stream.demo.day import environment_of
from stream.servers.child_process import LOOPBACK, ChildProcess, free_port
from stream.servers.redis_client import stock_client
from topics.catalogue import CHANGES, TOUCHPOINTS, Topic

READY_SECONDS: Final = 60.0
STUCK_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02
BROKER_SECONDS: Final = 10.0
STOP_SECONDS: Final = 30.0
EVER_SECONDS: Final = 86_400.0
"""For as long as something moves."""


class Cpu(NamedTuple):
    """CPU seconds of workers, broker and store; None where a server was not started here."""

    worker: float
    kafka: float | None
    redis: float | None

    def since(self, before: "Cpu") -> "Cpu":
        """What was added."""
        pairs = zip(self, before, strict=True)
        worker, kafka, redis = [None if one is None or other is None else one - other for one, other in pairs]
        return Cpu(worker or 0.0, kafka, redis)


class Measured(NamedTuple):
    """What so many events took."""

    events: int
    seconds: float
    cpu: Cpu
    changes: int
    """Notices of changed components: one for each component and batch."""

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def worker_us(self) -> float:
        """CPU microseconds of the workers for each event."""
        return 1e6 * self.cpu.worker / self.events


class Load:
    """An engine and its workers. `settings` are its own; made by `under_load`."""

    def __init__(self, servers: Servers, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.workers: list[ChildProcess] = []
        self._servers = servers
        self._folder = folder
        self._keys = Keys(settings.redis_prefix)
        self.store = stock_client(settings.redis_url.reveal(), BROKER_SECONDS)
        group = {"bootstrap.servers": broker_list(settings), "group.id": f"{settings.topic_prefix}-load"}
        self._consumer = Consumer(group)

    def close(self) -> None:
        """Stop the workers, and let go of both servers."""
        for worker in self.workers:
            worker.stop(patience_seconds=STOP_SECONDS)
        self._consumer.close()
        self.store.close()

    def start_worker(self) -> ChildProcess:
        """One more worker, which is still joining."""
        port = free_port()
        folder = self._folder / f"worker-{port}"
        command = [sys.executable, "-m", "stream.cli", "worker"]
        worker = ChildProcess("worker", command, folder, port, environment_of(self.settings, port))
        worker.start(lambda: True, ready_seconds=0)
        self.workers.append(worker)
        return worker

    def wait_until_ready(self) -> None:
        """Wait until every worker reads partitions, at one and the same look.

        Raises:
            CommandFailedError: one ends, or takes too long.
        """
        self.until(lambda: all(is_ready(worker) for worker in self.workers), "every worker reads", READY_SECONDS)

    def until(self, what: Callable[[], bool], claim: str, patience_seconds: float = STUCK_SECONDS) -> float:
        """Wait until it is so -> the monotonic clock.

        Raises:
            CommandFailedError: a worker ends, or it is not so in time.
        """
        deadline = time.monotonic() + patience_seconds
        while not what():
            for worker in self.workers:
                worker.require_alive()
            if time.monotonic() > deadline:
                words = "\n  ".join(line for worker in self.workers for line in worker.last_log_lines())
                raise CommandFailedError(
                    f"Waited {patience_seconds:.0f} s in vain: {claim}. The workers say:\n  {words}"
                )
            time.sleep(LOOK_SECONDS)
        return time.monotonic()

    def throughput(
        self, generator: Sequence[str], events: int, progress: Callable[[int], None] = lambda _resolved: None
    ) -> Measured:
        """Run a generator, and see what its events take.

        Args:
            generator: a program and its arguments, which gets broker and topic as the last two.
            events: how many it publishes.
            progress: told now and then how many of them are resolved.

        Raises:
            CommandFailedError: the generator fails, a worker ends, or nothing moves any more.
        """
        resolved, changes = self.resolved(), self.ends(CHANGES)
        moved = Moved(resolved)
        publishing = subprocess.Popen(  # noqa: S603 - our own program
            [*generator, broker_list(self.settings), TOUCHPOINTS.full_name(self.settings.topic_prefix)]
        )
        try:
            self.until(lambda: self.resolved() > resolved, "the first event is resolved")
            started, first, cpu = time.monotonic(), self.resolved(), self.cpu()

            def is_resolved() -> bool:
                now = self.resolved()
                progress(now - resolved)
                moved.look(now)
                return now - resolved >= events

            self.until(is_resolved, "every event is resolved", EVER_SECONDS)
            ended = self.until(self._is_projected, "every profile is acknowledged", 5 * STUCK_SECONDS)
        finally:
            code = publishing.wait()
        if code != 0:
            raise CommandFailedError(f"the generator ended with exit code {code}")
        spent = self.cpu().since(cpu)
        return Measured(resolved + events - first, ended - started, spent, self.ends(CHANGES) - changes)

    def cpu(self) -> Cpu:
        """CPU seconds so far."""

        def of(pids: Sequence[int]) -> float | None:
            return sum(cpu_seconds(pid) for pid in pids) if pids else None

        worker = sum(cpu_seconds(worker.pid) for worker in self.workers)
        return Cpu(worker, of(self._servers.kafka_pids), of(self._servers.redis_pids))

    def resolved(self) -> int:
        """How many touchpoints the store's positions have passed."""
        return self._positions(TOUCHPOINTS)

    def ends(self, topic: Topic) -> int:
        """How many offsets a topic has."""
        name = topic.full_name(self.settings.topic_prefix)
        partitions = [TopicPartition(name, at) for at in range(topic.partitions)]
        return sum(self._consumer.get_watermark_offsets(one, timeout=BROKER_SECONDS)[1] for one in partitions)

    def projected(self) -> int:
        """How many notices of changes the store's positions have passed."""
        return self._positions(CHANGES)

    def _is_projected(self) -> bool:
        end = self.ends(CHANGES)
        return self.projected() >= end

    def _positions(self, topic: Topic) -> int:
        name = topic.full_name(self.settings.topic_prefix)
        asking = self.store.pipeline(transaction=False)
        for at in range(topic.partitions):
            asking.get(self._keys.position(name, at))
        return sum(int(position or 0) for position in asking.execute())


class Moved:
    """Whether something still moves."""

    def __init__(self, first: int) -> None:
        self._last = first
        self._at = time.monotonic()

    def look(self, now: int) -> None:
        """Note where it is.

        Raises:
            CommandFailedError: it has been there for too long.
        """
        if now != self._last:
            self._last, self._at = now, time.monotonic()
        elif time.monotonic() - self._at > STUCK_SECONDS:
            raise CommandFailedError(f"Nothing has moved for {STUCK_SECONDS:.0f} s, after {now:,} events.")


@contextmanager
def under_load(servers: Servers, name: str, workers: int = 1) -> Iterator[Load]:
    """An engine with so many workers that read; its keys are removed in the end. `name` begins its prefix.

    Raises:
        CommandFailedError: a worker does not come up, or the system does not say what a process has worked.
    """
    if not Path("/proc/self/stat").exists():
        raise CommandFailedError("CPU seconds are read from /proc, which this system does not have: run it on Linux.")
    with ExitStack() as stack:
        settings = stack.enter_context(fresh_settings(servers, name))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        load = Load(servers, settings, Path(folder))
        if servers.embedded:
            stack.callback(_forget, load)
        stack.callback(load.close)
        for _ in range(workers):
            load.start_worker()
        if workers:
            load.wait_until_ready()
        yield load


def is_ready(worker: ChildProcess) -> bool:
    """Whether a worker says that it reads."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{worker.port}/readyz", timeout=BROKER_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _forget(load: Load) -> None:
    """Empty a store of our own, so that the next engine finds one as this did."""
    with stock_client(load.settings.redis_url.reveal(), BROKER_SECONDS) as store:
        store.flushall(asynchronous=True)
