"""JSON Schemas (draft 2020-12) of everything that is read or written, made from the types that read and write it.

They describe what an exact publisher sends; the decoder is a little more forgiving (`null` is as missing).
"""

from typing import Any

import msgspec

from topics.answers import Explanation, ProfileGraph, Timeline
from topics.catalogue import ALL
from topics.commands import COMMAND_TYPES
from topics.envelope import Envelope
from topics.events import DATA_TYPES, Data

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"

Schema = dict[str, Any]


def event_schemas() -> dict[str, Schema]:
    """Event type -> schema of a structured-mode event of that type. The key `*` is any other type."""
    types: dict[str, type[Data]] = {**DATA_TYPES, "*": Data}
    return {event_type: _event_schema(event_type, data_type) for event_type, data_type in types.items()}


def command_schemas() -> dict[str, Schema]:
    """Command type -> schema."""
    return {str(command.__struct_config__.tag): _schema(command) for command in COMMAND_TYPES}


def record_schemas() -> dict[str, dict[str, Schema]]:
    """Topic name without prefix -> record type -> schema, for all topics that we write."""
    return {
        topic.name: {record.__name__: _schema(record) for record in topic.records}
        for topic in ALL
        if topic.role == "output"
    }


def answer_schemas() -> dict[str, Schema]:
    """Name -> schema of what is answered to who asks why, or what happened."""
    return {one.__name__: _schema(one) for one in (Explanation, ProfileGraph, Timeline)}


def _schema(record: Any) -> Schema:  # noqa: ANN401 - a TypedDict is no type to the type checker
    return {"$schema": _DIALECT, **msgspec.json.schema(record, ref_template=_REF)}


def _event_schema(event_type: str, data_type: type[Data]) -> Schema:
    (envelope, data), components = msgspec.json.schema_components((Envelope, data_type), ref_template=_REF)
    outer = dict(components.pop(envelope["$ref"].rpartition("/")[2]))
    named = {} if event_type == "*" else {"type": {"const": event_type}}
    # What the envelope is to the decoder is no news to a publisher.
    del outer["description"]
    outer["properties"] = {**outer["properties"], **named, "data": data}
    return {"$schema": _DIALECT, **outer, "title": event_type, "$defs": components}
