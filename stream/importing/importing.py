"""Importing: rows of a foreign file become events, are judged as the worker judges them, and are published.

Rules: a row goes through the same decoding and admission as a live event, and is published as an ordinary touchpoint,
so that importing before, after or during live traffic makes no difference. After every chunk, when Kafka has
acknowledged all of it, the place is written down; so a crash repeats one chunk, whose events count once. Memory is
bounded by a chunk.
Must not know: a terminal, settings.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from resolvers.admission import Admission
from resolvers.intake import take_in
from stream.importing.cells import Wrong
from stream.importing.events import EventMaker, filled
from stream.importing.maps import ImportMap
from stream.importing.publishing import Line
from stream.importing.rows import CsvRows, FileRow, JsonRows, Rows, UnreadableFileError
from stream.importing.state import Rejects, State, forget_state, write_state
from topics.envelope import Limits
from topics.records import Record
from topics.refusals import Refusal

CHUNK_ROWS: Final = 500
DIGEST_BYTES: Final = 16
READ_BYTES: Final = 1_048_576
MAGIC_BYTES: Final = 4
NO_TEXT: Final = {b"PK\x03\x04": "an Excel file or a zip", b"PAR1": "a Parquet file"}
"""What files that are no text begin with."""
UNREADABLE_ROW: Final = "unreadable_row"
UNFIT_VALUE: Final = "unfit_value"

Progress = Callable[[int, State], None]
"""Told how many bytes of the file are done, and the counts so far."""


class Judged(NamedTuple):
    """A row and what becomes of it. `event` None: nothing is sent; `code` empty: it is no reject either."""

    row: FileRow
    event: bytes | None
    code: str = ""
    reason: str = ""
    dropped: tuple[str, ...] = ()


class Publishes(Protocol):
    """A publisher of touchpoints. `delivered`: how many records were acknowledged; `reason`: why others were not."""

    delivered: int
    reason: str

    def publish(self, lines: Iterable[Line], *, per_second: float | None = None) -> None:
        """Send records and wait until each is acknowledged or failed."""
        ...


class StoppedError(Exception):
    """The broker did not take everything. The message says why, and nothing of a row."""


class Judge:
    """Judges rows as the worker would at this moment."""

    def __init__(self, maker: EventMaker, admission: Admission, limits: Limits, topic: str) -> None:
        self._maker = maker
        self._admission = admission
        self._limits = limits
        self._topic = topic

    def judged(self, row: FileRow) -> Judged:
        """What becomes of a row."""
        if row.content is None:
            return Judged(row, None, UNREADABLE_ROW, row.fault)
        event = self._maker.event(row.content)
        if event is None:
            return Judged(row, None)
        if isinstance(event, Wrong):
            return Judged(row, None, UNFIT_VALUE, event.reason)
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        taken = take_in(Record(self._topic, 0, row.line, now_ms, None, event, ()), self._limits, self._admission)
        if isinstance(taken, Refusal):
            return Judged(row, None, taken.code.value, taken.message)
        return Judged(row, event, dropped=tuple(f"{one.namespace} {one.rule}" for one in taken.dropped))


def open_rows(file: BinaryIO, name: str, read: ImportMap) -> Rows:
    """The rows of a file, as the map says, or else as the end of its name says.

    Raises:
        UnreadableFileError: it is not what it was said to be.
    """
    start = file.peek(MAGIC_BYTES)[:MAGIC_BYTES] if isinstance(file, io.BufferedReader) else b""
    if start in NO_TEXT:
        raise UnreadableFileError(f"this is {NO_TEXT[start]}: save it as CSV, and import that")
    form = read.form or ("jsonl" if name.lower().endswith((".jsonl", ".ndjson")) else "csv")
    if form == "jsonl":
        return JsonRows(file, read.encoding)
    return CsvRows(file, read.encoding, read.delimiter, read.header)


def digest_of(file: BinaryIO, progress: Callable[[int], None] = lambda _bytes: None) -> str:
    """What tells a file from another one."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    done = 0
    while part := file.read(READ_BYTES):
        digest.update(part)
        done += len(part)
        progress(done)
    return digest.hexdigest()


def check(rows: Rows, judge: Judge, state: State, progress: Progress, told: Callable[[Judged], None]) -> None:
    """Judge every row and count in `state`; `told` of each that would be rejected."""
    for one in map(judge.judged, rows):
        _count(one, state)
        if one.code:
            told(one)
        if state.rows % CHUNK_ROWS == 0:
            progress(rows.lines.bytes, state)
    progress(rows.lines.bytes, state)


class Importing:
    """One import. `state` says how far an earlier run came, and how far this one is."""

    def __init__(self, file: Path, publisher: Publishes, judge: Judge, state: State) -> None:
        self._file = file
        self._publisher = publisher
        self._judge = judge
        self.state = state

    def run(self, rows: Rows, rejects: Rejects, per_second: float | None, progress: Progress) -> None:
        """Publish what is not done yet.

        Raises:
            StoppedError: the broker did not take everything; the place is that of the chunk before.
            OSError: what is left beside the file cannot be written.
        """
        done = self.state.line
        left = (row for row in rows if row.line > done)
        for chunk in _chunks(map(self._judge.judged, left)):
            events = [(None, one.event) for one in chunk if one.event is not None]
            before = self._publisher.delivered
            self._publisher.publish(events, per_second=per_second)
            if self._publisher.delivered - before < len(events):
                raise StoppedError(self._publisher.reason or "no acknowledgement in time")
            for one in chunk:
                _count(one, self.state)
                if one.code:
                    rejects.write(one.row, one.code, one.reason)
            self.state.line = chunk[-1].row.line
            self.state.rejects_bytes = rejects.flushed_bytes()
            write_state(self._file, self.state)
            progress(rows.lines.bytes, self.state)
        forget_state(self._file)


def _chunks(judged: Iterable[Judged]) -> Iterator[list[Judged]]:
    each = iter(judged)
    while chunk := list(islice(each, CHUNK_ROWS)):
        yield chunk


def _count(one: Judged, state: State) -> None:
    if one.row.content is not None:
        state.filled |= filled(one.row.content)
    if one.code:
        state.rejected[one.code] = state.rejected.get(one.code, 0) + 1
    elif one.event is None:
        state.skipped += 1
    else:
        state.published += 1
        for dropped, count in Counter(one.dropped).items():
            state.dropped[dropped] = state.dropped.get(dropped, 0) + count
