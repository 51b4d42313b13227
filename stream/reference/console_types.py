"""The file stream/console/answers.d.ts: what the server answers, as types that the console's JavaScript is checked by.

Made from the OpenAPI document, so that a field that is renamed or may be missing is found where the console reads it.
Must not know: what the console does with any of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stream.web.openapi import document

HEAD: Final = "// What the server answers. Made from the code: python -m stream.reference.\n"
SIMPLE: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "array": "unknown[]",
    "object": "Record<string, any>",
}
"""What JSON Schema calls a type, and what TypeScript calls it where no more is said."""

Schema = Mapping[str, Any]


def page() -> str:
    """The file."""
    schemas: Mapping[str, Schema] = document()["components"]["schemas"]
    return HEAD + "".join(f"\n{one}" for name, schema in schemas.items() for one in _declared(name, schema))


def _declared(name: str, schema: Schema) -> Iterator[str]:
    if "properties" in schema:
        yield f"export interface {name} {{\n{''.join(_fields(schema))}}}\n"
    else:
        yield f"export type {name} = {type_of(schema)};\n"


def _fields(schema: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    for name, one in schema["properties"].items():
        yield f"  {name}{'' if name in required else '?'}: {type_of(one)};\n"


def type_of(schema: Schema) -> str:
    """A schema as a type of TypeScript; what is not understood is `any`."""
    match schema:
        case {"$ref": str(place)}:
            told = place.rpartition("/")[2]
        case {"enum": values}:
            told = " | ".join(json.dumps(value) for value in values)
        case {"const": value}:
            told = json.dumps(value)
        case {"anyOf": [*options]} | {"oneOf": [*options]}:
            told = " | ".join(dict.fromkeys(map(type_of, options)))
        case {"type": "array", "items": dict(items)}:
            told = f"Array<{type_of(items)}>"
        case {"type": "object", "additionalProperties": dict(values)}:
            told = f"Record<string, {type_of(values)}>"
        case {"type": str(kind)}:
            told = SIMPLE[kind]
        case _:
            told = "any"
    return told
