"""One connection to one Redis: commands go out at once, replies come back in order, and what is lost stays lost.

Rules: never a retry and never a reconnect, because what was in flight may have happened, and the server that answers
next may have lost writes; any number of tasks may call at once; a cancelled caller does no harm to the others.
Must not know: which commands.
"""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, MasterDownError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from sinks.store import StoreLostError, StoreRefusedError

Command = Sequence[str | bytes | int]


class _Call:
    __slots__ = ("replies", "waiting", "wanted")

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.replies: list[Any] = []
        self.waiting: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()


class RedisLink:
    """An open connection. `timeout_seconds` bounds every call."""

    def __init__(self, connection: AbstractConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._calls: deque[_Call] = deque()
        self._lost: str | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, timeout_seconds: float) -> "RedisLink":
        """Connect, authenticate and choose the database.

        Raises:
            StoreRefusedError: the address or the credentials are no good.
            StoreLostError: nobody answers there.
        """
        ours: dict[str, Any] = {
            "protocol": 2,
            "socket_timeout": None,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_error": [],
            "retry_on_timeout": False,
            "decode_responses": False,
            "health_check_interval": 0,
        }
        pool = _pool(url, ours)
        pool.connection_kwargs.update(ours)  # what the address says of these does not count
        connection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(timeout_seconds):
                await connection.connect()
        except AuthenticationError as error:
            raise StoreRefusedError(f"Redis does not accept the user or the password: {error}") from error
        except (RedisError, OSError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise StoreLostError(f"Redis does not answer: {str(error) or type(error).__name__}") from error
        return cls(connection, timeout_seconds)

    @property
    def lost(self) -> str | None:
        """Why this connection is of no use any more; None: it is open, as far as anybody knows."""
        return self._lost

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together -> a reply for each; an error reply is a `ResponseError` in its place.

        Raises:
            StoreLostError: the connection is gone, now or before; whether the commands were carried out is unknown.
        """
        assert commands, "no command would ever be answered"
        data = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
        if not self._connection.is_connected:  # the client would connect again by itself
            self._lose("the connection to Redis is lost")
        if self._lost is not None:
            raise StoreLostError(self._lost)
        call = _Call(len(data))
        self._calls.append(call)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._send(data)
                return await call.waiting
        except (RedisError, OSError, TimeoutError) as error:
            call.waiting.cancel()
            self._lose(str(error) or f"Redis did not answer within {self._timeout_seconds} s")
        raise StoreLostError(self._lost)

    async def _send(self, data: list[bytes]) -> None:
        """Hand commands over, all of them or none; then wait while too much is on its way.

        By the connection's writer: the client's own way closes the connection for everybody when one who waits is
        cancelled.
        """
        writer = self._connection._writer  # noqa: SLF001 - the same
        assert writer is not None, "it is connected"
        try:
            writer.writelines(data)
            await writer.drain()
        except RuntimeError as error:
            # So uvloop calls it when the other side has closed the connection, and who reads has not been told yet.
            raise ConnectionResetError(str(error)) from error

    async def close(self) -> None:
        """Close the connection; calls in flight raise `StoreLostError`."""
        self._lose("this store was closed")
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                try:
                    reply = await self._connection.read_response(timeout=math.inf, disconnect_on_error=False)
                except ResponseError as error:
                    # Not, or no longer, the server that keeps what we write; Redis 6 says so inside a script's error.
                    if isinstance(error, ReadOnlyError | MasterDownError) or "-READONLY" in str(error):
                        raise
                    reply = error
                assert self._calls, "a reply that nobody asked for"
                call = self._calls[0]
                call.replies.append(reply)
                if len(call.replies) == call.wanted:
                    self._calls.popleft()
                    if not call.waiting.done():
                        call.waiting.set_result(call.replies)
        except (RedisError, OSError, EOFError) as error:
            self._lose(f"the connection to Redis is lost: {error}")
        finally:
            await self._connection.disconnect(nowait=True)

    def _lose(self, why: str) -> None:
        """Nothing can be sent or received any more: everybody who waits learns it."""
        if self._lost is not None:
            return
        self._lost = why
        if asyncio.current_task() is not self._reading:
            self._reading.cancel()
        for call in self._calls:
            if not call.waiting.done():
                call.waiting.set_exception(StoreLostError(why))
                call.waiting.exception()  # who waits may have been cancelled: nobody is to be told that nobody asked
        self._calls.clear()


def _pool(url: str, ours: Mapping[str, Any]) -> ConnectionPool:
    """What makes connections to an address."""
    pool = _understood(url, ours)
    if pool is None:  # the reason would quote the address, and with it a password
        raise StoreRefusedError(
            "The address of Redis can't be read. It looks like redis://user:password@host:6379/0, with special"
            " characters of the password percent-encoded."
        )
    return pool


def _understood(url: str, ours: Mapping[str, Any]) -> ConnectionPool | None:
    try:
        parts = urlsplit(url)
        if parts.fragment or not (parts.hostname or parts.scheme == "unix"):
            return None  # a `#` in a password cuts the host off, and the client would take this machine
        return ConnectionPool.from_url(url, **ours)
    except (ValueError, TypeError):
        return None
