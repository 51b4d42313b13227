"""Routes about people: profiles as last published, the evidence behind them, what happened to them.

Rules: unknown and erased get the same answer; no value of a request is repeated or logged; a profile is sent as the
record's bytes, with its version as entity tag.
Must not know: how a profile is found, who may ask.
"""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from resolvers.admission import Admission, Unreadable, parse_identifier
from resolvers.timeline import ENTRIES_MAX
from stream.reading.evidence_picture import graph_picture, picture
from stream.reading.explaining import Explaining
from stream.reading.lookup import Found, Lookup
from stream.reading.recalling import Recalling, TimelinePage, place_in
from stream.web.responses import (
    Entity,
    accepts,
    available,
    entity,
    json,
    json_body,
    limit_in,
    parameters,
    read_body,
    refused,
    unknown,
)
from topics.answers import Explanation
from topics.identifiers import Identifier

IDENTIFIER_CHARACTERS_MAX: Final = 1_024
BODY_BYTES_MAX: Final = 16_384
SVG: Final = "image/svg+xml"
JSON: Final = "application/json"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a lookup."""

    identifier: str


class _AskedWhy(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a question why."""

    a: str
    b: str


_asked = msgspec.json.Decoder(_Asked)
_asked_why = msgspec.json.Decoder(_AskedWhy)


class ProfileRoutes:
    """Looks people up."""

    def __init__(self, lookup: Lookup, explaining: Explaining, recalling: Recalling, admission: Admission) -> None:
        self._lookup = lookup
        self._explaining = explaining
        self._recalling = recalling
        self._admission = admission

    async def profile(self, request: Request) -> Response:
        """By id; of an id that merged away, the survivor."""
        parameters(request)
        return await _answered(request, self._lookup.by_id(request.path_params["profile_id"]))

    async def identifier(self, request: Request) -> Response:
        """By an identifier in the address."""
        parameters(request)
        named = request.path_params
        return await self._of_identifier(request, f"{named['namespace']}:{named['value']}")

    async def look_up(self, request: Request) -> Response:
        """By an identifier in the body, with nothing personal in an address."""
        parameters(request)
        asked = read_body(_asked, await json_body(request, BODY_BYTES_MAX), '{"identifier": "namespace:value"}')
        return await self._of_identifier(request, asked.identifier)

    async def graph(self, request: Request) -> Response:
        """The evidence between a profile's identifiers, and what was refused around it; also as a picture."""
        parameters(request)
        told = await available("evidence", self._explaining.around(request.path_params["profile_id"]))
        if told is None:
            raise unknown("profile")
        return Response(graph_picture(told), media_type=SVG) if accepts(request, SVG, JSON) else json(told)

    async def timeline(self, request: Request) -> Response:
        """Merges, splits, moves, conflicts and commands of a profile, newest last."""
        query = parameters(request, "limit", "before")
        before = None
        if "before" in query and (before := place_in(query["before"])) is None:
            raise refused(HTTPStatus.BAD_REQUEST, "before must be what an earlier page says as next.")
        page = TimelinePage(before, limit_in(query, ENTRIES_MAX, ENTRIES_MAX))
        told = await available("timeline", self._recalling.by_id(request.path_params["profile_id"], page))
        if told is None:
            raise unknown("profile")
        return json(told)

    async def explain(self, request: Request) -> Response:
        """Why two identifiers are one person, or why not."""
        query = parameters(request, "a", "b")
        if len(query) != len({"a", "b"}):
            detail = "Ask for a and b, each once, as namespace:value or namespace:~token."
            raise refused(HTTPStatus.BAD_REQUEST, detail)
        return await self._why(request, query["a"], query["b"])

    async def ask_why(self, request: Request) -> Response:
        """The same, with nothing personal in an address."""
        parameters(request)
        shape = '{"a": "namespace:value", "b": "namespace:value"}'
        asked = read_body(_asked_why, await json_body(request, BODY_BYTES_MAX), shape)
        return await self._why(request, asked.a, asked.b)

    async def _why(self, request: Request, a: str, b: str) -> Response:
        asking: Awaitable[Explanation | None] = self._explaining.between(self._parsed(a), self._parsed(b))
        told = await available("evidence", asking)
        if told is None:
            raise unknown("identifier")
        return Response(picture(told), media_type=SVG) if accepts(request, SVG, JSON) else json(told)

    async def _of_identifier(self, request: Request, text: str) -> Response:
        return await _answered(request, self._lookup.by_identifier(self._parsed(text)))

    def _parsed(self, text: str) -> Identifier:
        if len(text) > IDENTIFIER_CHARACTERS_MAX:
            detail = f"An identifier has at most {IDENTIFIER_CHARACTERS_MAX} characters"
            raise refused(HTTPStatus.BAD_REQUEST, detail)
        identifier = parse_identifier(text, self._admission)
        if isinstance(identifier, Unreadable):
            raise refused(HTTPStatus.BAD_REQUEST, identifier.message)
        return identifier


async def _answered(request: Request, looking: Awaitable[Found | None]) -> Response:
    found = await available("profile", looking)
    if found is None:
        raise unknown("profile")
    return entity(request, Entity(found.json, str(found.version)))
