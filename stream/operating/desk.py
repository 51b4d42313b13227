"""The desk: where a server in an event loop hands in commands of its callers, and gets the answers.

Rules: so many at once and no more, each in a thread; who waits in vain learns whether the command was sent. Nothing is
decided here.
Must not know: HTTP, what a command asks for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from stream.operating.requesting import NoAnswerError, RequestError, Requests
from stream.reading.turns import turn
from stream.reading.walking import UnavailableError
from topics.commands import Command, Result
from topics.headers import Headers

ANSWER_SECONDS: Final = 8.0
AT_ONCE: Final = 4


class Desk:
    """Takes commands, as long as Kafka does."""

    def __init__(self, opening: Callable[[], Requests]) -> None:
        self._opening = opening
        self._places = asyncio.Semaphore(AT_ONCE)

    async def ask(self, command: Command, headers: Headers) -> Result | None:
        """Send a command and wait for its answer. None: it was sent, and nobody has answered yet.

        Raises:
            UnavailableError: it was not sent, as far as is known.
        """
        async with turn(self._places, "others are being asked at the moment"):
            return await asyncio.to_thread(self._ask, command, headers)

    def _ask(self, command: Command, headers: Headers) -> Result | None:
        try:
            requests = self._opening()
        except RequestError as error:
            raise UnavailableError("Kafka does not answer") from error
        try:
            return requests.ask(command, ANSWER_SECONDS, headers)
        except NoAnswerError:
            return None
        except RequestError as error:
            raise UnavailableError("Kafka did not take it") from error
        finally:
            requests.close()
