"""Logging: one line of JSON for each thing that happened, or a readable line on a terminal.

Rules: information and above from the engine, warnings and above from libraries; no personal data. So an exception is
logged as its type and the lines of code it came through: its message may quote an event. The world's errors (sockets,
Kafka) keep theirs, because they speak of servers.
Must not know: what is logged.
"""

import logging
import sys
import traceback
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

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
    rendering = _for_people() if out.isatty() else _for_machines()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("idweave").setLevel(level)


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
