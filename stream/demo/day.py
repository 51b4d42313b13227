"""The demo: a synthetic retail day through the whole engine, and what came out of it.

The worker is a process of its own, the same `idweave worker` that runs in production; this process is its world: it
publishes, watches and subscribes with stock clients.
Rules: nothing is left behind; whatever fails is a sentence; the same seed shows the same people.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import msgspec
from rich.console import Console

from resolvers.admission import Admission
from resolvers.pseudonyms import Pseudonyms
from sinks.log_reader import LogReadError
from stream.cli.console import CommandFailedError, complain
from stream.cli.person_card import card
from stream.config.settings import Settings
from stream.demo.display import Display
from stream.demo.live import Stopwatch
from stream.demo.outputs import read_outputs
from stream.demo.person import reasons
from stream.demo.summary import Pace, best_person, sections
from stream.demo.watch import Seen, Watch, WatchError
from stream.demo.world import World
from stream.importing.publishing import Line, PublishingError, TouchpointPublisher
from stream.servers.child_process import LOOPBACK, ChildProcess, free_port

LIVE_EVENTS_MAX: Final = 1_000
LIVE_PER_SECOND: Final = 250.0
LOOK_SECONDS: Final = 0.1
LIVE_LOOK_SECONDS: Final = 0.5
STUCK_SECONDS: Final = 60.0


class Demo:
    """One run, against servers whose topics are there and empty."""

    def __init__(self, settings: Settings, console: Console, world: World) -> None:
        self._settings = settings
        self._console = console
        self._world = world
        self._lines: list[Line] = [(one.key, one.value) for one in world.records]
        self._live = min(LIVE_EVENTS_MAX, len(self._lines) // 4)
        self._started_at = 0.0  # when the worker had done nothing yet, last looked at
        self._last = Seen()
        self._looked_at = 0.0

    def run(self) -> None:
        """Publish the day, wait until everybody is published, and tell about it.

        Raises:
            CommandFailedError: it could not be brought to its end.
        """
        try:
            with ExitStack() as stack:
                self._worker = stack.enter_context(worker_process(self._settings))
                self._watch = Watch(self._settings)
                stack.callback(self._watch.close)
                brokers = ",".join(self._settings.brokers)
                kafka = self._settings.kafka_settings()
                self._publisher = TouchpointPublisher(brokers, self._settings.topic_prefix, kafka)
                stack.callback(self._publisher.stop)
                pace = self._publish()
            self._tell(pace)
        except (PublishingError, WatchError, LogReadError) as error:
            raise CommandFailedError(
                f"The demo cannot go on: {error}. Look at the servers and start it again."
            ) from error

    def _publish(self) -> Pace:
        bulk, live = self._lines[: -self._live or None], self._lines[len(self._lines) - self._live :]
        with Display(self._console, len(self._lines)) as display:
            self._display = display
            self._started_at = time.monotonic()
            self._publisher.publish(bulk, progress=lambda _: self._look())
            self._settle(len(bulk))
            bulk_seconds = self._watch.moved_at - self._started_at
            stopwatch = Stopwatch(self._settings)
            try:
                self._publisher.publish(
                    stopwatch.timed(live), per_second=LIVE_PER_SECOND, progress=lambda _: self._listen(stopwatch)
                )
                self._settle(len(self._lines), stopwatch)
            finally:
                stopwatch.close()
        return Pace(len(bulk), bulk_seconds, len(live), LIVE_PER_SECOND, stopwatch.seconds)

    def _listen(self, stopwatch: Stopwatch) -> None:
        stopwatch.listen()
        self._look(LIVE_LOOK_SECONDS)

    def _settle(self, published: int, stopwatch: Stopwatch | None = None) -> None:
        """Wait until all that was published is resolved and all that followed from it is published."""
        if self._publisher.failed:
            raise PublishingError(self._publisher.reason)
        self._last = self._last._replace(settled=False)
        while not self._last.settled or self._last.resolved < published:
            time.sleep(0.002 if stopwatch is not None else LOOK_SECONDS / 2)
            if stopwatch is not None:
                stopwatch.listen()
            self._look()
            if time.monotonic() - self._watch.moved_at > STUCK_SECONDS:
                log = "\n  ".join(self._worker.last_log_lines())
                raise CommandFailedError(
                    f"Nothing has moved for {STUCK_SECONDS:.0f} s: {self._last.resolved:,} of {published:,} events are"
                    f" resolved. The worker's last words:\n  {log}"
                )

    def _look(self, every_seconds: float = LOOK_SECONDS) -> None:
        """Look at the engine, if it is time to, and show it."""
        now = time.monotonic()
        if now - self._looked_at < every_seconds:
            return
        self._worker.require_alive()
        seen = self._watch.look(self._publisher.delivered)
        idle = not seen.resolved and not seen.versions
        if idle:
            self._started_at = now
        self._last = seen
        self._looked_at = time.monotonic()
        waiting = "the worker joins its group" if idle else ""
        self._display.show(self._publisher.delivered, seen.resolved, seen.versions, waiting)

    def _tell(self, pace: Pace) -> None:
        settings = self._settings
        rules = settings.configuration.rules
        admission = Admission(rules, Pseudonyms(settings.hash_key.reveal().encode()))
        outputs = read_outputs(settings)
        for title, lines in sections(self._world, outputs, admission, pace):
            self._section(title, lines)
        person = best_person(outputs.profiles.values())
        if person is not None:
            self._section("One of them, whole", card(person))
            self._section("Why these identifiers are one person", reasons(settings, person))

    def _section(self, title: str, lines: list[str]) -> None:
        self._console.print()
        self._console.print(title, style="bold cyan", markup=False)
        for line in lines:
            self._console.print(f"  {line}", markup=False)


@contextmanager
def worker_process(settings: Settings) -> Iterator[ChildProcess]:
    """A worker with these settings, as a process, for as long as the block runs."""
    port = free_port()
    command = [sys.executable, "-m", "stream.cli", "worker"]
    with tempfile.TemporaryDirectory(prefix="idweave-demo-") as folder:
        worker = ChildProcess("worker", command, Path(folder), port, environment_of(settings, port))
        try:
            worker.start(lambda: True, ready_seconds=0)  # it is ready when it has joined its group, which is watched
            yield worker
        except KeyboardInterrupt:
            complain("Ending: the worker finishes what it has begun, then all that was started is stopped.", "yellow")
            raise
        finally:
            worker.stop()


def environment_of(settings: Settings, http_port: int) -> dict[str, str]:
    """The variables that make another process read the same settings, wherever it runs."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")}
    packages = str(Path(__file__).resolve().parents[2])
    kafka = {
        f"IDWEAVE_KAFKA_{name.upper().replace('.', '_')}": text for name, text in settings.kafka_settings().items()
    }
    memory = {} if settings.memory_bytes is None else {"IDWEAVE_MEMORY_MB": str(settings.memory_bytes >> 20)}
    return {
        **ours,
        **kafka,
        **memory,
        "PYTHONPATH": os.pathsep.join(filter(None, [packages, ours.get("PYTHONPATH", "")])),
        "IDWEAVE_BROKERS": ",".join(settings.brokers),
        "IDWEAVE_REDIS_URL": settings.redis_url.reveal(),
        "IDWEAVE_TOPIC_PREFIX": settings.topic_prefix,
        "IDWEAVE_REDIS_PREFIX": settings.redis_prefix,
        "IDWEAVE_HASH_KEY": settings.hash_key.reveal(),
        "IDWEAVE_ID_KEY": settings.id_key.reveal(),
        "IDWEAVE_HTTP": f"{LOOPBACK}:{http_port}",
        "IDWEAVE_CONFIG": str(settings.config_file.resolve()),
    }


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """A request to end (SIGTERM) ends the block as Ctrl-C does, so that what it has started is stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def without_kafka_settings(settings: Settings) -> Settings:
    """The settings for a broker that knows no authentication, whatever the environment says of another one."""
    return msgspec.structs.replace(settings, kafka={})
