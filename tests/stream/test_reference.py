"""What is made from the code: committed as it is made now, and what it says is true of the examples."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from stream.config.configuration import known_settings
from stream.config.settings import VARIABLES
from stream.reference.everything import FOLDERS, OTHER, everything, golden, schemas
from topics.catalogue import ALL
from topics.events import DATA_TYPES
from topics.schemas import components

ROOT = Path(__file__).parents[2]
MADE = everything(ROOT)
ASYNCAPI: dict[str, Any] = json.loads(MADE["docs/asyncapi.json"])
GOLDEN = golden(ROOT / "topics" / "examples")
# AsyncAPI's own (Apache-2.0), without its examples.
SCHEMA = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())


def test_what_is_committed_is_what_the_code_makes() -> None:
    """No page, schema or document is behind the code, and none is left over."""
    behind = [name for name, text in MADE.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    there = [str(file.relative_to(ROOT)) for one in FOLDERS for file in (ROOT / one).rglob("*") if file.is_file()]
    assert (behind, sorted(set(there) - MADE.keys())) == ([], []), "Run: python -m stream.reference"


def test_the_asyncapi_document_is_valid() -> None:
    """By the official schema of AsyncAPI 3.0.0, which has been seen to find faults."""
    validator = jsonschema_rs.Draft7Validator(SCHEMA)
    assert [error.message[:200] for error in validator.iter_errors(ASYNCAPI)] == []
    broken = json.loads(json.dumps(ASYNCAPI))
    broken["channels"]["profiles"]["bindings"]["kafka"]["partitions"] = "four"
    assert not validator.is_valid(broken)


def test_the_asyncapi_document_has_all_of_it() -> None:
    """Every topic that others write or read, every type on it, and references that lead somewhere."""
    public = {topic.name for topic in ALL if topic.role != "internal"}
    assert ASYNCAPI["channels"].keys() == public
    assert len(ASYNCAPI["operations"]) == len(public)
    events = ASYNCAPI["channels"]["touchpoints"]["messages"]
    assert events.keys() == {*DATA_TYPES, OTHER}
    for reference in references(ASYNCAPI):
        found: Any = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def references(content: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Every `$ref` in a document, but for those that are data of an example."""
    if isinstance(content, dict):
        if isinstance(content.get("$ref"), str):
            yield content["$ref"]
        for name, value in content.items():
            if name != "examples":
                yield from references(value)
    elif isinstance(content, list):
        for value in content:
            yield from references(value)


def test_both_ways_to_say_a_schema_agree() -> None:
    """A message in the AsyncAPI document has the fields of the schema that stands alone."""
    payloads, named = components("#/components/schemas/{name}")
    for place, schema in schemas().items():
        name = place.rpartition("/")[2]
        if place.startswith("answers/"):
            continue
        alone = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        inside = payloads["*" if name == OTHER else name]
        inside = named[inside["$ref"].rpartition("/")[2]] if "$ref" in inside else inside
        assert alone["properties"].keys() == inside["properties"].keys(), place


VALIDATORS: dict[str, dict[str, Any]] = {}
for _place, _schema in schemas().items():
    _topic, _, _name = _place.rpartition("/")
    VALIDATORS.setdefault(_topic, {})[_name] = jsonschema_rs.Draft202012Validator(_schema)
EXAMPLES = [(topic, value) for topic, values in GOLDEN.items() for value in values]


@pytest.mark.parametrize(("topic", "value"), EXAMPLES, ids=lambda one: one if isinstance(one, str) else "")
def test_an_example_is_valid_by_exactly_its_own_schema(topic: str, value: dict[str, Any]) -> None:
    """As a publisher or consumer in any language would check it, with a validator that is not ours."""
    valid = {name for name, validator in VALIDATORS[topic].items() if validator.is_valid(value)}
    if topic in ("touchpoints", "commands"):
        own = value["type"] if value["type"] in VALIDATORS[topic] else OTHER
        assert own in valid
        assert valid <= {own, OTHER}
    else:
        assert len(valid) == 1


def test_an_example_in_the_document_is_of_its_message() -> None:
    """Each message that has golden examples shows them, and they are valid by its own schema."""
    shown = set()
    for topic, channel in ASYNCAPI["channels"].items():
        for name in channel["messages"]:
            for example in ASYNCAPI["components"]["messages"][name].get("examples", ()):
                assert VALIDATORS[topic][name].is_valid(example["payload"]), name
                shown.add(name)
    assert shown >= {*DATA_TYPES, OTHER, "Profile", "MergedAway", "Merge", "split", "Result"}


def test_the_configuration_page_has_every_setting_and_variable() -> None:
    """What the code asks for is on the page, under its section."""
    page = MADE["docs/configuration.md"]
    for name in VARIABLES:
        assert f"| `{name}` |" in page
    for path in known_settings():
        top, _, below = path.partition(".")
        shown = re.sub(r"^[a-z]+\.", "NAME.", below) if top == "namespaces" else below
        section = page.partition(f"### {top}\n")[2].partition("\n### ")[0]
        assert f"| `{shown or top}` |" in section, path
