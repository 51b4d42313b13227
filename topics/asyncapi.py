"""The contract as an AsyncAPI 3 document: every topic that others write or read, and every message on it.

Made from the catalogue and the types; the operations are ours, so that what we `receive` is what publishers send.
Knows no file: examples are handed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from typing import Any, Final

from topics.catalogue import ALL, COMMANDS, DEAD_LETTERS, IDENTITIES, PROFILES, TOUCHPOINTS, Topic
from topics.commands import COMMAND_TYPES
from topics.events import DATA_TYPES, Data
from topics.refusals import RefusalCode
from topics.schemas import components

PREFIX: Final = "idweave"
OTHER_EVENT: Final = "other"
"""The message of an event type that is not in the catalogue: `*` may not stand in a name."""
DEAD_LETTER: Final = "DeadLetter"
TOMBSTONE: Final = "Tombstone"
ERASED_FROM: Final = (PROFILES, IDENTITIES)
"""Topics whose tombstones mean that a person was erased."""
EXAMPLES_SHOWN: Final = 2

_KAFKA: Final = "0.5.0"
_TRACE: Final = {
    "type": "string",
    "description": "W3C Trace Context, carried from an event to every record that it causes.",
}
_TOLD: Final = {
    TOUCHPOINTS: (
        "CloudEvents 1.0 in structured mode; binary mode (`ce_*` headers, the data alone as value) is accepted too."
        " `id` and `source` together name an event: the same pair again is the same event."
    ),
    COMMANDS: "What operators rule. Carried out one after the other; answered on `commands.results` under the id.",
    PROFILES: "One person whole. The last record of a key is the truth; apply a record only if its version is greater.",
    IDENTITIES: "The id map: which profile an identifier belongs to now. Join on it by `namespace:token`.",
    DEAD_LETTERS: "Records that cannot be used, as received, with the reason in headers that Kafka Connect also has.",
}

Json = dict[str, Any]


def document(version: str, examples: Mapping[str, Sequence[Json]]) -> Json:
    """The document. `examples`: topic name without prefix -> values, of which each message shows those that are its."""
    payloads, schemas = components("#/components/schemas/{name}")
    public = [topic for topic in ALL if topic.role != "internal"]
    messages: dict[str, Json] = {}
    channels: dict[str, Json] = {}
    for topic in public:
        names = list(_messages_of(topic))
        channels[topic.name] = _channel(topic, names)
        for name in names:
            found = _message(topic, name, payloads)
            shown = [value for value in examples.get(topic.name, ()) if _is_of(name, value)][:EXAMPLES_SHOWN]
            messages[name] = {**found, "examples": [{"payload": one} for one in shown]} if shown else found
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "IDWeave",
            "version": version,
            "description": (
                "Real-time identity resolution: touchpoint events in, people out. Topics are named with the default"
                f" prefix `{PREFIX}`; IDWEAVE_TOPIC_PREFIX sets another. Changes are additive: a consumer may meet"
                " fields that it does not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {_operation_name(topic): _operation(topic) for topic in public},
        "components": {"messages": messages, "schemas": schemas},
    }


def _messages_of(topic: Topic) -> Iterable[str]:
    match topic:
        case _ if topic is TOUCHPOINTS:
            return (*DATA_TYPES, OTHER_EVENT)
        case _ if topic is COMMANDS:
            return (str(command.__struct_config__.tag) for command in COMMAND_TYPES)
        case _ if topic is DEAD_LETTERS:
            return (DEAD_LETTER,)
        case _:
            names = tuple(record.__name__ for record in topic.records)
            return (*names, f"{names[0]}{TOMBSTONE}") if topic in ERASED_FROM else names


def _channel(topic: Topic, names: Sequence[str]) -> Json:
    settings = topic.config()
    return {
        "address": topic.full_name(PREFIX),
        "title": topic.name,
        "description": _TOLD.get(topic) or _documented(topic.records[0]),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.full_name(PREFIX),
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup],
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": int(settings["max.message.bytes"]),
                },
                "bindingVersion": _KAFKA,
            }
        },
    }


def _message(topic: Topic, name: str, payloads: Mapping[str, Json]) -> Json:
    said, payload = _said(topic, name, payloads)
    return {
        "name": name,
        "title": name,
        "summary": said,
        "headers": {"type": "object", "properties": _dead_letter_headers() if topic is DEAD_LETTERS else _headers()},
        "payload": payload,
        "bindings": {
            "kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _KAFKA},
        },
    }


def _said(topic: Topic, name: str, payloads: Mapping[str, Json]) -> tuple[str, Json]:
    """What a message says, in a sentence, and the schema of its value."""
    if topic is TOUCHPOINTS:
        event_type = "*" if name == OTHER_EVENT else name
        return _documented(DATA_TYPES.get(event_type, Data)), payloads[event_type]
    if topic is COMMANDS:
        return _documented(next(one for one in COMMAND_TYPES if one.__struct_config__.tag == name)), payloads[name]
    if topic is DEAD_LETTERS:
        return "A record as it was received.", {"description": "Whatever was received; maybe no JSON."}
    if name.endswith(TOMBSTONE):
        return "Erased. Nothing else is ever said by a record without a value.", {"type": "null"}
    return _documented(next(record for record in topic.records if record.__name__ == name)), payloads[name]


def _documented(record: type) -> str:
    return " ".join((getdoc(record) or "").split())


def _headers() -> Json:
    return {"traceparent": _TRACE}


def _dead_letter_headers() -> Json:
    def text(description: str) -> Json:
        return {"type": "string", "description": description}

    return {
        "idweave.error.code": {"type": "string", "enum": [code.value for code in RefusalCode]},
        "__connect.errors.topic": text("Where the record was refused"),
        "__connect.errors.partition": text("Its partition there"),
        "__connect.errors.offset": text("Its offset there"),
        "__connect.errors.exception.message": text("Why, in one sentence without personal data"),
        "idweave.error.cut_from_bytes": text("Only where the record was too large to be kept whole: its size"),
    }


def _is_of(name: str, value: Json) -> bool:
    """Whether a golden example of a topic is of the message of that name."""
    if "data" in value or name in {str(one.__struct_config__.tag) for one in COMMAND_TYPES}:
        return bool(value.get("type") == name or (name == OTHER_EVENT and value.get("type") not in DATA_TYPES))
    if "merged_into" in value:
        return name == "MergedAway"
    return name not in ("MergedAway", DEAD_LETTER) and not name.endswith(TOMBSTONE)


def _operation_name(topic: Topic) -> str:
    words = topic.name.replace(".", " ").title().replace(" ", "")
    return f"{'receive' if topic.role == 'input' else 'send'}{words}"


def _operation(topic: Topic) -> Json:
    return {
        "action": "receive" if topic.role == "input" else "send",
        "channel": {"$ref": f"#/channels/{topic.name.replace('/', '~1')}"},
        "summary": f"IDWeave {'reads' if topic.role == 'input' else 'publishes'} {topic.full_name(PREFIX)}",
    }
