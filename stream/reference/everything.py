"""Everything that is made from the code, by its place in the repository.

Must not know: how any one of them is made.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from stream.reference import commands_page, configuration_page, console_types, metrics_page, pictures, topics_page
from stream.web import openapi
from topics.asyncapi import document
from topics.schemas import Schema, answer_schemas, command_schemas, event_schemas, record_schemas

FOLDERS: Final = ("docs/schemas", "docs/pictures")
"""Folders in which there is nothing else."""
OTHER: Final = "other"
"""The file of an event type that is not in the catalogue."""


def everything(root: Path) -> dict[str, str]:
    """Place -> content. `root`: of the repository, for the golden examples."""
    examples = golden(root / "topics" / "examples")
    return {
        "docs/metrics.md": metrics_page.page(),
        "docs/configuration.md": configuration_page.page(),
        "docs/cli.md": commands_page.page(),
        "docs/topics.md": topics_page.page(examples),
        "stream/console/answers.d.ts": console_types.page(),
        "docs/openapi.json": _json(openapi.document()),
        "docs/asyncapi.json": _json(document(version("idweave"), examples)),
        **{f"docs/pictures/{name}.svg": svg for name, svg in pictures.pictures().items()},
        **{f"docs/schemas/{name}.json": _json(schema) for name, schema in schemas().items()},
    }


def schemas() -> dict[str, Schema]:
    """Every schema, by its place below docs/schemas and without its ending."""
    found = {f"touchpoints/{OTHER if name == '*' else name}": schema for name, schema in event_schemas().items()}
    found |= {f"commands/{name}": schema for name, schema in command_schemas().items()}
    for topic, records in record_schemas().items():
        found |= {f"{topic}/{name}": schema for name, schema in records.items()}
    return found | {f"answers/{name}": schema for name, schema in answer_schemas().items()}


def golden(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Topic name without prefix -> golden values. Dead letters have none: they are as received."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        name = file.name.removesuffix(".jsonl")
        if name != "touchpoints.dlq":
            topic = "touchpoints" if name.startswith("touchpoints.") else name
            found.setdefault(topic, []).extend(orjson.loads(line) for line in file.read_bytes().splitlines())
    return found


def _json(content: Mapping[str, Any]) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n"
