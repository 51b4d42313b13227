"""HTTP connections within bounds, so that a probe is answered however many others are open.

Uvicorn has one number for connections and requests together, beyond which it answers everybody with 503, a probe too;
and a connection that asks for nothing may stay for ever. So here: who has sent no whole request within
`REQUEST_SECONDS` is hung up on, and when there are more than `CONNECTIONS_MAX`, who has been idle longest. How many
requests are answered at once is the guard's to bound, which knows probes.
Must not know: the routes.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX: Final = 256
REQUEST_SECONDS: Final = 10.0


class BoundedProtocol(H11Protocol):
    """Uvicorn's, which hangs up on who does not ask. `idle_since`: by the loop's clock; None: it is being answered."""

    idle_since: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """One more; if these are too many, one less."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > CONNECTIONS_MAX:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """More of a request, or all of it."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """An answer is given, and the next request of the same connection may be here already."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._disarm()

    def _make_room(self) -> None:
        """Hang up on the other one that has been idle longest; where all are being answered, this is one more."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
        idle = [(one.idle_since, one) for one in others if one.idle_since is not None]
        if idle:
            _, longest = min(idle, key=lambda one: one[0])
            self.connections.discard(longest)  # at once: of those that come in the same turn each is to find another
            longest.transport.abort()

    def _look(self) -> None:
        """Begin or end the time in which a request is to come; bytes that are no whole request do not begin it anew."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._disarm()
        elif self._deadline is None and not self.transport.is_closing():
            self.idle_since = self.loop.time()
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.timeout_keep_alive_handler)

    def _disarm(self) -> None:
        self.idle_since = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
