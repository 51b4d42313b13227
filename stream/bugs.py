"""A bug of ours: say where it is, and end the process. The next one starts from the store's positions.

No state of a process with a bug can be trusted any more, and Faust would go on with the next chunk. What the world does
(store, broker) is not a bug: `stream.session` waits it out.
Must not know: what was being done.
"""

import os
import traceback
from typing import NoReturn

import structlog

EXIT_BUG = 70

log = structlog.get_logger("idweave.bugs")


def end_process(error: BaseException) -> NoReturn:
    """Say where a bug is, without what it was about: messages of exceptions may hold anything. Then end."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.critical("a bug: the process ends, and may be started again", error=type(error).__name__, frames=frames)
    os._exit(EXIT_BUG)
