"""The OpenAPI 3.1 document of the HTTP interface: made from the types that are sent, and from the table in here.

`python -m stream.reference` writes it to docs/openapi.json; a test compares its paths with the routes.
Rules: everything that can be answered is in it, errors too; a type is described where it is defined and nowhere else.
Must not know: how anything is answered.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple

import msgspec

from stream.web.status import RECENT_DEFAULT, RECENT_MAX
from topics import answers, updates
from topics.commands import COMMAND_TYPES, Result

Json = dict[str, Any]

VERSION: Final = "1.0.0"
REF: Final = "#/components/schemas/{name}"
JSON: Final = "application/json"
SVG: Final = "image/svg+xml"
TYPES: Final = (
    updates.Profile,
    answers.Explanation,
    answers.ProfileGraph,
    answers.Timeline,
    answers.Recent,
    answers.Live,
    answers.Vocabulary,
    answers.Whoami,
    answers.Alive,
    answers.Readiness,
    answers.Accepted,
    answers.Problem,
    Result,
)
ABOUT: Final = """People as they were last published, why they are who they are, and commands.

Errors are problem details (RFC 9457), which repeat nothing of the request. Where IDWEAVE_API_TOKENS is set, everything
but the page, probes and this document needs a token; commands need an operator's, always. Unknown and erased are
alike: 404. Identifiers are written `namespace:value`, the value as in events, or `namespace:~token`; no phone number
belongs in an address, so there is a POST for each question that could name one."""

IDENTIFIER: Final[Json] = {
    "type": "string",
    "description": "`namespace:value`, the value as in events, or `namespace:~token`.",
    "maxLength": 1024,
    "examples": ["card:main:8800"],
}


COMMANDS_SHOWN: Final[Mapping[str, Json]] = {
    "split": {"type": "split", "identifiers": ["openid:daughter"], "by": "amy", "reason": "mother and daughter"},
    "merge": {"type": "merge", "identifiers": ["card:main:8800", "card:main:8801"], "by": "amy"},
    "unbind": {"type": "unbind", "identifier": "openid:daughter", "from": "card:main:8800", "by": "amy"},
    "block": {"type": "block", "namespace": "cookie", "pattern": "re:^test-", "by": "amy"},
    "undo": {"type": "undo", "of": "the id of a command", "by": "amy"},
}
"""One of most kinds; an erase is for ever, and not to be tried."""


class Parameter(NamedTuple):
    """A part of the address."""

    name: str
    place: str
    says: str
    schema: Mapping[str, Any]


class Operation(NamedTuple):
    """What can be asked. `answers`: status -> what it says and the name of a type (None: no JSON)."""

    method: str
    path: str
    name: str
    says: str
    answers: Mapping[int, tuple[str, str | None]]
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None
    examples: Mapping[str, Json] = {}  # of the body
    tag: str = "People"
    is_open: bool = False  # nobody is asked for a token
    versioned: bool = False
    drawn: bool = False


ID: Final = Parameter("id", "path", "A profile id.", {"type": "string", "minLength": 1})
LIMIT: Final = Parameter(
    "limit",
    "query",
    "Entries on a page, at most.",
    {"type": "integer", "minimum": 1, "maximum": RECENT_MAX, "default": RECENT_DEFAULT},
)
BEFORE: Final = Parameter("before", "query", "What the page before says as `next`.", {"type": "string"})
TIMELINE_LIMIT: Final = LIMIT._replace(schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000})
NO_BODY: Final = {408: "The body did not come in time.", 413: "The body is too large.", 415: "The body is not JSON."}
AWAY: Final = {503: "A server is away, or too many requests are under way; come again after `Retry-After` seconds."}
UNREADABLE: Final = {400: "It can't be read; the detail says why."}
UNKNOWN: Final = {404: "Unknown, or erased."}


def _said(*problems: Mapping[int, str]) -> dict[int, tuple[str, str | None]]:
    return {status: (says, "Problem") for one in problems for status, says in one.items()}


def _object(**properties: Mapping[str, Any]) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


OPERATIONS: Final = (
    Operation(
        "get",
        "/v1/profiles/{id}",
        "profile",
        "A profile as last published, byte for byte; of an id that merged away, the survivor.",
        {200: ("The profile.", "Profile"), **_said(UNREADABLE, UNKNOWN, AWAY)},
        (ID,),
        versioned=True,
    ),
    Operation(
        "get",
        "/v1/profiles/{id}/graph",
        "graph",
        "The evidence between a profile's identifiers, and what was refused around it; also as a picture.",
        {200: ("The evidence of this moment.", "ProfileGraph"), **_said(UNREADABLE, UNKNOWN, AWAY)},
        (ID,),
        drawn=True,
    ),
    Operation(
        "get",
        "/v1/profiles/{id}/timeline",
        "timeline",
        "What happened to a profile and to those that merged into it: a page, newest last.",
        {200: ("What happened.", "Timeline"), **_said(UNREADABLE, UNKNOWN, AWAY)},
        (ID, TIMELINE_LIMIT, BEFORE),
    ),
    Operation(
        "get",
        "/v1/identifiers/{namespace}/{value}",
        "profileOfIdentifier",
        "The profile that an identifier belongs to. For values that may be seen in addresses; others go by lookup.",
        {200: ("The profile.", "Profile"), **_said(UNREADABLE, UNKNOWN, AWAY)},
        (
            Parameter("namespace", "path", "A declared namespace.", {"type": "string", "minLength": 1}),
            Parameter("value", "path", "The value as in events, or `~token`.", {"type": "string", "minLength": 1}),
        ),
        versioned=True,
    ),
    Operation(
        "post",
        "/v1/lookup",
        "lookup",
        "The profile that an identifier belongs to, with nothing personal in an address.",
        {200: ("The profile.", "Profile"), **_said(UNREADABLE, UNKNOWN, NO_BODY, AWAY)},
        body=_object(identifier=IDENTIFIER),
        versioned=True,
    ),
    Operation(
        "get",
        "/v1/explain",
        "explain",
        "Why two identifiers are one person, or why not.",
        {200: ("The evidence.", "Explanation"), **_said(UNREADABLE, UNKNOWN, AWAY)},
        tuple(Parameter(name, "query", "An identifier.", IDENTIFIER) for name in ("a", "b")),
        drawn=True,
    ),
    Operation(
        "post",
        "/v1/explain",
        "explainPosted",
        "The same, with nothing personal in an address.",
        {200: ("The evidence.", "Explanation"), **_said(UNREADABLE, UNKNOWN, NO_BODY, AWAY)},
        body=_object(a=IDENTIFIER, b=IDENTIFIER),
        drawn=True,
    ),
    Operation(
        "post",
        "/v1/commands",
        "sendCommand",
        "Put a command on its topic and wait for the answer, for some seconds. The same id again repeats the answer.",
        {
            200: ("The worker's answer: done, refused, not_found or invalid.", "Result"),
            202: ("The command was sent, and nobody has answered yet; `Location` says where to ask.", "Accepted"),
            **_said(UNREADABLE, {403: "An operator's token is needed."}, NO_BODY, AWAY),
        },
        body={"$ref": REF.format(name="Command")},
        examples=COMMANDS_SHOWN,
        tag="Commands",
    ),
    Operation(
        "get",
        "/v1/commands/{id}",
        "command",
        "What was decided about a command.",
        {
            200: ("The worker's answer.", "Result"),
            **_said(UNREADABLE, {404: "Nothing is recorded: unknown, on its way, or a dry run."}, AWAY),
        },
        (Parameter("id", "path", "The command's id.", {"type": "string", "minLength": 1}),),
        tag="Commands",
    ),
    *(
        Operation(
            "get",
            f"/v1/{name}",
            name,
            f"The last {what}, of anybody: a page, newest first.",
            {200: ("What happened.", "Recent"), **_said(UNREADABLE, AWAY)},
            (LIMIT, BEFORE),
            tag=tag,
        )
        for name, what, tag in (
            ("commands", "commands that were carried out or refused", "Commands"),
            ("merges", "merges, splits, moves and erasures", "Engine"),
            ("conflicts", "conflicts", "Engine"),
        )
    ),
    Operation(
        "get",
        "/v1/live",
        "live",
        "How fast touchpoints were resolved in the last minutes, over all workers.",
        {200: ("The last beats.", "Live"), **_said(UNREADABLE)},
        tag="Engine",
    ),
    Operation(
        "get",
        "/v1/whoami",
        "whoami",
        "Whose token was sent.",
        {200: ("The role.", "Whoami"), **_said(UNREADABLE)},
        tag="Engine",
    ),
    Operation(
        "get",
        "/v1/vocabulary",
        "vocabulary",
        "What namespaces, stages, tiers, tags, segments, reminders and refusals are called.",
        {200: ("The words.", "Vocabulary"), **_said(UNREADABLE)},
        tag="Engine",
        versioned=True,
    ),
    Operation(
        "get",
        "/healthz",
        "health",
        "Whether the process is alive.",
        {200: ("It is.", "Alive")},
        tag="Engine",
        is_open=True,
    ),
    Operation(
        "get",
        "/readyz",
        "readiness",
        "Whether this worker reads and publishes.",
        {200: ("It does.", "Readiness"), 503: ("It does not, and why.", "Readiness")},
        tag="Engine",
        is_open=True,
    ),
)


def document() -> Json:
    """The whole document."""
    _, schemas = msgspec.json.schema_components((*TYPES, *COMMAND_TYPES), ref_template=REF)
    schemas["Command"] = _command(schemas)
    paths: Json = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IDWeave",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(one.tag for one in OPERATIONS)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _command(schemas: Json) -> Json:
    """Any command. Over HTTP it may go without an id; and what its type alone can't say is said here."""
    for command in COMMAND_TYPES:
        schema = schemas[command.__name__]
        schema["required"] = [name for name in schema["required"] if name != "id"]
        schema["additionalProperties"] = True
    schemas["Erase"]["oneOf"] = [_only("identifier", "profile_id"), _only("profile_id", "identifier")]
    for name in ("Block", "Unblock"):
        by_pattern = {"required": ["namespace", "pattern"], **_without("identifier")}
        schemas[name]["oneOf"] = [{"required": ["identifier"], **_without("namespace", "pattern")}, by_pattern]
    tags = {str(one.__struct_config__.tag): REF.format(name=one.__name__) for one in COMMAND_TYPES}
    return {
        "description": "A command. Without an id it gets one; with one it may be sent again, and is not done twice.",
        "oneOf": [{"$ref": ref} for ref in tags.values()],
        "discriminator": {"propertyName": "type", "mapping": tags},
    }


