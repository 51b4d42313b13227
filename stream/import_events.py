"""From a row of a foreign file to the event that a publisher would have sent, as an import map says.

Rules: the same row under the same map is the same event, byte for byte, whenever it is read: so what is imported twice
counts once. Whether the engine accepts the event is not said here.
Must not know: files, brokers, the time.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final

from stream.import_cells import Row, Wrong, content_of, read_cell
from stream.import_map import ImportMap, Part
from topics.codec import canonical, encode

OURS: Final = "idweave_"
"""Columns whose names begin so are ours: the rejects file adds them."""
ID_BYTES: Final = 16


class EventMaker:
    """Makes events of rows. `key` is a secret: a digest of a row without one would tell who tries out phone numbers."""

    def __init__(self, read: ImportMap, key: bytes) -> None:
        self._map = read
        self._key = key

    def event(self, row: Row) -> bytes | Wrong | None:
        """The structured-mode event of a row; None: the map says to skip it; or what is `Wrong` with it."""
        read = self._map
        if any(content_of(row, column, read.empty) is None for column in read.skip_when_empty):
            return None
        kind = read_cell(read.type, row, read.empty)
        time = read_cell(read.time, row, read.empty)
        event_id = self._id(row)
        identifiers = self._identifiers(row)
        data: dict[str, Any] = {}
        for wrong in (kind, time, event_id, identifiers, *_put(read.parts, row, read.empty, data)):
            if isinstance(wrong, Wrong):
                return wrong
        item: dict[str, Any] = {}
        for wrong in _put(read.item, row, read.empty, item):
            if isinstance(wrong, Wrong):
                return wrong
        if kind is None or time is None:
            empty = read.type if kind is None else read.time
            return Wrong(f"Column `{empty.column}`: empty, and every event has a type and a time")
        if item:
            data.setdefault("order", {})["items"] = [item]
        return encode(
            {
                "specversion": "1.0",
                "id": event_id,
                "source": read.source,
                "type": kind,
                "time": time,
                "data": {"identifiers": identifiers, **data},
            }
        )

    def _id(self, row: Row) -> str | Wrong:
        read = self._map
        if not read.id:
            said = {
                name: content.strip() if isinstance(content, str) else content
                for name, content in row.items()
                if content not in (None, "") and not name.startswith(OURS)
            }
            return hmac.digest(self._key, canonical(said), "sha256")[:ID_BYTES].hex()
        parts: list[str] = []
        for column in read.id:
            content = content_of(row, column, read.empty)
            if not isinstance(content, str | int) or isinstance(content, bool):
                return Wrong(f"Column `{column}`: empty or no text, and it names the event")
            parts.append(str(content))
        # So that ("a|b", "c") and ("a", "b|c") are two.
        return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts) if parts[1:] else parts[0]

    def _identifiers(self, row: Row) -> dict[str, Any] | Wrong:
        found: dict[str, Any] = {}
        for namespace, cells in self._map.identifiers.items():
            values = [read_cell(cell, row, self._map.empty) for cell in cells]
            for value in values:
                if isinstance(value, Wrong):
                    return value
            there = [value for value in values if value is not None]
            if there:
                found[namespace] = there[0] if len(there) == 1 else there
        return found


def _put(parts: tuple[Part, ...], row: Row, empty: frozenset[str], data: dict[str, Any]) -> list[Wrong]:
    """Put what a row says into an event's data -> what is wrong with it."""
    wrong: list[Wrong] = []
    for path, cell in parts:
        value = read_cell(cell, row, empty)
        if isinstance(value, Wrong):
            wrong.append(value)
        elif value is not None:
            within: Any = data
            for name in path[:-1]:
                within = within.setdefault(name, {})
            within[path[-1]] = value
    return wrong


def filled(row: Mapping[str, Any]) -> set[str]:
    """The columns in which a row says something."""
    return {name for name, content in row.items() if content not in (None, "")}
