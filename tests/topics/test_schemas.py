"""JSON Schemas made from the code's own types."""

from collections.abc import Iterator
from typing import Any

import pytest

from topics.catalogue import ALL
from topics.codec import canonical
from topics.events import DATA_TYPES
from topics.schemas import answer_schemas, command_schemas, event_schemas, record_schemas

SCHEMAS = {
    **event_schemas(),
    **command_schemas(),
    **answer_schemas(),
    **{f"{topic}/{name}": schema for topic, found in record_schemas().items() for name, schema in found.items()},
}


def references(schema: Any) -> Iterator[str]:  # noqa: ANN401
    """Every `$ref` in a schema."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def test_everything_read_and_written_has_a_schema() -> None:
    """All event types and the unknown one, all commands, all record types of all outputs."""
    assert set(event_schemas()) == {*DATA_TYPES, "*"}
    assert set(command_schemas()) == {"merge", "split", "unbind", "erase", "block", "unblock", "undo"}
    assert {topic: len(found) for topic, found in record_schemas().items()} == {
        topic.name: len(topic.records) for topic in ALL if topic.role == "output"
    }


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_stands_alone(name: str) -> None:
    """It names its dialect, and every reference is to a definition of its own."""
    schema = SCHEMAS[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {reference.removeprefix("#/$defs/") for reference in references(schema)} == set(schema["$defs"])


def test_an_events_schema_says_what_the_type_asks_for() -> None:
    """The type is a constant, the data is the type's own, and what is required is required."""
    schema = event_schemas()["order.paid"]
    assert schema["properties"]["type"] == {"const": "order.paid"}
    assert schema["properties"]["data"] == {"$ref": "#/$defs/PricedOrderData"}
    assert set(schema["required"]) == {"id", "source", "type", "time", "data"}
    assert set(schema["$defs"]["PricedOrder"]["required"]) == {"order_id", "amount", "currency"}
    assert "const" not in event_schemas()["*"]["properties"]["type"]


def test_schemas_are_the_same_every_time() -> None:
    """They become files that are compared by a test, so they must not depend on anything but the types."""
    assert canonical(event_schemas()) == canonical(event_schemas())
    assert b" object at 0x" not in canonical([event_schemas(), command_schemas(), record_schemas()])


def test_a_keyword_is_no_hindrance_to_a_public_name() -> None:
    """Merges and lifecycle changes say `from`."""
    assert "from" in record_schemas()["merges"]["Merge"]["$defs"]["Merge"]["required"]
    assert "from" in record_schemas()["lifecycle"]["LifecycleChange"]["$defs"]["LifecycleChange"]["required"]
    assert "from" in command_schemas()["unbind"]["$defs"]["Unbind"]["required"]
