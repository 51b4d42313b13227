"""What rules read of a profile: each field once, converted once, in a list with a place for each.

Rules: a value that is not there is None, of our own numbers and amounts 0, because sums that are empty are left out of
a profile. A value of the wrong kind counts as not there, and is noted. Texts of instants are remembered, because the
same few come again and again.
Must not know: operators, rules.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, cast

from resolvers.profile_fields import COUNT, DECIDED, Field
from topics.instants import to_us

Reading = Literal["raw", "number", "amount", "text", "flag", "list", "instant", "deadline", "birth_month"]
Values = list[Any]
"""`[now_us, Month, contents, ...]`: where the readings begin is `FIRST`."""

NOW: Final = 0
MONTH_NOW: Final = 1
CONTENTS: Final = 2
FIRST: Final = 3

TEXTS_CACHED: Final = 65_536
MONTHS: Final = 12
_DATE_CHARACTERS: Final = 10


class WrongKindError(Exception):
    """A value is not of the kind that its field has. Holds nothing of it."""


_WRONG: Final = (WrongKindError, AttributeError, TypeError)
"""What reading a value of the wrong kind ends with: a list where a text should be has no `startswith` and no hash."""


class Month(NamedTuple):
    """The calendar month of an instant. `next_start_us`, `last_end_us`: by month, 1 to 12 (0 is no month)."""

    name: str
    number: int
    start_us: int
    end_us: int
    next_start_us: tuple[int, ...]
    last_end_us: tuple[int, ...]


def month_at(now_us: int, zone: tzinfo) -> Month:
    """The month that it is in a time zone."""
    here = datetime.fromtimestamp(now_us // 1_000_000, zone)
    serial = here.year * MONTHS + here.month - 1
    start_us, end_us = _start_us(serial, zone), _start_us(serial + 1, zone)
    numbers = range(1, MONTHS + 1)
    return Month(
        f"{here.year:04}-{here.month:02}",
        here.month,
        start_us,
        end_us,
        (0, *(_start_us(serial + ((one - here.month - 1) % MONTHS) + 1, zone) for one in numbers)),
        (0, *(_start_us(serial - ((here.month - one - 1) % MONTHS), zone) for one in numbers)),
    )


def _start_us(serial: int, zone: tzinfo) -> int:
    """When a month begins, counted from year 0."""
    return to_us(datetime(serial // MONTHS, serial % MONTHS + 1, 1, tzinfo=zone))


@lru_cache(maxsize=TEXTS_CACHED)
def instant_us(text: str | None) -> int | None:
    """The instant that a profile says; None for None.

    Raises:
        WrongKindError: it is none.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise WrongKindError from None
    if instant.tzinfo is None:
        raise WrongKindError
    return to_us(instant)


@lru_cache(maxsize=TEXTS_CACHED)
def _amount(text: str | None) -> Decimal:
    if text is None:
        return Decimal(0)
    if isinstance(text, str):
        try:
            amount = Decimal(text)
        except InvalidOperation:
            raise WrongKindError from None
        if amount.is_finite():
            return amount
    raise WrongKindError


@lru_cache(maxsize=TEXTS_CACHED)
def _birth_month(text: str | None) -> int | None:
    """The month of YYYY-MM-DD or --MM-DD."""
    if text is None:
        return None
    try:
        return date.fromisoformat(f"2000{text[1:]}" if text.startswith("--") else text[:_DATE_CHARACTERS]).month
    except (AttributeError, TypeError, ValueError):
        raise WrongKindError from None


def _number(value: Any) -> float | None:  # noqa: ANN401 - whatever is in the profile
    kind = value.__class__
    if kind is int or kind is float or value is None:
        return cast("float | None", value)
    raise WrongKindError


def _count(value: Any) -> float:  # noqa: ANN401 - whatever is in the profile
    kind = value.__class__
    if kind is int or kind is float:
        return cast("float", value)
    if value is None:
        return 0
    raise WrongKindError


def _of(kind: type) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:  # noqa: ANN401 - whatever is in the profile
        if value.__class__ is kind or value is None:
            return value
        raise WrongKindError

    return checked


def _raw(value: Any) -> Any:  # noqa: ANN401 - whatever is in the profile
    return value


