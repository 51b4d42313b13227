"""Who may ask over HTTP, and what every answer has: the door in front of all routes.

Rules: on a loopback address only requests for a loopback name are answered (a web page that rebinds its own name to
127.0.0.1 reads nothing); an address that asks too often waits (`web.rate`); where tokens are set,
everything but `OPEN_PATHS` needs one. A route learns who asks as `request.state.role`: `operator`, `reader`, or None.
Beyond `REQUESTS_MAX` under way only
probes are answered. What goes wrong in here is logged by kind and place, without messages.
Must not know: the routes.
"""

import ipaddress
import math
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from h11 import LocalProtocolError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.config.addresses import Address
from stream.config.settings import ApiToken, Role, Secret
from stream.web.rate import Rate
from stream.web.responses import RefusedError, problem

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/v1/openapi.json"})
PROBES = frozenset({"/healthz", "/readyz"})
"""What is answered however often it is asked: a worker is not to be restarted because somebody else asks too much."""
REQUESTS_MAX = 256
"""So many are answered at once, and probes beside them."""
OPEN_FOLDER = "/console/"
"""What probes, browsers and people ask without a token; nothing about anybody is there."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""On every answer, unless the route says otherwise."""

log = structlog.get_logger("idweave.web")


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: unknown paths, methods, bodies that are too large."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return problem(status, status.description or status.phrase, error.headers)


async def on_refused(_request: Request, error: Exception) -> Response:
    """What a route refuses."""
    assert isinstance(error, RefusedError)
    return error.response


async def on_bug(_request: Request, _error: Exception) -> Response:
    """What the caller is told of a bug of ours."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of the server, and is in its log.")


class Guard:
    """An ASGI app in front of another one."""

    def __init__(
        self, app: ASGIApp, bound: Address, tokens: Sequence[ApiToken], own_operator: Secret | None = None
    ) -> None:
        """`own_operator`: an operator's token that this process has made itself; reading does not ask for it."""
        self._app = app
        self._bound_host = bound.host.lower()
        self._loopback = is_loopback_name(self._bound_host)
        self._needed = bool(tokens)
        self._rate = Rate()
        self._under_way = 0
        self._tokens = (*tokens, *(() if own_operator is None else (ApiToken("operator", own_operator),)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the server speaks nothing else"

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        role = self._role(Headers(scope=scope).get("authorization", ""))
        scope.setdefault("state", {})["role"] = role
        refused = self._refused(scope, role)
        self._under_way += 1
        try:
            await (self._app if refused is None else refused)(scope, receive, send_guarded)
        except (ClientDisconnect, LocalProtocolError):
            pass  # nobody is there any more, or the server has said 400 by itself: the body was no HTTP
        except Exception as error:  # noqa: BLE001 - the answer is sent; what is left is to say where the bug is
            frames = [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(error.__traceback__)]
            log.error("a bug in answering a request", error=type(error).__name__, frames=frames)  # noqa: TRY400
        finally:
            self._under_way -= 1

    def _refused(self, scope: Scope, role: Role | None) -> Response | None:
        headers = Headers(scope=scope)
        address = str((scope.get("client") or ("",))[0])
        if scope["path"] not in PROBES and (wait_s := self._rate.take(address)) > 0:
            return problem(
                HTTPStatus.TOO_MANY_REQUESTS, "This address asks too often.", {"Retry-After": str(math.ceil(wait_s))}
            )
        if scope["path"] not in PROBES and self._under_way >= REQUESTS_MAX:
            detail = "This worker answers as many requests as it can at once."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        # Elsewhere a token is needed, which no foreign page has, and names are the network's business.
        if self._loopback and not self._is_ours(headers.get("host", "")):
            return problem(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to its own address and to localhost.")
        is_open = scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_FOLDER)
        # A token that is wrong is never as good as none: whoever sends it takes himself for somebody.
        if (self._needed or headers.get("authorization")) and role is None and not is_open:
            if headers.get("authorization"):
                self._rate.charge(address)
            return problem(
                HTTPStatus.UNAUTHORIZED,
                "A valid token is needed: Authorization: Bearer ...",
                {"WWW-Authenticate": 'Bearer realm="idweave"'},
            )
        return None

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host.strip().lower())
        return name == self._bound_host or is_loopback_name(name)

    def _role(self, authorization: str) -> Role | None:
        scheme, _, secret = authorization.partition(" ")
        given = secret.strip().encode("latin-1").decode(errors="replace")
        # All are compared, so that the time does not tell which one came close.
        roles = [token.role for token in self._tokens if token.secret.matches(given)]
        return roles[0] if roles and scheme.lower() == "bearer" else None


def is_loopback_name(name: str) -> bool:
    """Whether a host, without port or brackets, is this machine by a name that nobody can rebind."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
