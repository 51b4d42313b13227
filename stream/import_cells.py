"""Cells of a row: how one value of a foreign file becomes one value of an event, as an import map says.

Rules: a cell that holds nothing says nothing; a cell that cannot be what it should be is answered with the reason, in
which the column is named and its content never repeated. No clock, no zone of this machine: the same row is always the
same event.
Must not know: files, which value goes where in an event.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from topics.instants import to_text, to_us

Kind = Literal["text", "any", "number", "integer", "amount", "truth", "date", "instant"]
Otherwise = Literal["reject", "skip", "keep"]
Row = Mapping[str, Any]
"""Column -> text, or whatever JSON can say."""

WORD_FORMATS: Final = ("iso", "seconds", "milliseconds")
"""Formats of an instant that are no pattern: RFC 3339 text, and time since 1970."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})")
_YES: Final = frozenset({"true", "yes", "y", "1", "是"})
_NO: Final = frozenset({"false", "no", "n", "0", "否"})
_TOKENS: Final = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH": "%H", "hh": "%H", "mm": "%M", "ss": "%S"}
_TOKEN: Final = re.compile("|".join(_TOKENS))


class Wrong(NamedTuple):
    """Why a row has no event: one English sentence without anything of the row but a column's name."""

    reason: str


class Cell(Struct, frozen=True, kw_only=True):
    """Where a value comes from and what it should be.

    Attributes:
        kind: what the value is in the event.
        column: where it is read; None: it is `constant` in every row.
        constant: the value of every row, or of a row where the cell is empty.
        words: for a closed set of words, what each stands for, by `folded` text; None stands for nothing.
        otherwise: what becomes of a text that is not among `words`.
        formats: of a date or an instant, tried in this order: a `strptime` format, or one of `WORD_FORMATS`.
        zone: of an instant whose text says none.
        scope: what is put before the value, with a colon.
        thousands: what stands between thousands in a number.
        drop_sign: read a negative number as positive.
    """

    kind: Kind = "text"
    column: str | None = None
    constant: Any = None
    words: Mapping[str, Any] | None = None
    otherwise: Otherwise = "reject"
    formats: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    scope: str | None = None
    thousands: str = ""
    drop_sign: bool = False


def folded(text: str) -> str:
    """A text as value maps compare it: letter case and outer blanks make no difference."""
    return text.strip().casefold()


def content_of(row: Row, column: str, empty: frozenset[str]) -> Any:  # noqa: ANN401 - whatever JSON can say
    """What a row has in a column; None: nothing. A name with dots leads into JSON objects. `empty`: `folded` texts."""
    content = row.get(column)
    if content is None and "." in column:
        content = row
        for name in column.split("."):
            content = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(content, str):
        return content
    text = content.strip()
    return None if not text or text.casefold() in empty else text


def read_cell(cell: Cell, row: Row, empty: frozenset[str]) -> Any:  # noqa: ANN401 - whatever an event can hold
    """The value that a row has for a cell; None: it says nothing; or what is `Wrong` with it."""
    if cell.column is None:
        return cell.constant
    content = content_of(row, cell.column, empty)
    if content is None:
        return cell.constant
    if cell.words is not None:
        text = _text(content)
        known = text is not None and folded(text) in cell.words
        if known or cell.otherwise == "skip":
            return cell.words[folded(text or "")] if known else None
        if cell.otherwise == "reject":
            return Wrong(f"Column `{cell.column}`: not one of the words in `values` of the map")
    value = _read(cell, content)
    return Wrong(f"Column `{cell.column}`: {value.reason}") if isinstance(value, Wrong) else value


def pattern_of(text: str) -> str | None:
    """The `strptime` format of a pattern like `YYYY-MM-DD hh:mm:ss`; None: it is none, or says no whole date."""
    found = set(_TOKEN.findall(text))
    rest = _TOKEN.sub("", text).replace("T", "", 1)
    if "%" in text or re.search("[A-Za-z]", rest) or not {"MM", "DD"} <= found or found.isdisjoint({"YYYY", "YY"}):
        return None
    return _TOKEN.sub(lambda token: _TOKENS[token[0]], text)


def instant_us(text: str) -> int | None:
    """Microseconds since 1970 of an RFC 3339 text with a zone; None: it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.tzinfo is None else to_us(time)


def _read(cell: Cell, content: Any) -> Any:  # noqa: ANN401 - as above
    match cell.kind:
        case "any":
            return content
        case "text":
            text = _text(content)
            if text is None:
                return Wrong("must be text; write it in quotes")
            return text if cell.scope is None else f"{cell.scope}:{text}"
        case "truth":
            return content if isinstance(content, bool) else _truth(content)
        case "number" | "integer" | "amount":
            return _number(cell, content)
        case "date" | "instant":
            return _time(cell, content)


def _text(content: Any) -> str | None:  # noqa: ANN401 - as above
    """What JSON says as text; None: it cannot be text without guessing how its digits were written."""
    if isinstance(content, str):
        return content
    if isinstance(content, bool):
        return "true" if content else "false"
    return str(content) if isinstance(content, int) else None


def _truth(content: Any) -> bool | Wrong:  # noqa: ANN401 - as above
    word = folded(_text(content) or "")
    if word in _YES or word in _NO:
        return word in _YES
    return Wrong("must be yes or no; say in `values` what its words mean")


def _number(cell: Cell, content: Any) -> Any:  # noqa: ANN401 - as above
    text = str(content) if isinstance(content, int | float) and not isinstance(content, bool) else content
    text = text.replace(cell.thousands, "") if isinstance(text, str) and cell.thousands else text
    if not isinstance(text, str) or _NUMBER.fullmatch(text) is None:
        return Wrong("must be a number like 1299.00; name what stands between thousands with `thousands`")
    number = abs(Decimal(text)) if cell.drop_sign else Decimal(text)
    if cell.kind == "amount":
        if number < 0:
            return Wrong("must not be negative; say `drop_sign: true` where refunds are written so")
        return f"{number:f}"
    if number == number.to_integral_value():
        return int(number)
    return float(number) if cell.kind == "number" else Wrong("must be a whole number")


def _time(cell: Cell, content: Any) -> str | Wrong:  # noqa: ANN401 - as above
    text = _text(content) if not isinstance(content, float) else repr(content)
    for form in cell.formats:
        time = _parsed(form, text or "", cell.zone)
        if time is not None:
            return time.date().isoformat() if cell.kind == "date" else to_text(to_us(time))
    return Wrong("not a date or time in the `format` that the map names, or without its zone")


def _parsed(form: str, text: str, zone: ZoneInfo | None) -> datetime | None:
    """The time that a text says in one format; a date stays without a zone."""
    try:
        match form:
            case "seconds" | "milliseconds":
                number = Decimal(text) if _NUMBER.fullmatch(text) else None
                divisor = 1 if form == "seconds" else 1000
                return None if number is None else datetime.fromtimestamp(float(number / divisor), UTC)
            case "iso":
                time = datetime.fromisoformat(text)
                if time.tzinfo is not None:
                    return time
                return None if zone is None else time.replace(tzinfo=zone)
            case _:
                time = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows, or it is a date
                return time if zone is None else time.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        return None
