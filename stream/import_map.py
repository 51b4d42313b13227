"""Import maps: which columns of a foreign file become which parts of an event, read from YAML.

Rules: a map has the names of the event's own `data`, so that who knows the one knows the other; a plain text names a
column, a fixed value is written `{constant: ...}`. Every mistake is collected and has its line, its column and what to
do; what the type of the event cannot hold, or cannot do without, is a mistake of the map and not of every row.
Must not know: the file that is imported, how an event is made.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from msgspec import Struct
from ruamel.yaml.comments import CommentedMap

from resolvers.namespaces import Namespace
from stream.import_cells import Cell, Kind, folded
from stream.import_fields import fields_of
from stream.import_map_cells import MapCells, Place
from stream.mistakes import ConfigError, Mistake, closest
from stream.sections import Reading, Section, read_top
from topics.events import DATA_TYPES, Data, Item, Order, PricedOrder, PricedOrderData

Form = Literal["csv", "jsonl"]
Encoding = Literal["utf-8", "gb18030"]

NAME_MAX: Final = 256
OPEN_SECTIONS: Final[Mapping[str, Kind]] = {
    "traits": "any",
    "traits_once": "any",
    "answers": "any",
    "counters": "number",
    "consents": "truth",
}
"""Parts of an event whose names are the publisher's choice."""


class Part(NamedTuple):
    """A value of the event: its way within `data`, and where it comes from."""

    path: tuple[str, ...]
    cell: Cell


class ImportMap(Struct, frozen=True, kw_only=True):
    """All that a map says.

    Attributes:
        form: of the file; None: by the file's name.
        header: names of the columns, where the file's first line does not say them.
        empty: `folded` texts that hold nothing, as an empty cell does.
        skip_when_empty: a row in which one of these is empty is no event.
        id: columns that name the event together; none: a digest of the row does.
        identifiers: namespace -> the cells of its values.
        parts: everything else in `data`. item: the one item of the row's order.
        columns: every column that is named, with a place that names it.
    """

    form: Form | None
    delimiter: str
    encoding: Encoding
    header: tuple[str, ...] | None
    empty: frozenset[str]
    skip_when_empty: tuple[str, ...]
    type: Cell
    source: str
    id: tuple[str, ...]
    time: Cell
    identifiers: Mapping[str, tuple[Cell, ...]]
    parts: tuple[Part, ...]
    item: tuple[Part, ...]
    columns: Mapping[str, Place]
    warnings: tuple[Mistake, ...] = ()


def read_map(file: Path, namespaces: Mapping[str, Namespace]) -> ImportMap:
    """What a map says.

    Raises:
        ConfigError: with every mistake found.
    """
    reading = Reading(str(file))
    top = read_top(file, reading)
    if top is None and not reading.mistakes:
        reading.mistakes.append(Mistake(str(file), "", "the map says nothing", "docs/import.md has two to start from"))
    found = None if top is None else _Map(top, namespaces).read()
    if found is None or reading.mistakes:
        raise ConfigError(reading.mistakes)
    return found


def missing_columns(read: ImportMap, header: Sequence[str]) -> list[Mistake]:
    """Columns that the map names and the file does not have. No name of the file's own is listed: it may be data."""
    mistakes = []
    for column, (place, subject) in read.columns.items():
        if column not in header:
            near = difflib.get_close_matches(column, header, 1)
            hint = (
                f"did you mean '{near[0]}'?"
                if near
                else f"it has {len(header)}; if its first line is a row, name them in columns: [...]"
            )
            mistakes.append(Mistake(place, subject, f"the file has no column `{column}`", hint))
    return mistakes


