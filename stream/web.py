"""The HTTP interface: profiles as last published, the state of this worker, its metrics (contract, section 7).

    GET  /v1/profiles/{id}              the profile; of an id that merged away, the survivor
    GET  /v1/identifiers/{ns}/{value}   the profile it belongs to; value as in events, or ~token
    POST /v1/lookup {"identifier": "ns:value"}    the same, with nothing personal in a URL
    GET  /v1/explain?a=ns:value&b=ns:value        why two identifiers are one person, or why not; also ns:~token
    GET  /v1/profiles/{id}/graph        the evidence between a profile's identifiers, and what was refused around it
    GET  /v1/profiles/{id}/timeline     merges, splits, moves, conflicts and commands of a profile, newest last
    GET  /healthz, /readyz, /metrics, /

Rules: unknown and erased get the same answer; no value of a request is repeated or logged; a profile is sent as the
record's bytes, with its version as ETag.
Must not know: how a profile is found, who may ask (`web_guard`), how it is served (`web_server`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from resolvers.admission import Admission, Unreadable, parse_identifier
from stream.explaining import Explaining
from stream.lookup import Found, Lookup, UnavailableError
from stream.recalling import Recalling
from stream.web_guard import on_bug, on_http_exception, problem
from topics.answers import Explanation, ProfileGraph, Timeline
from topics.codec import encode
from topics.identifiers import Identifier

IDENTIFIER_CHARACTERS_MAX: Final = 1_024
BODY_BYTES_MAX: Final = 16_384
BODY_SECONDS: Final = 5.0
RETRY_AFTER_SECONDS: Final = 1
ENDS: Final = 2

PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>IDWeave</title></head><body>
<h1>IDWeave</h1>
<p>This worker turns touchpoints into people. What is here:</p>
<ul>
<li><a href="/healthz">/healthz</a>: the process is alive</li>
<li><a href="/readyz">/readyz</a>: it is reading and publishing, or why not</li>
<li><a href="/metrics">/metrics</a>: metrics for Prometheus</li>
<li><code>GET /v1/profiles/{id}</code>: a profile as last published</li>
<li><code>GET /v1/identifiers/{namespace}/{value}</code>: the profile that an identifier belongs to;
also <code>~token</code></li>
<li><code>GET /v1/explain?a={namespace:value}&amp;b={namespace:value}</code>: why two identifiers are one person, or
not</li>
<li><code>GET /v1/profiles/{id}/graph</code>: the evidence of a profile</li>
<li><code>GET /v1/profiles/{id}/timeline</code>: what happened to a profile</li>
<li><code>POST /v1/lookup {"identifier": "namespace:value"}</code>: the same, with nothing personal in an address</li>
</ul>
</body></html>
"""

