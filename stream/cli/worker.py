"""`idweave worker`: a Faust worker that logs as we do, stops by a signal, and says at once what it misses.

Rules: what is wrong with the servers at the start is a sentence and exit code 1, because whoever typed the command is
looking; later the worker waits for them. SIGTERM and SIGINT end it cleanly with exit code 0.
Must not know: what the agents do.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

import faust
import structlog
import uvloop
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sinks.kafka_settings import client_settings
from sinks.redis_store import RedisStore
from sinks.store import StoreLostError, StoreRefusedError
from stream.app import Worker
from stream.cli.console import USAGE, CommandFailedError, broker_list, no_broker, no_store
from stream.config.settings import Settings
from stream.kafka_security import credentials
from stream.logging_setup import set_up_logging
from stream.web.server import AddressError
from topics.catalogue import ALL

BROKER_SECONDS = 5.0
STOP_SECONDS = 15.0
"""Half of what Kubernetes waits before it kills."""
EXIT_UNCLOSED = 1

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
        """Stop, and end the process if a client of a server that is gone holds on to it: all that counts is stored."""
        deadline = threading.Timer(STOP_SECONDS, _end)
        deadline.daemon = True
        deadline.start()
        stop()


def _end() -> None:
    log.warning("ended before everything was closed", after_seconds=STOP_SECONDS)
    os._exit(EXIT_UNCLOSED)


def run_worker(settings: Settings) -> None:
    """Run a worker until it is told to stop; ends the process.

    Raises:
        CommandFailedError: a server or a topic is not there.
        SystemExit: always, otherwise.
    """
    require_security(settings)
    require_topics(settings)
    require_store(settings)
    set_up_logging()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(settings)
    try:
        worker.web.bind()
    except AddressError as error:
        raise CommandFailedError(str(error)) from error
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
        log.info("stopped", exit_code=ending.code)
        raise


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


def require_topics(settings: Settings) -> None:
    """See that a broker answers and has every topic.

    Raises:
        CommandFailedError: otherwise.
    """
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        there = admin.list_topics(timeout=BROKER_SECONDS).topics
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    wanted = [topic.full_name(settings.topic_prefix) for topic in ALL]
    missing = [name for name in wanted if name not in there]
    if missing:
        listed = ", ".join(missing) if len(missing) < len(wanted) else f"every one of {settings.topic_prefix}.*"
        raise CommandFailedError(
            f"Topics are missing on {broker_list(settings)}: {listed}. Create them with `idweave topics create`."
        )


def require_store(settings: Settings) -> None:
    """See that the store answers and can be used.

    Raises:
        CommandFailedError: otherwise.
    """

    async def look() -> None:
        url = settings.redis_url.reveal()
        store = await RedisStore.open(
            url, settings.redis_prefix, settings.identity_fingerprint, topics=settings.topic_prefix
        )
        await store.close()

    try:
        asyncio.run(look())
    except StoreLostError as error:
        raise no_store(settings, error) from error
    except StoreRefusedError as error:
        raise CommandFailedError(str(error)) from error
