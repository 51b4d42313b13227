"""Routes about commands: hand one in, and see what became of it.

Rules: only an operator hands in, also on a loopback address; a command that nobody could carry out is refused before it
is sent; an answer is the worker's own, as it lies on the topic. The value of an identifier goes to the commands topic
and nowhere else.
Must not know: what a command does, how it is sent.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from resolvers.admission import Admission, Unreadable, parse_identifier
from stream.reading.decisions import Decisions
from stream.web.responses import available, json, json_body, parameters, refused
from topics.codec import decode, encode
from topics.commands import Command, Result, decode_command
from topics.headers import Headers
from topics.refusals import Refusal

BODY_BYTES_MAX: Final = 600_000
"""A thousand identifiers of the longest kind, and some words."""

Asking = Callable[[Command, Headers], Awaitable[Result | None]]
"""Sends a command -> the answer, None if nobody has answered in time."""


class CommandRoutes:
    """Takes commands."""

    def __init__(self, asking: Asking, decisions: Decisions, admission: Admission) -> None:
        self._asking = asking
        self._decisions = decisions
        self._admission = admission

    async def send(self, request: Request) -> Response:
        """Put a command on its topic and wait for the answer, for some seconds."""
        if request.state.role != "operator":
            raise refused(
                HTTPStatus.FORBIDDEN,
                "Commands need an operator's token. IDWEAVE_API_TOKENS=operator:... gives one, and `idweave up` prints"
                " its own.",
            )
        parameters(request)
        command = self._read(await json_body(request, BODY_BYTES_MAX))
        trace = request.headers.get("traceparent")
        headers: Headers = () if trace is None else (("traceparent", trace.encode("latin-1", "replace")),)
        answer = await available("answer", self._asking(command, headers))
        if answer is not None:
            return json(answer)
        place = {} if command.dry_run else {"Location": f"/v1/commands/{quote(command.id, safe='')}"}
        return json({"id": command.id, "status": "accepted"}, HTTPStatus.ACCEPTED, place)

    async def answer(self, request: Request) -> Response:
        """What was decided about a command."""
        parameters(request)
        result = await available("answer", self._decisions.by_id(request.path_params["command_id"]))
        if result is None:
            raise refused(
                HTTPStatus.NOT_FOUND, "Nothing is recorded under this id: it is unknown, on its way, or was a dry run."
            )
        return json(result)

    def _read(self, body: bytes) -> Command:
        """The command, with an id of ours if it has none."""
        named = _with_id(body)
        command = decode_command(named)
        if isinstance(command, Refusal):
            raise refused(HTTPStatus.BAD_REQUEST, f"This is no command: {command.message}.")
        for text in _identifiers(command):
            read = parse_identifier(text, self._admission)
            if isinstance(read, Unreadable):
                raise refused(HTTPStatus.BAD_REQUEST, f"{read.message}.")
        return command


def _with_id(body: bytes) -> bytes:
    """The body, with an id if it is an object that has none; what is wrong with it is left to who decodes it."""
    try:
        content: Any = decode(body)
    except ValueError:
        return body
    if not isinstance(content, dict) or "id" in content:
        return body
    # Into the text and not into what was decoded, so that a key that is there twice is still seen.
    rest = body.lstrip()[1:]
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return b'{"id":' + encode(uuid.uuid4().hex) + comma + rest


def _identifiers(command: Command) -> Iterator[str]:
    """Every identifier that a command names, whatever its type."""
    for field in ("identifiers", "identifier", "from_"):
        named = getattr(command, field, None)
        if isinstance(named, str):
            yield named
        elif named is not None:
            yield from named