Reasons = Callable[[], Sequence[str]]
"""Why this worker is not ready, as codes; none: it is."""


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a lookup."""

    identifier: str


_asked = msgspec.json.Decoder(_Asked)


def create_web(
    lookup: Lookup,
    explaining: Explaining,
    admission: Admission,
    reasons: Reasons,
    registries: Iterable[CollectorRegistry],
    *,
    recalling: Recalling,
) -> Starlette:
    """The app with all routes, to be put behind a `Guard`."""
    routes = _Routes(lookup, explaining, admission, reasons, tuple(registries), recalling=recalling)
    app = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/healthz", routes.health),
            Route("/readyz", routes.readiness),
            Route("/metrics", routes.metrics),
            Route("/v1/profiles/{profile_id}", routes.profile),
            Route("/v1/profiles/{profile_id}/graph", routes.graph),
            Route("/v1/profiles/{profile_id}/timeline", routes.timeline),
            Route("/v1/explain", routes.explain),
            Route("/v1/identifiers/{namespace}/{value:path}", routes.identifier),
            Route("/v1/lookup", routes.look_up, methods=["POST"]),
        ],
        exception_handlers={HTTPException: on_http_exception, Exception: on_bug},
    )
    app.router.redirect_slashes = False  # a redirect would repeat the value
    return app


class _Routes:
    def __init__(
        self,
        lookup: Lookup,
        explaining: Explaining,
        admission: Admission,
        reasons: Reasons,
        registries: tuple[CollectorRegistry, ...],
        *,
        recalling: Recalling,
    ) -> None:
        self._lookup = lookup
        self._explaining = explaining
        self._recalling = recalling
        self._admission = admission
        self._reasons = reasons
        self._registries = registries

    async def page(self, _request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def health(self, _request: Request) -> Response:
        """That this is answered says that the event loop turns, and no more."""
        return _json({"status": "alive"})

    async def readiness(self, _request: Request) -> Response:
        reasons = list(self._reasons())
        if reasons:
            return _json({"status": "not_ready", "reasons": reasons}, HTTPStatus.SERVICE_UNAVAILABLE)
        return _json({"status": "ready", "reasons": []})

    async def metrics(self, _request: Request) -> Response:
        text = b"".join(generate_latest(registry) for registry in self._registries)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def profile(self, request: Request) -> Response:
        return await _answered(request, self._lookup.by_id(request.path_params["profile_id"]))

    async def graph(self, request: Request) -> Response:
        return await _told(self._explaining.around(request.path_params["profile_id"]), "profile")

    async def timeline(self, request: Request) -> Response:
        return await _told(self._recalling.by_id(request.path_params["profile_id"]), "profile")

    async def explain(self, request: Request) -> Response:
        if sorted(request.query_params.keys()) != ["a", "b"] or len(request.query_params.multi_items()) != ENDS:
            return problem(
                HTTPStatus.BAD_REQUEST, "Ask for a and b, each once, as namespace:value or namespace:~token."
            )
        asked = [self._parsed(request.query_params[name]) for name in ("a", "b")]
        identifiers: list[Identifier] = []
        for one in asked:
            if isinstance(one, Unreadable):
                return problem(HTTPStatus.BAD_REQUEST, one.message)
            identifiers.append(one)
        return await _told(self._explaining.between(*identifiers), "identifier")

    async def identifier(self, request: Request) -> Response:
        named = request.path_params
        return await self._of_identifier(request, f"{named['namespace']}:{named['value']}")

    async def look_up(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return problem(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.", {"Connection": "close"})
        if body is None:
            detail = f"The body has more than {BODY_BYTES_MAX} bytes."
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, {"Connection": "close"})
        try:
            asked = _asked.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return problem(HTTPStatus.BAD_REQUEST, 'The body must be {"identifier": "namespace:value"}.')
        return await self._of_identifier(request, asked.identifier)

    async def _of_identifier(self, request: Request, text: str) -> Response:
        identifier = self._parsed(text)
        if isinstance(identifier, Unreadable):
            return problem(HTTPStatus.BAD_REQUEST, identifier.message)
        return await _answered(request, self._lookup.by_identifier(identifier))

    def _parsed(self, text: str) -> Identifier | Unreadable:
        if len(text) > IDENTIFIER_CHARACTERS_MAX:
            return Unreadable(f"An identifier has at most {IDENTIFIER_CHARACTERS_MAX} characters")
        return parse_identifier(text, self._admission)


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return None
    return body


async def _told(telling: Awaitable[Explanation | ProfileGraph | Timeline | None], what: str) -> Response:
    """An answer of this moment, which nobody keeps."""
    try:
        told = await telling
    except UnavailableError as error:
        return _unavailable("evidence", error)
    if told is None:
        return problem(HTTPStatus.NOT_FOUND, f"There is no such {what}: it is unknown, or was erased.")
    return _json(told)


def _unavailable(what: str, error: UnavailableError) -> Response:
    detail = f"The {what} can't be read now: {error}. Try again."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _answered(request: Request, looking: Awaitable[Found | None]) -> Response:
    try:
        found = await looking
    except UnavailableError as error:
        return _unavailable("profile", error)
    if found is None:
        return problem(HTTPStatus.NOT_FOUND, "There is no such profile: it is unknown, or was erased.")
    headers = {"ETag": f'"{found.version}"', "Cache-Control": "private, no-cache"}
    if _is_held(request.headers.getlist("if-none-match"), found.version):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.json, headers=headers, media_type="application/json")


def _is_held(if_none_match: Iterable[str], version: int) -> bool:
    """Whether the caller has this version already (RFC 9110, section 13.1.2: the comparison is weak)."""
    tags = [tag.strip().removeprefix("W/") for line in if_none_match for tag in line.split(",")]
    return "*" in tags or f'"{version}"' in tags


def _json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encode(content), status.value, media_type="application/json")
