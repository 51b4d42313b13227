"""Serve the HTTP interface in the worker's event loop.

Rules: the address is taken before anything is served, so that a taken port is a sentence; signals are the worker's, not
the server's; nothing of a request is logged; when the worker stops, so does this, within a second or two.
Must not know: the routes.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from stream.config.addresses import Address
from stream.web.protocol import BoundedProtocol

EXIT_ADDRESS: Final = 1
BACKLOG: Final = 128
STOP_SECONDS: Final = 1

log = structlog.get_logger("idweave.web")


class AddressError(Exception):
    """The address can't be listened on. The message says which, why, and what to do."""


class Source(Protocol):
    """Something that is to be closed at the end."""

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class WebServer:
    """One HTTP server; `run` is a task of the worker."""

    def __init__(self, app: ASGIApp, address: Address, sources: Sequence[Source]) -> None:
        """`sources`: what the app reads from, closed when it is not served any more."""
        self._address = address
        self._app = app
        self._sources = sources
        self._socket: socket.socket | None = None

    def bind(self) -> Address:
        """Take the address -> what it came to (port 0 is chosen by the system). Before the worker starts, or by `run`.

        Raises:
            AddressError: another program has it, or it is none of this machine's.
        """
        if self._socket is None:
            self._socket = listening(self._address)
        host, port = self._socket.getsockname()[:2]
        return Address(host, port)

    async def run(self) -> None:
        """Serve until cancelled. An address that can't be had ends the process with a sentence."""
        try:
            address = self.bind()
        except AddressError as error:
            # Raised in a task of Faust's it would be a traceback, and the worker would go on for a while.
            sys.stdout.flush()
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            os._exit(EXIT_ADDRESS)
        assert self._socket is not None
        server = _Server(_configuration(self._app))
        serving = asyncio.create_task(server.serve([self._socket]))
        log.info("http", address=f"{address.host}:{address.port}")
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving
            for source in self._sources:
                await source.close()


class _Server(uvicorn.Server):
    """Uvicorn's, without its signal handlers: they would take the worker's away."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def listening(address: Address) -> socket.socket:
    """A socket that listens there.

    Raises:
        AddressError: another program has it, or it is none of this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(_sentence(address, error)) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)
        taken.listen(BACKLOG)
        taken.setblocking(False)  # noqa: FBT003 - the socket module is so
    except OSError as error:
        taken.close()
        raise AddressError(_sentence(address, error)) from error
    return taken


def _sentence(address: Address, error: OSError) -> str:
    why = error.strerror or type(error).__name__
    return (
        f"Cannot serve HTTP on {address.host}:{address.port}: {why}."
        " Set IDWEAVE_HTTP to a free address (127.0.0.1:0 takes any free port), or stop what uses it."
    )
