"""The page docs/topics.md: every topic with its key, how long it keeps what, and each record with its fields.

From the catalogue, the schemas and the golden examples.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from inspect import getdoc
from typing import Any, Final

from topics.asyncapi import ERASED_FROM, PREFIX
from topics.catalogue import ALL, COMMANDS, DEAD_LETTERS, TOUCHPOINTS, Topic
from topics.codec import encode
from topics.commands import COMMAND_TYPES
from topics.events import DATA_TYPES, Data
from topics.refusals import RefusalCode
from topics.schemas import Schema, event_schemas, record_schemas

DAY_MS: Final = 86_400_000
Examples = Mapping[str, Sequence[dict[str, Any]]]

HEAD: Final = f"""# Topics

Made from `topics/` by `python -m stream.reference`; a test compares the two. The same for programs:
[asyncapi.json](asyncapi.json) (AsyncAPI 3), and a JSON Schema of each record under `docs/schemas/`. Names are with the
default prefix `{PREFIX}`; `IDWEAVE_TOPIC_PREFIX` sets another. Values are JSON.

What every consumer can rely on:

- Records of a key are in one partition, in the order of their `version`; keys are partitioned as Java clients do.
- Delivery is at least once. Who applies a record only if its `version` is greater than the one that they have is always
  right; equal versions have equal bytes.
- The last record of a key of `profiles` and `identities` is the truth. A record without a value means that somebody was
  erased, and nothing else does.
- Changes are additive: read what you know, ignore the rest.
- Instants are RFC 3339 in UTC, money is decimal text, `version` is below 2^53.

| topic | who writes | key | keeps |
|---|---|---|---|"""
EVENTS: Final = """
## Events

One JSON object a record, a CloudEvents 1.0 event; the limits are in [configuration.md](configuration.md). Every type
may have the fields of the first row; another type than these is taken as a plain behaviour event.

| type | fields of `data` beside those of every event | schema |
|---|---|---|"""


def page(examples: Examples) -> str:
    """The whole page, as Markdown. `examples`: golden ones, by topic name."""
    public = [topic for topic in ALL if topic.role != "internal"]
    rows = [f"| [`{_full(one)}`](#{_anchor(one)}) | {_writer(one)} | {one.key} | {_kept(one)} |" for one in public]
    outputs = [line for topic in public if topic.role == "output" for line in _topic(topic, examples)]
    return "\n".join([HEAD, *rows, *_events(examples), *_commands(examples), *outputs]) + "\n"


def _full(topic: Topic) -> str:
    return topic.full_name(PREFIX)


def _anchor(topic: Topic) -> str:
    if topic in (TOUCHPOINTS, COMMANDS):
        return "events" if topic is TOUCHPOINTS else "commands"
    return re.sub(r"[^a-z0-9 -]", "", _full(topic))


def _writer(topic: Topic) -> str:
    return "IDWeave" if topic.role == "output" else "operators" if topic is COMMANDS else "publishers"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "the last of each key, for ever"
    return f"everything, {topic.retention_ms // DAY_MS} days"


def _events(examples: Examples) -> Iterator[str]:
    yield EVENTS
    common = set(Data.__struct_fields__)
    yield f"| any | {_listed(event_schemas()['*'], common)} | [schema](schemas/touchpoints/other.json) |"
    for event_type, data_type in DATA_TYPES.items():
        own = [field for field in data_type.__struct_fields__ if field not in common]
        fields = _listed(event_schemas()[event_type], own) if own else ""
        yield f"| `{event_type}` | {fields} | [schema](schemas/touchpoints/{event_type}.json) |"
    yield ""
    yield from _example(examples[TOUCHPOINTS.name][0])


def _listed(schema: Schema, fields: Any) -> str:  # noqa: ANN401 - any container of names
    """Fields of an event's data, the needed ones bold."""
    data = _resolved(schema, schema["properties"]["data"])
    needed = data.get("required", [])
    return ", ".join(f"**`{one}`**" if one in needed else f"`{one}`" for one in data["properties"] if one in fields)


def _commands(examples: Examples) -> Iterator[str]:
    yield "## Commands\n"
    yield "What each does is in [commands.md](commands.md). `id` names it; the answer has it as its key.\n"
    yield "| type | what it asks for | schema |\n|---|---|---|"
    for command in COMMAND_TYPES:
        name = str(command.__struct_config__.tag)
        yield f"| `{name}` | {_documented(command)} | [schema](schemas/commands/{name}.json) |"
    yield ""
    yield from _example(examples[COMMANDS.name][0])


def _topic(topic: Topic, examples: Examples) -> Iterator[str]:
    yield f"## {_full(topic)}\n"
    if topic is DEAD_LETTERS:
        codes = ", ".join(f"`{code.value}`" for code in RefusalCode)
        yield (
            "Key, value and headers as they were received; what was wrong is in the header `idweave.error.code`"
            f" ({codes}), with Kafka Connect's headers for the place and a sentence. [dead-letters.md](dead-letters.md)"
            " says how to look at them and send them again.\n"
        )
        return
    schemas = record_schemas()[topic.name]
    for record in topic.records:
        yield f"**{record.__name__}** ([schema](schemas/{topic.name}/{record.__name__}.json)): {_documented(record)}\n"
        yield "| field | is |\n|---|---|"
        schema = schemas[record.__name__]
        for name, kind in _resolved(schema, schema)["properties"].items():
            yield f"| `{name}` | {_kind(schema, kind)} |"
        yield ""
    if topic in ERASED_FROM:
        yield "**No value**: erased.\n"
    yield from _example(examples[topic.name][0])


def _resolved(schema: Schema, part: Schema) -> Schema:
    found: Schema = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found


def _kind(schema: Schema, part: Schema) -> str:
    """What a field is, in a few words."""
    found = _resolved(schema, part)
    match found:
        case {"anyOf": kinds}:
            return " or ".join(_kind(schema, one) for one in kinds)
        case {"enum": words}:
            return ", ".join(f"`{one}`" for one in words)
        case {"type": "array", "items": items}:
            return f"list: {_kind(schema, items)}"
        case {"type": "object", "properties": properties}:
            return f"an object of {', '.join(f'`{name}`' for name in properties)}"
        case {"type": "object", "additionalProperties": dict() as each}:
            return f"object of names, each {_kind(schema, each)}"
        case _:
            return str(found.get("type", "anything"))


def _example(value: dict[str, Any]) -> Iterator[str]:
    yield f"```json\n{encode(value).decode()}\n```\n"


def _documented(record: type) -> str:
    return " ".join((getdoc(record) or "").split())
