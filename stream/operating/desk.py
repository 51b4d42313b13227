"""The desk: where a server in an event loop hands in commands of its callers, and gets the answers.

Rules: so many at once and no more, each in a thread; who waits in vain learns whether the command was sent. A way to
the workers is kept for the next caller, and let go of when it failed. Nothing is decided here.
Must not know: HTTP, what a command asks for.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from stream.operating.requesting import NoAnswerError, RequestError
from stream.reading.turns import turn
from stream.reading.walking import UnavailableError
from topics.commands import Command, Result
from topics.headers import Headers

ANSWER_SECONDS: Final = 8.0
AT_ONCE: Final = 4


class Way(Protocol):
    """A way to the workers, for one command after the other (`stream.operating.requesting.Requests`)."""

    def ask(self, command: Command, timeout_seconds: float, headers: Headers) -> Result:
        """Send a command and wait for its answer."""
        ...

    def close(self) -> None:
        """Let go of the broker."""
        ...


class Desk:
    """Takes commands, as long as Kafka does."""

    def __init__(self, opening: Callable[[], Way]) -> None:
        self._opening = opening
        self._places = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Way] = []
        """Open, and used by nobody: to connect takes longer than to ask."""
        self._closed = False

    async def ask(self, command: Command, headers: Headers) -> Result | None:
        """Send a command and wait for its answer. None: it was sent, and nobody has answered yet.

        Raises:
            UnavailableError: it was not sent, as far as is known.
        """
        async with turn(self._places, "others are being asked at the moment"):
            return await asyncio.to_thread(self._ask, command, headers)

    async def close(self) -> None:
        """Let go of the broker. Who is being answered still is."""
        self._closed = True
        while self._idle:
            await asyncio.to_thread(self._idle.pop().close)

    def _ask(self, command: Command, headers: Headers) -> Result | None:
        way = self._way()
        try:
            answer = way.ask(command, ANSWER_SECONDS, headers)
        except NoAnswerError:
            answer = None
        except RequestError as error:
            way.close()
            raise UnavailableError("Kafka did not take it") from error
        if self._closed:
            way.close()
        else:
            self._idle.append(way)
        return answer

    def _way(self) -> Way:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._opening()
        except RequestError as error:
            raise UnavailableError("Kafka does not answer") from error
