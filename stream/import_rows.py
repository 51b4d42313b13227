"""Rows of a foreign file, CSV or JSON lines, each with the number of its first line, in bounded memory.

Rules: a row that cannot be read is a row with a fault, and the next one is read; nothing is guessed, neither encoding
nor delimiter. Where a row is in several lines (a quoted line break), its number is that of the first.
Must not know: maps, events.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

from topics import strict_json
from topics.codec import decode
from topics.refusals import Refusal

LINE_BYTES_MAX: Final = 1_048_576
DEPTH_MAX: Final = 32

_BOMS: Final = {"utf-8": b"\xef\xbb\xbf", "gb18030": b"\x84\x31\x95\x33"}


class FileRow(NamedTuple):
    """A row, or what is there instead of one.

    `line`: of its first line, from 1. `content`: column -> text, or whatever JSON can say; None: it cannot be read, for
    the reason `fault`. `text`: what is there then.
    """

    line: int
    content: dict[str, Any] | None
    text: str = ""
    fault: str = ""


class UnreadableFileError(Exception):
    """The file is not what it was said to be; the message is a sentence without anything of a row."""


class Lines:
    """Lines of a file as text. `number` is that of the last one, `bytes` how far it has been read.

    `taken` and `faults` are of the lines since `begin`.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self.number = 0
        self.bytes = 0
        self.taken: list[str] = []
        self.faults: list[str] = []

    def begin(self) -> int:
        """A row begins -> the number of its first line."""
        self.taken.clear()
        self.faults.clear()
        return self.number + 1

    def __iter__(self) -> Iterator[str]:
        """The lines, each with its end."""
        return self

    def __next__(self) -> str:
        """The next line. One that is too long or no text in this encoding is blank, with a fault."""
        line = self._file.readline(LINE_BYTES_MAX + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.bytes += len(line)
        if self.number == 1:
            line = line.removeprefix(_BOMS[self._encoding])
        if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            self._pass_over()
            return self._faulty(f"A line has more than {LINE_BYTES_MAX} bytes", "")
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError:
            return self._faulty(f"The line is not {self._encoding} text", line.decode(self._encoding, "replace"))
        self.taken.append(text)
        return text

    def _pass_over(self) -> None:
        """The rest of a line that is too long."""
        while rest := self._file.readline(LINE_BYTES_MAX):
            self.bytes += len(rest)
            if rest.endswith(b"\n"):
                return

    def _faulty(self, fault: str, text: str) -> str:
        self.faults.append(fault)
        self.taken.append(text)
        return "\n"


class CsvRows:
    """Rows of a CSV file. `header`: the columns' names, from the first line unless they are given."""

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str, header: Sequence[str] | None) -> None:
        """Raises UnreadableFileError: the first line does not name columns."""
        self.lines = Lines(file, encoding)
        self._reader = csv.reader(self.lines, delimiter=delimiter, strict=True)
        self.header = self._header() if header is None else tuple(header)

    def __iter__(self) -> Iterator[FileRow]:
        """The rows; blank lines are none."""
        while True:
            line = self.lines.begin()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._faulty(line, f"Not CSV: {error}")
                continue
            if self.lines.faults:
                yield self._faulty(line, self.lines.faults[0])
            elif any(cells):
                if len(cells) == len(self.header):
                    yield FileRow(line, dict(zip(self.header, cells, strict=True)))
                else:
                    yield self._faulty(
                        line, f"The row has {len(cells)} cells, and there are {len(self.header)} columns"
                    )

    def _header(self) -> tuple[str, ...]:
        self.lines.begin()
        try:
            names = tuple(name.strip() for name in next(self._reader, ()))
        except csv.Error as error:
            raise UnreadableFileError(f"its first line is not CSV: {error}") from error
        if self.lines.faults:
            raise UnreadableFileError(f"{self.lines.faults[0].lower()}. Say its `encoding` in the map")
        if not any(names):
            raise UnreadableFileError("its first line names no columns")
        named = [name for name in names if name]
        if len(set(named)) < len(named):
            raise UnreadableFileError("its first line names a column twice. Say `columns: [...]` in the map")
        return names

    def _faulty(self, line: int, fault: str) -> FileRow:
        return FileRow(line, None, "".join(self.lines.taken).rstrip("\r\n"), fault)


class JsonRows:
    """Rows of a file with one JSON object a line. It has no header."""

    header = None

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.lines = Lines(file, encoding)

    def __iter__(self) -> Iterator[FileRow]:
        """The rows; blank lines are none."""
        while True:
            line = self.lines.begin()
            text = next(self.lines, None)
            if text is None:
                return
            if self.lines.faults:
                yield FileRow(line, None, self.lines.taken[0].rstrip("\r\n"), self.lines.faults[0])
            elif text.strip():
                yield _json_row(line, text.strip())


Rows = CsvRows | JsonRows


def _json_row(line: int, text: str) -> FileRow:
    fault = strict_json.fault(text.encode(), DEPTH_MAX)
    if isinstance(fault, Refusal):
        return FileRow(line, None, text, fault.message)
    content = decode(text.encode())
    return FileRow(line, content) if isinstance(content, dict) else FileRow(line, None, text, "Not a JSON object")
