"""What routes answer with, and how they read what is asked: JSON, problems, entity tags, bodies with bounds.

Rules: an error is problem details (RFC 9457) that repeat nothing of the request; a body is bounded in type, size and
time; a parameter that nobody knows is refused, so that a typing mistake is never a silent default.
Must not know: any one route.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stream.reading.walking import UnavailableError
from topics.codec import encode

BODY_SECONDS: Final = 5.0
RETRY_AFTER_SECONDS: Final = 1
PRIVATE: Final = {"Cache-Control": "private, no-cache"}
"""The caller may keep it, and asks each time whether it is still so."""

T = TypeVar("T")


class RefusedError(Exception):
    """What was asked is answered by an error; `response` is it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as problem details. `detail` is one sentence for a person, and holds nothing of the request."""
    content = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return Response(encode(content), status.value, headers, media_type="application/problem+json")


def refused(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> RefusedError:
    """The same to be raised."""
    return RefusedError(problem(status, detail, headers))


def json(content: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of this moment, which nobody keeps."""
    return Response(encode(content), status.value, headers, media_type="application/json")


class Entity(NamedTuple):
    """Bytes that have a name as long as they are the same."""

    body: bytes
    tag: str
    media_type: str = "application/json"


def digest_of(body: bytes) -> str:
    """A tag for bytes that have no version."""
    return hashlib.sha256(body).hexdigest()[:24]


def entity(request: Request, content: Entity) -> Response:
    """The bytes with their tag, or 304 where the caller has them (RFC 9110, section 13.1.2)."""
    headers = {"ETag": f'"{content.tag}"', **PRIVATE}
    held = [
        tag.strip().removeprefix("W/") for line in request.headers.getlist("if-none-match") for tag in line.split(",")
    ]
    if "*" in held or f'"{content.tag}"' in held:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content.body, headers=headers, media_type=content.media_type)


async def available(what: str, asking: Awaitable[T]) -> T:
    """What is asked for.

    Raises:
        RefusedError: it can't be had now.
    """
    try:
        return await asking
    except UnavailableError as error:
        detail = f"The {what} can't be had now: {error}. Try again."
        raise refused(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_SECONDS)}) from error


def unknown(what: str) -> RefusedError:
    """One answer for what never was and for what was erased."""
    return refused(HTTPStatus.NOT_FOUND, f"There is no such {what}: it is unknown, or was erased.")


def parameters(request: Request, *known: str) -> dict[str, str]:
    """The query, each name once.

    Raises:
        RefusedError: another name, or one that is there twice.
    """
    found = request.query_params.multi_items()
    if len({name for name, _ in found}) < len(found) or not {name for name, _ in found} <= set(known):
        listed = " and ".join(known) if known else "no parameters at all"
        raise refused(HTTPStatus.BAD_REQUEST, f"What can be asked for here: {listed}, each once at most.")
    return dict(found)


def limit_in(query: Mapping[str, str], default: int, limit_max: int) -> int:
    """How many entries are asked for.

    Raises:
        RefusedError: it is no number from 1 to `limit_max`.
    """
    text = query.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(limit_max)) and 1 <= int(text) <= limit_max):
        raise refused(HTTPStatus.BAD_REQUEST, f"limit must be a number from 1 to {limit_max}.")
    return int(text)


async def json_body(request: Request, bytes_max: int) -> bytes:
    """The body of a request that says that it is JSON.

    Raises:
        RefusedError: it does not say so, or is too large, or does not come.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        # A form of a foreign page can send anything but this.
        raise refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(request, bytes_max)
    except TimeoutError as error:
        detail = "The body did not arrive in time."
        raise refused(HTTPStatus.REQUEST_TIMEOUT, detail, {"Connection": "close"}) from error
    if body is None:
        detail = f"The body has more than {bytes_max} bytes."
        raise refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, {"Connection": "close"})
    return body


def read_body(decoder: msgspec.json.Decoder[T], body: bytes, shape: str) -> T:
    """What a body says. `shape`: what it has to look like, for who sent another one.

    Raises:
        RefusedError: it says nothing of the kind.
    """
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused(HTTPStatus.BAD_REQUEST, f"The body must be {shape}.") from error


async def _read(request: Request, bytes_max: int) -> bytes | None:
    """The body, or None as soon as it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            return None
    return b"".join(parts)


def accepts(request: Request, media_type: str, otherwise: str) -> bool:
    """Whether the caller asks for a media type by name, before the other one."""
    asked: Iterable[str] = (
        part.partition(";")[0].strip().lower() for line in request.headers.getlist("accept") for part in line.split(",")
    )
    first = next((one for one in asked if one in {media_type, otherwise}), otherwise)
    return first == media_type