def _only(name: str, other: str) -> Json:
    return {"required": [name], **_without(other)}


def _without(*names: str) -> Json:
    """Of an object: not with a value under any of these names."""
    return {"properties": {name: {"type": "null"} for name in names}}


def _operation(one: Operation) -> Json:
    told: Json = {} if not one.is_open else {"security": []}
    told |= {
        "operationId": one.name,
        "summary": one.says,
        "tags": [one.tag],
        "responses": {str(status): answer for status, answer in _answers(one)},
    }
    if one.parameters:
        told["parameters"] = [
            {
                "name": part.name,
                "in": part.place,
                "description": part.says,
                "required": part.place == "path" or part.name in ("a", "b"),
                "schema": deepcopy(dict(part.schema)),
            }
            for part in one.parameters
        ]
    if one.body is not None:
        content: Json = {"schema": deepcopy(dict(one.body))}
        if one.examples:
            content["examples"] = {name: {"value": deepcopy(value)} for name, value in one.examples.items()}
        told["requestBody"] = {"required": True, "content": {JSON: content}}
    return told


UNAUTHORISED: Final = 401
EVERYWHERE: Final = {
    UNAUTHORISED: ("A valid token is needed.", "Problem"),
    429: ("This address asks too often; `Retry-After` says when to ask again.", "Problem"),
}


def _answers(one: Operation) -> Iterator[tuple[int, Json]]:
    refused = {status: told for status, told in EVERYWHERE.items() if status != UNAUTHORISED or not one.is_open}
    for status, (says, kind) in sorted({**one.answers, **refused}.items()):
        media_type = "application/problem+json" if kind == "Problem" else JSON
        answer: Json = {"description": says}
        if kind is not None:
            answer["content"] = {media_type: {"schema": {"$ref": REF.format(name=kind)}}}
        if status == 200 and one.drawn:  # noqa: PLR2004 - OK
            answer["content"][SVG] = {"schema": {"type": "string"}}
        if status == 200 and one.versioned:  # noqa: PLR2004 - OK
            answer["headers"] = {"ETag": {"description": "Its version.", "schema": {"type": "string"}}}
        yield status, answer
    if one.versioned:
        yield 304, {"description": "The caller has this version, by `If-None-Match`."}
