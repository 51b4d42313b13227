"""What an import leaves beside its file: how far it is, and the rows that were rejected.

Rules: `FILE.import-state.json` holds no row and is there only while an import is unfinished; it is replaced whole, and
only after all rows up to its line were acknowledged or rejected. `FILE.rejects.csv` (or `.jsonl`) holds rows, so only
its owner may read it.
Must not know: how rows become events.
"""

import codecs
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec

from stream.import_events import OURS
from stream.import_rows import FileRow
from topics.codec import encode

STATE_ENDING: Final = ".import-state.json"
COLUMNS: Final = ("line", "code", "reason", "text")


class State(msgspec.Struct, kw_only=True):
    """How far an import is.

    Attributes:
        file: digest of the file. map: digest of the map, and of what else decides which events there are.
        topic: where to. cluster: of which brokers, by the name they give themselves.
        line: of the last row that is done.
        published, skipped: counts of rows. rejected: by code. dropped: values dropped from events, `namespace rule`.
        filled: columns in which some row said something.
        rejects_bytes: how long the rejects file was.
    """

    file: str
    map: str
    topic: str
    cluster: str
    line: int = 0
    published: int = 0
    skipped: int = 0
    rejected: dict[str, int] = {}
    dropped: dict[str, int] = {}
    filled: set[str] = set()
    rejects_bytes: int = 0

    def is_of(self, other: "State") -> bool:
        """Whether both are of one import."""
        return (self.file, self.map, self.topic, self.cluster) == (other.file, other.map, other.topic, other.cluster)

    @property
    def rows(self) -> int:
        """Rows that are done."""
        return self.published + self.skipped + sum(self.rejected.values())


def state_file(file: Path) -> Path:
    """Where the state of a file's import is."""
    return file.with_name(file.name + STATE_ENDING)


def read_state(file: Path) -> State | None:
    """The state that an import left; None: there is none that can be used."""
    try:
        return msgspec.json.decode(state_file(file).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None


def write_state(file: Path, state: State) -> None:
    """Replace the state. Raises OSError."""
    place = state_file(file)
    beside = place.with_name(place.name + ".new")
    beside.write_bytes(msgspec.json.encode(state))
    beside.replace(place)


def forget_state(file: Path) -> None:
    """The import is finished. Raises OSError."""
    state_file(file).unlink(missing_ok=True)


class Rejects:
    """The rejects file: each row as it was, and in front of it the number of its line, a code and a reason.

    These have columns of their own, so that what has been put right can be imported with the same map. It is made with
    the first row; a context manager.
    """

    def __init__(
        self, file: Path, header: Sequence[str] | None, delimiter: str, encoding: str, done_bytes: int
    ) -> None:
        """`header` None: JSON lines. `done_bytes`: what an earlier run wrote; whatever is behind is written again."""
        self.place = file.with_name(f"{file.name}.rejects.{'jsonl' if header is None else 'csv'}")
        self._header = None if header is None else tuple(name for name in header if not name.startswith(OURS))
        self._delimiter = delimiter
        self._encoding = encoding
        self._done_bytes = done_bytes
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Raises OSError."""
        if self._done_bytes:
            there = self._open()
            there.truncate(min(self._done_bytes, there.seek(0, os.SEEK_END)))
            there.seek(0, os.SEEK_END)
        else:
            self.place.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: FileRow, code: str, reason: str) -> None:
        """Add a row. Raises OSError."""
        ours = {OURS + name: said for name, said in zip(COLUMNS, (row.line, code, reason, row.text), strict=True)}
        content = {name: said for name, said in (row.content or {}).items() if not name.startswith(OURS)}
        if self._header is None:
            self._open().write(encode({**ours, **content}) + b"\n")
            return
        if self._open().tell() == 0:
            if self._encoding == "utf-8":
                self._open().write(codecs.BOM_UTF8)  # without it Excel takes the file for another encoding
            self._write_cells([*ours, *self._header])
        self._write_cells([*ours.values(), *(content.get(name, "") for name in self._header)])

    def flushed_bytes(self) -> int:
        """How long the file is, once what was added is in it. Raises OSError."""
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.tell()

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = os.fdopen(os.open(self.place, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        return self._file

    def _write_cells(self, cells: Sequence[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        self._open().write(line.getvalue().encode(self._encoding, "replace"))