def _deadline(zone: tzinfo) -> Callable[[Any], int | None]:
    """Instants, and days, which begin at midnight in the time zone."""

    @lru_cache(maxsize=TEXTS_CACHED)
    def read(text: str | None) -> int | None:
        if isinstance(text, str) and len(text) == _DATE_CHARACTERS:
            try:
                return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))
            except ValueError:
                raise WrongKindError from None
        return instant_us(text)

    return read


_CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {
    "raw": _raw,
    "number": _count,
    "amount": _amount,
    "text": _of(str),
    "flag": _of(bool),
    "list": _of(list),
    "instant": instant_us,
    "birth_month": _birth_month,
}


def reader(field: Field, reading: Reading, zone: tzinfo) -> Callable[[Mapping[str, Any]], Any]:
    """What reads a field of a profile's contents; of a list's entries a list.

    Where a value is of the wrong kind, what reads raises one of `_WRONG`.
    """
    convert = _converter(field, reading, zone)
    if field.counted:
        return _length(_walk(field.path.rpartition(".")[0]))
    if not field.entries:
        walk = _walk(field.path)
        return walk if convert is _raw else lambda contents: convert(walk(contents))
    entries, part = _walk(field.entries), field.path.rpartition(".")[2]

    def read_each(contents: Mapping[str, Any]) -> list[Any]:
        found = entries(contents)
        if found is None:
            return []
        values = [convert(entry.get(part)) for entry in found]
        return [value for value in values if value is not None]

    return read_each


def _converter(field: Field, reading: Reading, zone: tzinfo) -> Callable[[Any], Any]:
    if reading == "deadline":
        return _deadline(zone)
    if reading == "number" and field.kind == "anything":
        return _number
    return _CONVERTERS[reading]


def _length(walk: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], int]:
    def length(contents: Mapping[str, Any]) -> int:
        found = walk(contents)
        if found is None:
            return 0
        if not isinstance(found, list):
            raise WrongKindError
        return len(found)

    return length


def _walk(path: str) -> Callable[[Mapping[str, Any]], Any]:
    """What follows a path through objects; None where it ends early."""
    match path.split("."):
        case [one]:
            return lambda contents: contents.get(one)
        case [one, two]:

            def second(contents: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever is in the profile
                found = contents.get(one)
                return found.get(two) if found.__class__ is dict else None

            return second
        case [one, two, three]:

            def third(contents: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever is in the profile
                found = contents.get(one)
                if found.__class__ is dict:
                    found = found.get(two)
                return found.get(three) if found.__class__ is dict else None

            return third
        case parts:

            def last(contents: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever is in the profile
                found: Any = contents
                for part in parts:
                    if not isinstance(found, dict):
                        return None
                    found = found.get(part)
                return found

            return last


def value_at(contents: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - whatever is in the profile
    """What a profile has at a path through objects; None if nothing."""
    return _walk(path)(contents)


class Places:
    """Which reading of which field has which place in `Values`. Filled while rules are compiled."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._places: dict[tuple[str, Reading], int] = {}
        self.readers: list[Callable[[Mapping[str, Any]], Any]] = []
        self.paths: list[str] = []

    def place(self, field: Field, reading: Reading) -> int:
        """The place of a reading; made where there is none yet."""
        key = (field.path, reading)
        if key not in self._places:
            self._places[key] = FIRST + len(self.readers)
            decided = field.path.removesuffix(f".{COUNT}") in DECIDED
            self.readers.append(_undecided if decided else reader(field, reading, self.zone))
            self.paths.append(field.path)
        return self._places[key]

    def places_of(self, path: str) -> list[tuple[int, Reading]]:
        """The places of all readings of a field."""
        return [(place, reading) for (one, reading), place in self._places.items() if one == path]

    def read(self, contents: Mapping[str, Any], now_us: int, month: Month) -> tuple[Values, tuple[str, ...]]:
        """Every reading, and the paths of those of the wrong kind."""
        try:
            return [now_us, month, contents, *[read(contents) for read in self.readers]], ()
        except _WRONG:
            return self._read_each(contents, now_us, month)

    def _read_each(self, contents: Mapping[str, Any], now_us: int, month: Month) -> tuple[Values, tuple[str, ...]]:
        values: Values = [now_us, month, contents]
        wrong: dict[str, None] = {}
        for path, read in zip(self.paths, self.readers, strict=True):
            try:
                values.append(read(contents))
            except _WRONG:
                values.append(read({}))
                wrong[path] = None
        return values, tuple(wrong)


def _undecided(_contents: Mapping[str, Any]) -> None:
    """What a profile says of what is about to be decided does not count."""