class _Map:
    """A map being read."""

    def __init__(self, top: Section, namespaces: Mapping[str, Namespace]) -> None:
        self._top = top
        self._namespaces = namespaces
        self._cells = MapCells()

    def read(self) -> ImportMap:
        top = self._top
        forms: tuple[Form, ...] = get_args(Form)
        encodings: tuple[Encoding, ...] = get_args(Encoding)
        kind, types = self._type()
        identifiers = self._identifiers()
        read = ImportMap(
            form=top.word("file", forms),
            delimiter=self._delimiter(),
            encoding=top.word("encoding", encodings) or "utf-8",
            header=tuple(self._cells.texts(top, "columns")) or None,
            empty=frozenset(map(folded, self._cells.texts(top, "empty"))),
            skip_when_empty=tuple(self._cells.named(top, "skip_when_empty")),
            type=kind,
            source=self._source(),
            id=self._id(identifiers),
            time=self._time(),
            identifiers=identifiers,
            parts=tuple(self._parts(types)),
            item=tuple(self._item()),
            columns=self._cells.columns,
            warnings=tuple(top.reading.warnings),
        )
        top.refuse_others()
        return read

    # --- what makes it an event

    def _type(self) -> tuple[Cell, tuple[str, ...]]:
        """The cell of the type, and all types that it can give."""
        top = self._top
        content = top.value("type")
        if isinstance(content, str):
            cell = Cell(constant=str(content))
        else:
            cell = self._cells.required(top, "type", "text") or Cell(constant="")
            if cell.column is not None and cell.words is None:
                top.mistake("type", "needs `values`: which word of the column is which type")
        types = tuple(one for one in [cell.constant, *(cell.words or {}).values()] if isinstance(one, str) and one)
        for one in types:
            if one not in DATA_TYPES:
                if near := difflib.get_close_matches(one, DATA_TYPES, 1, 0.8):
                    top.mistake("type", f"'{one}' is no type that the engine knows", f"did you mean '{near[0]}'?")
                else:
                    hint = "it will count as activity, and nothing else"
                    top.warning("type", f"'{one}' is no type that the engine knows", hint)
        return cell, types

    def _source(self) -> str:
        source = self._top.text("source")
        if not source or len(source) > NAME_MAX:
            hint = "write where the file comes from, such as /crm/legacy"
            self._top.mistake("source", "is needed, with 256 characters at most", hint)
        return source or ""

    def _id(self, identifiers: Mapping[str, tuple[Cell, ...]]) -> tuple[str, ...]:
        top = self._top
        if top.value("id") is None:
            top.mistake("id", "is needed", "name the column that numbers the rows, or write id: digest")
        if top.value("id") == "digest":
            return ()
        columns = self._cells.named(top, "id")
        hashed = {one.column for name, cells in identifiers.items() if self._namespaces[name].pii for one in cells}
        if not hashed.isdisjoint(columns):
            reason = "an event's id is published as it is, and this column holds what must be hashed"
            top.mistake("id", reason, "take another column, or id: digest")
        return tuple(columns)

    def _time(self) -> Cell:
        top = self._top
        content = top.value("time")
        if isinstance(content, CommentedMap) and "fixed" in content:
            section = top.section("time")
            assert section is not None
            fixed = self._cells.instant(section, "fixed")
            section.refuse_others()
            return Cell(kind="instant", constant=fixed)
        if not isinstance(content, CommentedMap):
            top.mistake(
                "time", "is needed", "write {column: ..., format: YYYY-MM-DD, zone: Asia/Shanghai} or {fixed: ...}"
            )
            return Cell(kind="instant")
        return self._cells.required(top, "time", "instant") or Cell(kind="instant")

    # --- what is in it

    def _identifiers(self) -> dict[str, tuple[Cell, ...]]:
        section = self._top.section("identifiers")
        if section is None or not section.content:
            if section is not None or "identifiers" not in self._top.content:
                self._top.mistake("identifiers", "are needed", "write them as namespace: column")
            return {}
        return {name: cells for name in section.content if (cells := self._values_of(section, name))}

    def _values_of(self, section: Section, name: object) -> tuple[Cell, ...]:
        """The cells of one namespace: a column, `scope:column`, or a list of these."""
        namespace = self._namespaces.get(str(name))
        if namespace is None:
            section.value(str(name))
            hint = closest(str(name), self._namespaces)
            section.mistake(name, "this namespace is not declared in the configuration", hint, at_name=True)
            return ()
        content = section.value(namespace.name)
        if isinstance(content, CommentedMap):
            cell = self._cells.cell(section, namespace.name, "text", scoped=namespace.scoped)
            return () if cell is None else (cell,)
        cells: list[Cell] = []
        for column in self._cells.texts(section, namespace.name):
            scope, colon, rest = column.partition(":")
            named = bool(colon) and namespace.scoped
            self._cells.name(section, namespace.name, rest if named else column)
            cells.append(Cell(column=rest if named else column, scope=scope if named else None))
        if not cells:
            section.mistake(name, "names no column", "write it as namespace: column")
        return tuple(cells)

    def _parts(self, types: Sequence[str]) -> Iterable[Part]:
        top = self._top
        structs = [DATA_TYPES.get(one, Data) for one in types] or [Data]
        fields = {name: kind for struct in DATA_TYPES.values() for name, (kind, _) in fields_of(struct).items()}
        for name, kind in fields.items():
            if top.value(name) is None:
                self._require(name, structs, types)
            elif not any(name in fields_of(struct) for struct in structs):
                top.mistake(name, f"{' and '.join(types)} cannot hold it", at_name=True)
            elif name in OPEN_SECTIONS:
                yield from self._open_parts(name, OPEN_SECTIONS[name])
            elif name == "order":
                yield from self._order(structs)
            elif name == "inviter":
                yield from self._inviter()
            elif name != "identifiers" and (cell := self._cells.cell(top, name, kind)) is not None:
                yield Part((name,), cell)

    def _require(self, name: str, structs: Sequence[type[Data]], types: Sequence[str]) -> None:
        for struct, one in zip(structs, types, strict=False):
            if fields_of(struct).get(name, ("text", False))[1]:
                self._top.mistake(name, f"{one} needs it", f"write {name}: and where it comes from")
                return

    def _open_parts(self, name: str, kind: Kind) -> Iterable[Part]:
        section = self._top.section(name)
        seen: dict[tuple[str, ...], str] = {}
        for key in section.content if section is not None else ():
            assert section is not None
            if not isinstance(key, str):
                section.value(key)
                section.mistake(key, "a name must be text", "write it in quotes", at_name=True)
                continue
            # A name with dots is a place within the trait; other parts are flat.
            path = (name, *(key.split(".") if kind == "any" else (key,)))
            if any(path[:end] in seen for end in range(2, len(path))) or any(
                other[: len(path)] == path for other in seen
            ):
                section.mistake(key, "stands within another name, or holds one", at_name=True)
            seen[path] = key
            if (cell := self._cells.cell(section, key, kind)) is not None:
                yield Part(path, cell)

    def _order(self, structs: Sequence[type[Data]]) -> Iterable[Part]:
        section = self._top.section("order")
        if section is None:
            return
        priced = any(issubclass(struct, PricedOrderData) for struct in structs)
        for name, (kind, required) in fields_of(PricedOrder if priced else Order).items():
            if section.value(name) is None:
                if required:
                    self._top.mistake("order", f"needs {name}", f"write {name}: and where it comes from")
            elif (cell := self._cells.cell(section, name, kind)) is not None:
                yield Part(("order", name), cell)
        section.value("item")
        section.refuse_others()

    def _item(self) -> Iterable[Part]:
        order = self._top.content.get("order")
        if not isinstance(order, CommentedMap) or not isinstance(order.get("item"), CommentedMap):
            if isinstance(order, CommentedMap) and order.get("item") is not None:
                self._top.mistake("order", "item must hold settings", "write it as item: {sku: ..., price: ...}")
            return
        section = Section(self._top.reading, "order.item", order["item"], (order.lc.line, order.lc.col))
        for name, (kind, _) in fields_of(Item).items():
            if section.value(name) is not None and (cell := self._cells.cell(section, name, kind)) is not None:
                yield Part((name,), cell)
        section.refuse_others()

    def _inviter(self) -> Iterable[Part]:
        section = self._top.section("inviter")
        if section is None:
            return
        if len(section.content) != 1:
            self._top.mistake("inviter", "is one namespace and its column", "write it as inviter: {phone: column}")
        for name in section.content:
            for cell in self._values_of(section, name)[:1]:
                yield Part(("inviter", str(name)), cell)

    def _delimiter(self) -> str:
        delimiter = self._top.text("delimiter")
        if delimiter is None:
            return ","
        if len(delimiter) != 1 or delimiter in '"\r\n':
            self._top.mistake("delimiter", "must be one character", r'write a tab as "\t"')
            return ","
        return delimiter
