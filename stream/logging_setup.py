"""Logging: one line of JSON for each thing that happened, or a readable line on a terminal.

Rules: information and above from the engine, warnings and above from libraries, the same words of a library once in a
while, because a client whose server is away says them many times a second; no personal data. So an exception is
logged as its type and the lines of code it came through: its message may quote an event. The world's errors (sockets,
Kafka) keep theirs, because they speak of servers.
Must not know: what is logged.
"""

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

AGAIN_SECONDS = 10.0
NUMBER = re.compile(r"\d+(?:\.\d+)?")
REMEMBERED = 1_000
"""So many different things are told apart, so that names in them can fill no memory."""
WORLD = ("aiokafka", "confluent_kafka", "kafka", "redis")


def set_up_logging(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Log to `stream` (stdout), from structlog and from the standard library alike. `level`: of the engine's own."""
    out = sys.stdout if stream is None else stream
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _plain_errors,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(_without_quotes)
    handler.addFilter(Seldom())
    rendering = _for_people() if out.isatty() else _for_machines()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("idweave").setLevel(level)
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    """What Python would print of a thread that an exception has ended, as a line like all others."""
    thread = None if ended.thread is None else ended.thread.name
    structlog.get_logger("idweave.threads").error("a thread has ended", thread=thread, exc_info=ended.exc_value)


class Seldom(logging.Filter):
    """Lets a library say a thing once in a while: a broker that is away is worth a line, not ten a second.

    What it says of our own is `structlog`'s, and always let through.
    """

    def __init__(self, clock_seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock_seconds = clock_seconds
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it; what was kept back is counted at the end of the next one."""
        if isinstance(record.msg, dict):
            return True
        key = record.name, record.levelno, NUMBER.sub("#", record.getMessage())
        now = self._clock_seconds()
        since, kept = self._said.get(key, (-AGAIN_SECONDS, 0))
        if now - since < AGAIN_SECONDS:
            self._said[key] = since, kept + 1
            return False
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        self._said[key] = now, 0
        if kept:
            record.msg = f"{record.msg} (and {kept} more like it before)"
        return True


def _for_people() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=True, timestamp_key="at", pad_event_to=0)]


def _for_machines() -> list[Processor]:
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: EventDict, **_: Any) -> str:  # noqa: ANN401 - structlog's
    return orjson.dumps(event, default=lambda value: type(value).__name__).decode()


def is_the_worlds(error: BaseException) -> bool:
    """Whether an error speaks of servers, and so may be quoted."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in WORLD


def shown(error: BaseException) -> str:
    """An error for a log line: its type, and what it says if that cannot be personal."""
    name = type(error).__name__
    return f"{name}: {error}" if is_the_worlds(error) else name


def _plain_errors(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace `exc_info`, and any exception among the values, by what may be said of it."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    for name, value in event.items():
        if isinstance(value, BaseException):
            event[name] = shown(value)
    if isinstance(error, BaseException):
        event["error"] = shown(error)
        event["frames"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _without_quotes(record: logging.LogRecord) -> bool:
    """A library's record without what exceptions among its arguments may quote."""
    if isinstance(record.args, tuple):
        record.args = tuple(shown(one) if isinstance(one, BaseException) else one for one in record.args)
    return True
