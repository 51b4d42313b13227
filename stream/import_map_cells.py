"""What an import map says of one value: a column's name, or a column with a format, a map of words and the like.

Rules: a plain text names a column; whatever is wrong is noted at its place, and the value is left out.
Must not know: which values an event has.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args
from zoneinfo import ZoneInfo

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from stream.import_cells import WORD_FORMATS, Cell, Kind, Otherwise, folded, instant_us, pattern_of
from stream.sections import Section

_AS: Final[Mapping[str, Kind]] = {"text": "text", "number": "number", "yes_no": "truth", "date": "date"}
_NUMBERS: Final = ("number", "integer", "amount")


class Place(NamedTuple):
    """Where a map names a column: for a mistake that only the file can show."""

    place: str
    subject: str


class MapCells:
    """Reads cells of a map. `columns`: every column that was named, with the first place that named it."""

    def __init__(self) -> None:
        self.columns: dict[str, Place] = {}

    def required(self, section: Section, name: str, kind: Kind) -> Cell | None:
        """As `cell`, and it must be there."""
        if section.value(name) is None:
            section.mistake(name, "is needed")
            return None
        return self.cell(section, name, kind)

    def cell(self, section: Section, name: str, kind: Kind, *, scoped: bool = False) -> Cell | None:
        """A column's name, or what is said of it; None where that is wrong, which is then noted."""
        content = section.value(name)
        if isinstance(content, str):
            if kind == "instant":
                section.mistake(name, "needs a format", "write {column: ..., format: YYYY-MM-DD, zone: Asia/Shanghai}")
            self.name(section, name, str(content))
            return Cell(kind=kind, column=str(content))
        said = section.section(name) if isinstance(content, CommentedMap) else None
        if said is None:
            section.mistake(name, "must name a column", "a fixed value is written {constant: ...}")
            return None
        if kind == "any":
            kind = _AS.get(said.word("as", _AS) or "", "any")
        column = said.text("column")
        constant = self._constant(said, "constant" if column is None else "if_empty", kind)
        if column is None and constant is None:
            section.mistake(name, "must name a column", "write {column: ...}, or {constant: ...} for a fixed value")
        if column is not None:
            self.name(said, "column", column)
        cell = Cell(
            kind=kind,
            column=column,
            constant=constant,
            words=self._words(said, kind),
            otherwise=said.word("otherwise", get_args(Otherwise)) or "reject",
            formats=self._formats(said, kind),
            zone=self._zone(said, kind),
            scope=said.text("scope") if scoped else None,
            thousands=(said.text("thousands") or "") if kind in _NUMBERS else "",
            drop_sign=said.boolean("drop_sign") if kind in _NUMBERS else False,
        )
        if "otherwise" in said.content and cell.words is None:
            said.mistake("otherwise", "has no effect without `values`", at_name=True)
        said.refuse_others()
        return cell

    def _words(self, said: Section, kind: Kind) -> dict[str, Any] | None:
        words = said.section("values")
        if words is None:
            return None
        found: dict[str, Any] = {}
        for word in words.content:
            if isinstance(word, str):
                found[folded(word)] = self._constant(words, word, kind)
            else:
                words.value(word)
                words.mistake(word, "a word of the file must be text", "write it in quotes", at_name=True)
        return found

    def _constant(self, section: Section, name: str, kind: Kind) -> Any:  # noqa: ANN401 - whatever an event can hold
        """A fixed value of the kind; None: there is none, or it is wrong, which is then noted."""
        content = section.value(name)
        if content is None:
            return None
        if kind == "instant":
            return self.instant(section, name)
        is_number = isinstance(content, int | float) and not isinstance(content, bool)
        fits = {
            "any": isinstance(content, str | bool) or is_number,
            "number": is_number,
            "integer": is_number and not isinstance(content, float),
            "truth": isinstance(content, bool),
        }.get(kind, isinstance(content, str))
        if not fits:
            wanted = {"number": "a number", "integer": "a whole number", "truth": "true or false"}.get(kind, "text")
            section.mistake(name, f"must be {wanted}", "write it in quotes" if wanted == "text" else "")
            return None
        return _plain(content)

    def instant(self, section: Section, name: str) -> str | None:
        """A fixed time; None where it is wrong, which is then noted."""
        content = section.value(name)
        if isinstance(content, str) and instant_us(content) is not None:
            return str(content)
        hint = 'write it in quotes, such as "2020-01-01T00:00:00+08:00"'
        section.mistake(name, "must be a time with its zone", hint)
        return None

    def _formats(self, said: Section, kind: Kind) -> tuple[str, ...]:
        if kind not in {"instant", "date"}:
            return ()
        texts = self.texts(said, "format")
        if not texts and "column" in said.content:
            said.mistake("column", "needs a format", "write format: YYYY-MM-DD, or format: YYYY-MM-DD hh:mm:ss")
        formats: list[str] = []
        for text in texts:
            found = text if kind == "instant" and text in WORD_FORMATS else pattern_of(text)
            if found is None:
                hint = f"for times also {', '.join(WORD_FORMATS)}" if kind == "instant" else ""
                said.mistake("format", "must be made of YYYY, MM, DD, hh, mm, ss and signs", hint)
            else:
                formats.append(found)
        return tuple(formats)

    def _zone(self, said: Section, kind: Kind) -> ZoneInfo | None:
        if kind != "instant":
            return None
        name = said.text("zone")
        if name is not None:
            try:
                return ZoneInfo(name)
            except (ValueError, OSError, KeyError):
                said.mistake("zone", "unknown time zone", "write it as Area/City, such as Asia/Shanghai")
        elif any(one not in WORD_FORMATS for one in self.texts(said, "format")):
            said.mistake("format", "says no zone, and a time without one is refused", "add zone: Asia/Shanghai")
        return None

    def texts(self, section: Section, name: str) -> list[str]:
        """A text, or a list of texts."""
        content = section.value(name)
        several = list(content) if isinstance(content, CommentedSeq) else [] if content is None else [content]
        if not all(isinstance(one, str) for one in several):
            section.mistake(name, "must be text, or a list of texts", "write each in quotes")
            return []
        return [str(one) for one in several]

    def named(self, section: Section, name: str) -> list[str]:
        """Columns, one or a list."""
        columns = self.texts(section, name)
        for column in columns:
            self.name(section, name, column)
        return columns

    def name(self, section: Section, name: str, column: str) -> None:
        """A setting names a column."""
        self.columns.setdefault(column, Place(section.place(name), section.path(name)))


def _plain(content: Any) -> Any:  # noqa: ANN401 - as in the caller
    """A scalar without what YAML remembers of how it was written."""
    if isinstance(content, bool):
        return bool(content)
    return next(kind(content) for kind in (str, int, float) if isinstance(content, kind))
