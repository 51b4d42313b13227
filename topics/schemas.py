"""JSON Schemas (draft 2020-12) of everything that is read or written, made from the types that read and write it.

They describe what an exact publisher sends; the decoder is a little more forgiving (`null` is as missing).
"""

from typing import Any

import msgspec

from topics.answers import Explanation, Live, ProfileGraph, Recent, Timeline, Vocabulary
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
    """Name -> schema of what is answered to who asks why, what happened, how it goes, and what things are called."""
    return {one.__name__: _schema(one) for one in (Explanation, ProfileGraph, Timeline, Recent, Live, Vocabulary)}


def components(ref_template: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """All messages in one document: what each message is -> its schema, and the schemas that these refer to, by name.

    A message is named by its event type, by its command's type, or by its record's name. `ref_template` has a `{name}`.
    """
    types: dict[str, type[Data]] = {**DATA_TYPES, "*": Data}
    records = {record.__name__: record for topic in ALL if topic.role == "output" for record in topic.records}
    commands = {str(command.__struct_config__.tag): command for command in COMMAND_TYPES}
    asked = [Envelope, *types.values(), *commands.values(), *records.values()]
    found, named = msgspec.json.schema_components(asked, ref_template=ref_template)
    outer = named.pop(found[0]["$ref"].rpartition("/")[2])
    after = iter(found[1:])
    messages = {event_type: _enveloped(outer, event_type, next(after)) for event_type in types}
    messages |= {name: next(after) for name in (*commands, *records)}
    return messages, named


def _schema(record: Any) -> Schema:  # noqa: ANN401 - a TypedDict is no type to the type checker
    return {"$schema": _DIALECT, **msgspec.json.schema(record, ref_template=_REF)}


def _event_schema(event_type: str, data_type: type[Data]) -> Schema:
    (envelope, data), named = msgspec.json.schema_components((Envelope, data_type), ref_template=_REF)
    outer = named.pop(envelope["$ref"].rpartition("/")[2])
    return {"$schema": _DIALECT, **_enveloped(outer, event_type, data), "$defs": named}


def _enveloped(envelope: Schema, event_type: str, data: Schema) -> Schema:
    """The envelope's schema with this data in it. `*` is any other type."""
    named = {} if event_type == "*" else {"type": {"const": event_type}}
    properties = {**envelope["properties"], **named, "data": data}
    # What the envelope is to the decoder is no news to a publisher.
    kept = {name: value for name, value in envelope.items() if name != "description"}
    return {**kept, "properties": properties, "title": event_type}
