"""The HTTP interface: profiles as last published, commands, how this worker is (contract, section 7).

    GET  /v1/profiles/{id}              the profile; of an id that merged away, the survivor
    GET  /v1/identifiers/{ns}/{value}   the profile it belongs to; value as in events, or ~token
    POST /v1/lookup {"identifier": "ns:value"}    the same, with nothing personal in a URL
    GET  /v1/explain?a=ns:value&b=ns:value        why two identifiers are one person, or why not; also ns:~token
    POST /v1/explain {"a": "ns:value", "b": "ns:value"}     the same, with nothing personal in a URL
    GET  /v1/profiles/{id}/graph        the evidence between a profile's identifiers, and what was refused around it
    GET  /v1/profiles/{id}/timeline     merges, splits, moves, conflicts and commands of a profile, newest last
    POST /v1/commands                   merge, split, undo, ... by an operator; waits for the answer
    GET  /v1/commands/{id}              what became of a command
    GET  /v1/commands, /v1/merges, /v1/conflicts  what happened last, newest first, page by page
    GET  /v1/live, /v1/vocabulary       how fast it goes; what tags, stages and namespaces are called
    GET  /v1/whoami                     whose token it is: an operator's, a reader's, nobody's
    GET  /v1/openapi.json               all of this, for machines
    GET  /healthz, /readyz, /metrics
    GET  /, /console/...                the console

Must not know: how any of it is answered, who may ask (`guard`), how it is served (`server`).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers.admission import Admission
from stream.pulse import Pulse
from stream.reading.decisions import Decisions
from stream.reading.explaining import Explaining
from stream.reading.lookup import Lookup
from stream.reading.recalling import Recalling
from stream.reading.recent import Recently
from stream.web.commands import Asking, CommandRoutes
from stream.web.guard import on_bug, on_http_exception, on_refused
from stream.web.openapi import document
from stream.web.pages import PageRoutes
from stream.web.profiles import ProfileRoutes
from stream.web.responses import Entity, RefusedError, digest_of, entity
from stream.web.status import Reasons, StatusRoutes
from topics.answers import Vocabulary
from topics.catalogue import CONFLICTS, MERGES, RESULTS
from topics.codec import encode

Answering = Callable[[Request], Awaitable[Response]]


class WebParts(NamedTuple):
    """All that the routes answer from."""

    lookup: Lookup
    explaining: Explaining
    recalling: Recalling
    recently: Recently
    decisions: Decisions
    asking: Asking
    admission: Admission
    vocabulary: Vocabulary
    pulse: Pulse
    reasons: Reasons
    registries: Sequence[CollectorRegistry]


def create_web(parts: WebParts) -> Starlette:
    """The app with all routes, to be put behind a `Guard`."""
    profiles = ProfileRoutes(parts.lookup, parts.explaining, parts.recalling, parts.admission)
    commands = CommandRoutes(parts.asking, parts.decisions, parts.admission)
    status = StatusRoutes(parts.reasons, parts.registries, parts.pulse, parts.recently, parts.vocabulary)
    pages = PageRoutes()
    api = encode(document())
    described = Entity(api, digest_of(api))

    async def openapi(request: Request) -> Response:
        return entity(request, described)

    app = Starlette(
        routes=[
            Route("/", pages.page),
            Route("/console/{name}", pages.file),
            Route("/healthz", status.health),
            Route("/readyz", status.readiness),
            Route("/metrics", status.metrics),
            Route("/v1/openapi.json", openapi),
            Route("/v1/whoami", status.whoami),
            Route("/v1/live", status.live),
            Route("/v1/vocabulary", status.vocabulary),
            Route("/v1/merges", status.recent(MERGES)),
            Route("/v1/conflicts", status.recent(CONFLICTS)),
            _two("/v1/commands", status.recent(RESULTS), commands.send),
            Route("/v1/commands/{command_id:path}", commands.answer),
            Route("/v1/profiles/{profile_id}", profiles.profile),
            Route("/v1/profiles/{profile_id}/graph", profiles.graph),
            Route("/v1/profiles/{profile_id}/timeline", profiles.timeline),
            _two("/v1/explain", profiles.explain, profiles.ask_why),
            Route("/v1/identifiers/{namespace}/{value:path}", profiles.identifier),
            Route("/v1/lookup", profiles.look_up, methods=["POST"]),
        ],
        exception_handlers={HTTPException: on_http_exception, RefusedError: on_refused, Exception: on_bug},
    )
    app.router.redirect_slashes = False  # a redirect would repeat the value
    return app


def _two(path: str, get: Answering, post: Answering) -> Route:
    """One path that is asked in two ways; as one route, so that 405 names both."""

    async def either(request: Request) -> Response:
        return await (post if request.method == "POST" else get)(request)

    return Route(path, either, methods=["GET", "POST"])
