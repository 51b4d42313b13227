"""The golden examples and small ways to make records of them."""

from pathlib import Path
from typing import Any

from topics.codec import decode, encode
from topics.records import Record

EXAMPLES = Path(__file__).parents[2] / "topics" / "examples"
APPEND_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z, hours after the latest example
CANARY = "canary-7f3e"

VISIT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "wifi-77-000123",
    "source": "/wifi/mall-77",
    "type": "wifi.login",
    "time": "2026-11-21T10:00:00+08:00",
    "data": {
        "identifiers": {"phone": "138 0013 8000", "mac": "AA-BB-CC-00-11-22"},
        "traits": {"city": "Shanghai"},
        "traits_once": {"first_store": "SH-001"},
        "counters": {"visits": 1},
        "store": "SH-001",
        "channel": "offline",
    },
}


def example_lines(topic: str) -> list[bytes]:
    """The record values in the example files of a topic; `touchpoints` has one file per family of event types."""
    files = [EXAMPLES / f"{topic}.jsonl"]
    if topic == "touchpoints":
        files = sorted(set(EXAMPLES.glob("touchpoints.*.jsonl")) - {EXAMPLES / "touchpoints.dlq.jsonl"})
    return [line for file in files for line in file.read_bytes().splitlines()]


def example_events() -> list[dict[str, Any]]:
    """The example events, as dicts."""
    return [decode(line) for line in example_lines("touchpoints")]


def record(content: object, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    """A record with this value: bytes and None as they are, anything else as JSON."""
    value = content if content is None or isinstance(content, bytes) else encode(content)
    return Record("idweave.touchpoints", 0, 7, APPEND_MS, None, value, headers)


def visit(**changes: object) -> dict[str, Any]:
    """The contract's example event with other attributes."""
    return {**VISIT, **changes}


def visit_with(**changes: object) -> dict[str, Any]:
    """The contract's example event with other data."""
    return visit(data={**VISIT["data"], **changes})


def event(event_type: str, **fields: object) -> dict[str, Any]:
    """An event of a type, seen by one card, with the type's own fields."""
    return visit(type=event_type, data={"identifiers": {"card": "88001234"}, **fields})
