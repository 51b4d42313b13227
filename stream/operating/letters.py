"""Letters: the dead letters that are kept, read from one end to the other, chosen, counted, and sent again.

Rules: bounded memory, whatever lies there; what is sent again is byte for byte what was received; only what was there
when it began is sent, so that what is refused again does not go round in circles.
Must not know: whose terminal watches, how a letter is made.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sinks.dead_letters import Letter, read_letter
from sinks.log_reader import LogReader, Place
from sinks.publisher import Publisher
from topics.catalogue import DEAD_LETTERS

RECORDS_AT_ONCE: Final = 500
"""A letter may have a megabyte."""
ROWS_MAX: Final = 10_000

_PLACE: Final = re.compile(r"(\d{1,9}):(\d{1,18})(?:-(\d{1,18}))?")

Shown = Callable[[int, int], None]
"""(how many are done, of about how many)."""


class Span(NamedTuple):
    """Letters of one partition, the last included."""

    partition: int
    first: int
    last: int


class Choice(NamedTuple):
    """Which letters are meant: those of the codes, in the spans, of this time; empty: all."""

    codes: frozenset[str] = frozenset()
    spans: tuple[Span, ...] = ()
    since_ms: int = 0
    until_ms: int = 2**63

    def includes(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.spans or any(_within(letter, one) for one in self.spans))
            and self.since_ms <= letter.append_ms < self.until_ms
        )


class Row(NamedTuple):
    """Letters of one code, one source topic and one day (UTC): how many, and where the first and the last lie."""

    code: str
    topic: str
    day: str
    letters: int
    first: str
    last: str


class Counted(NamedTuple):
    """What was counted. `foreign`: records that this engine did not write; `cut`: letters that can't be sent again.

    `ends`: how far was read, for reading the same once more. `more`: letters beyond `ROWS_MAX` rows.
    """

    rows: list[Row]
    letters: int
    cut: int
    foreign: int
    more: int
    ends: Mapping[Place, int]


class Letters:
    """The dead-letter topic under a prefix."""

    def __init__(self, reader: LogReader, prefix: str, shown: Shown) -> None:
        self._reader = reader
        self._places = reader.places(DEAD_LETTERS.full_name(prefix))
        self._shown = shown
        self._foreign = 0

    def count(self, choice: Choice) -> Counted:
        """Count the letters that are meant."""
        rows: dict[tuple[str, str, str], Row] = {}
        ends: dict[Place, int] = {}
        letters = cut = more = 0
        for letter in self._read(choice, {}, ends):
            letters += 1
            cut += letter.received is None
            at = f"{letter.partition}:{letter.offset}"
            key = (letter.code, letter.source[0], f"{datetime.fromtimestamp(letter.append_ms / 1000, UTC):%Y-%m-%d}")
            row = rows.get(key)
            if row is not None:
                rows[key] = row._replace(letters=row.letters + 1, last=at)
            elif len(rows) < ROWS_MAX:
                rows[key] = Row(*key, 1, at, at)
            else:
                more += 1
        return Counted([rows[key] for key in sorted(rows)], letters, cut, self._foreign, more, ends)

    def one(self, span: Span) -> Letter | None:
        """The letter at a place; None: there is none, or none of ours."""
        return next(self._read(Choice(spans=(span,)), {}, {}), None)

    def chosen(self, choice: Choice, ends: Mapping[Place, int]) -> Iterator[Letter]:
        """The letters that are meant, up to where they were counted."""
        return self._read(choice, ends, {})

    def _read(self, choice: Choice, ends: Mapping[Place, int], reached: dict[Place, int]) -> Iterator[Letter]:
        starts = self._starts(choice)
        if not starts:
            return
        last = {**{place: end for place, end in self._last(choice).items() if place in starts}, **ends}
        of = sum(end - first for first, end in self._reader.bounds(starts).values())
        done = 0
        for stretches in self._reader.read(starts, last, RECORDS_AT_ONCE):
            for place, first, after, records in stretches:
                reached[place] = after
                done += after - first
                for record in records:
                    letter = read_letter(record)
                    if letter is None:
                        self._foreign += 1
                    elif choice.includes(letter):
                        yield letter
            self._shown(min(done, of), of)

    def _starts(self, choice: Choice) -> dict[Place, int | None]:
        """Where to begin: only partitions that are meant, and no earlier than the first letter that is.

        Nor beyond the last one: not every broker says that an offset is past the end; who waits there hears nothing.
        """
        if not choice.spans:
            return dict.fromkeys(self._places)
        firsts = {place: [one.first for one in choice.spans if one.partition == place[1]] for place in self._places}
        bounds = self._reader.bounds(self._places)
        return {
            place: max(min(*some, bounds[place][1] - 1), bounds[place][0]) for place, some in firsts.items() if some
        }

    def _last(self, choice: Choice) -> dict[Place, int]:
        lasts = {place: [one.last for one in choice.spans if one.partition == place[1]] for place in self._places}
        return {place: max(some) + 1 for place, some in lasts.items() if some}


async def send(letters: Sequence[Letter], publisher: Publisher) -> int:
    """Send letters again as they were received -> how many; those that were cut are left out.

    Raises:
        PublishFailedError: not all of them have arrived.
    """
    records = [letter.received for letter in letters if letter.received is not None]
    await publisher.send(records)
    return len(records)


def span_of(text: str) -> Span | None:
    """`partition:offset`, or `partition:first-last`; None: it is neither."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    partition, first, last = found.groups()
    span = Span(int(partition), int(first), int(first if last is None else last))
    return span if span.first <= span.last else None


def _within(letter: Letter, span: Span) -> bool:
    return letter.partition == span.partition and span.first <= letter.offset <= span.last
