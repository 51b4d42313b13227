"""`idweave worker`: a Faust worker that logs as we do, stops by a signal, and says at once what it misses.

Rules: what is wrong with the servers at the start is a sentence and exit code 1, because whoever typed the command is
looking, also where one goes away before the worker is ready; later the worker waits for them. SIGTERM and SIGINT end
it with exit code 0, within `STOP_SECONDS`: a server that is gone may hold on to a client for longer, and nothing is
lost by leaving it, because positions move only after their effects.
Must not know: what the agents do.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable

import faust
import structlog
import uvloop
from aiokafka.errors import KafkaConnectionError

from stream.app import Worker
from stream.cli.console import USAGE, CommandFailedError, broker_list, no_broker
from stream.cli.requirements import differing_topics, require_order, require_store, require_topics
from stream.config.addresses import Address
from stream.config.settings import Settings
from stream.kafka_security import credentials
from stream.logging_setup import set_up_logging
from stream.web.server import AddressError

LOOK_SECONDS = 0.1
STOP_SECONDS = 15.0
"""Half of what Kubernetes waits before it kills."""
EXIT_STOPPED = 0
CRASHED = "Crashed reason=%r"
"""What Faust's services say first, with the exception, when one has ended them."""

log = structlog.get_logger("idweave.worker")


class WorkerProcess(faust.Worker):  # type: ignore[misc]  # Faust's types are not followed
    """Faust's worker without its own logging, its spinner, and its debugger behind SIGUSR2."""

    def __init__(self, app: faust.App, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(app, loop=loop, quiet=True, override_logging=False)
        self.spinner = None

    def _install_signal_handlers_unix(self) -> None:
        self.loop.add_signal_handler(signal.SIGINT, self._stop_in_time, self._on_sigint)
        self.loop.add_signal_handler(signal.SIGTERM, self._stop_in_time, self._on_sigterm)

    def _stop_in_time(self, stop: Callable[[], None]) -> None:
        """Stop, and end the process if a client of a server that is gone holds on to it."""
        deadline = threading.Timer(STOP_SECONDS, _end)
        deadline.daemon = True
        deadline.start()
        stop()


class Starting(logging.Filter):
    """Keeps back what libraries say of a start that has failed because no broker answers: it is said in a sentence.

    `failure`: that it has; `over`: the worker was ready, and nothing is kept back any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failure: KafkaConnectionError | None = None
        self.over = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, KafkaConnectionError) and CRASHED in str(record.msg) and not self.over:
            self.failure = error
        return self.failure is None


def _end() -> None:
    log.warning(
        "stopped, and not everything could be closed: a server does not answer. Nothing is lost: the next worker begins"
        " at the store's positions",
        after_seconds=STOP_SECONDS,
        exit_code=EXIT_STOPPED,
    )
    os._exit(EXIT_STOPPED)


def run_worker(settings: Settings, on_ready: Callable[[Address], None] | None = None) -> None:
    """Run a worker until it is told to stop; ends the process.

    Args:
        settings: what it is told.
        on_ready: called with the address of its HTTP interface as soon as it reads and publishes. Who gives it speaks
            for the worker: then only warnings and errors are logged.

    Raises:
        CommandFailedError: a server or a topic is not there.
        SystemExit: always, otherwise.
    """
    require_security(settings)
    require_order(settings, require_topics(settings))
    require_store(settings)
    set_up_logging(level=logging.INFO if on_ready is None else logging.WARNING)
    _tell_of_topics(settings)
    starting = Starting()
    for handler in logging.getLogger().handlers:
        handler.addFilter(starting)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(settings)
    try:
        address = worker.web.bind()
    except AddressError as error:
        raise CommandFailedError(str(error)) from error

    async def tell_when_ready() -> None:
        while worker.not_ready():  # noqa: ASYNC110 - nobody says when that ends
            await asyncio.sleep(LOOK_SECONDS)
        starting.over = True
        if on_ready is not None:
            on_ready(address)
        log.info("ready", http=f"{address.host}:{address.port}")

    worker.app.task(tell_when_ready)
    log.info(
        "starting",
        brokers=broker_list(settings),
        redis=settings.redis_shown,
        topics=f"{settings.topic_prefix}.*",
        config=settings.config_file.name,
    )
    try:
        WorkerProcess(worker.app, loop).execute_from_commandline()
    except SystemExit as ending:
        if starting.failure is not None:
            raise no_broker(settings, "it went away while the worker was starting") from starting.failure
        log.info("stopped", exit_code=ending.code)
        raise


def _tell_of_topics(settings: Settings) -> None:
    """Log what is not as it must be on the broker, and what to do."""
    differing = differing_topics(settings)
    if differing is None:
        log.info("whether the topics are set up as they must be is not known: this account may not look")
    for report in differing or ():
        log.warning(
            "a topic is not set up as it must be: change it with kafka-configs, then start the workers again",
            topic=report.topic,
            differs=list(report.differences),
        )


def require_security(settings: Settings) -> None:
    """See that the reader takes the security settings that the producer takes.

    Raises:
        CommandFailedError: otherwise.
    """
    try:
        credentials(settings.kafka_settings())
    except (ValueError, OSError) as error:
        raise CommandFailedError(
            f"environment: IDWEAVE_KAFKA_*: the security settings cannot be used: {error}", USAGE
        ) from error
