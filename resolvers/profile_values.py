"""What rules read of a profile: each field once, converted once, in a list with a place for each.

Rules: a value that is not there is None, of our own numbers and amounts 0, because sums that are empty are left out of
a profile. Our own fields have the kinds that the engine writes; a trait that has not the kind that a rule reads counts
as not there, and is noted. Texts of instants are remembered, because the same few come again and again.
Must not know: operators, rules.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
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


def _converter(field: Field, reading: Reading, zone: tzinfo) -> Callable[[Any], Any] | None:
    """What makes a comparable value of what is in the profile; None where that is one already."""
    match reading:
        case "amount":
            return _amount
        case "instant":
            return instant_us
        case "deadline":
            return _deadline(zone)
        case "birth_month":
            return _birth_month
        case "number" if field.kind == "anything":
            return _number
        case _:
            return None


def _entries_reader(field: Field, convert: Callable[[Any], Any] | None) -> Callable[[Mapping[str, Any]], Any]:
    """A part of each entry of a list, where it is there."""
    entries, part = walk(field.entries), field.path.rpartition(".")[2]

    def read(contents: Mapping[str, Any]) -> list[Any]:
        values = [entry.get(part) for entry in entries(contents) or ()]
        return [value if convert is None else convert(value) for value in values if value is not None]

    return read


def _length_reader(field: Field) -> Callable[[Mapping[str, Any]], int]:
    entries = walk(field.path.rpartition(".")[0])
    return lambda contents: len(entries(contents) or ())


def walk(path: str) -> Callable[[Mapping[str, Any]], Any]:
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
    return walk(path)(contents)


class _Part(NamedTuple):
    """Fields that lie in one object of the profile, which is looked up once for all of them.

    `find`: its name, or what finds it where it is not at the top. `take` takes all of them at once.
    """

    find: str | Callable[[Mapping[str, Any]], Any]
    take: Callable[[Any], tuple[Any, ...]]
    names: tuple[str, ...]
    otherwise: tuple[Any, ...]

    def taken_one_by_one(self, found: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever is in the profile
        """Where some of them are missing, or there is no object."""
        if not isinstance(found, dict):
            return self.otherwise
        return tuple([found.get(name, other) for name, other in zip(self.names, self.otherwise, strict=True)])


class Places:
    """Which reading of which field has which place in `Values`.

    Filled while rules are compiled. What is compiled then with `arranged()` reads faster: there the fields of one
    object of the profile stand together.
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._places: dict[tuple[Field, Reading], int] = {}
        self._parts: list[_Part] = []
        self._decided: list[None] = []
        self._readers: list[tuple[str, Callable[[Mapping[str, Any]], Any]]] = []
        self._conversions: list[tuple[int, str, Callable[[Any], Any]]] = []

    def place(self, field: Field, reading: Reading) -> int:
        """The place of a reading; made where there is none yet."""
        return self._places.setdefault((field, reading), FIRST + len(self._places))

    def places_of(self, path: str) -> list[tuple[int, Reading]]:
        """The places of all readings of a field."""
        return [(place, reading) for (field, reading), place in self._places.items() if field.path == path]

    def arranged(self) -> "Places":
        """The same fields and readings, ready to read."""
        found = Places(self.zone)
        decided = [key for key in self._places if _is_decided(key[0])]
        single = [key for key in self._places if key not in decided and (key[0].entries or key[0].counted)]
        others = [key for key in self._places if key not in decided and key not in single]
        others.sort(key=lambda key: (_parent(key[0].path), key[0].path, key[1]))
        for parent, keys in groupby(others, key=lambda key: _parent(key[0].path)):
            found._add_part(parent, list(keys))
        for field, reading in decided:
            found.place(field, reading)
        found._decided = [None] * len(decided)
        for field, reading in single:
            found.place(field, reading)
            read = _length_reader(field) if field.counted else _entries_reader(field, self._converter(field, reading))
            found._readers.append((field.path, read))
        return found

    def _add_part(self, parent: str, keys: list[tuple[Field, Reading]]) -> None:
        names = tuple(field.path.rpartition(".")[2] for field, _ in keys)
        zeros = tuple(0 if field.kind == "number" and reading == "number" else None for field, reading in keys)
        one = names[0]
        take = itemgetter(*names) if len(names) > 1 else lambda part: (part[one],)
        find = (walk(parent) if "." in parent else parent) if parent else _itself
        self._parts.append(_Part(find, take, names, zeros))
        for field, reading in keys:
            place = self.place(field, reading)
            if (convert := self._converter(field, reading)) is not None:
                self._conversions.append((place, field.path, convert))

    def _converter(self, field: Field, reading: Reading) -> Callable[[Any], Any] | None:
        return _converter(field, reading, self.zone)

    def read(self, contents: Mapping[str, Any], now_us: int, month: Month) -> tuple[Values, tuple[str, ...]]:
        """Every reading, and the paths of those of the wrong kind."""
        values = self._unconverted(contents, now_us, month)
        try:
            for place, _, convert in self._conversions:
                values[place] = convert(values[place])
            for _, read in self._readers:
                values.append(read(contents))
        except _WRONG:
            return self._read_with_care(contents, now_us, month)
        return values, ()

    def _unconverted(self, contents: Mapping[str, Any], now_us: int, month: Month) -> Values:
        values: Values = [now_us, month, contents]
        for part in self._parts:
            find, take, _, otherwise = part
            found = contents.get(find) if isinstance(find, str) else find(contents)
            try:
                values += take(found) if found else otherwise
            except (KeyError, TypeError):
                values += part.taken_one_by_one(found)
        values += self._decided
        return values

    def _read_with_care(self, contents: Mapping[str, Any], now_us: int, month: Month) -> tuple[Values, tuple[str, ...]]:
        """The same where something can't be read: it counts as not there."""
        values = self._unconverted(contents, now_us, month)
        wrong: dict[str, None] = {}
        for place, path, convert in self._conversions:
            try:
                values[place] = convert(values[place])
            except _WRONG:
                values[place] = convert(None)
                wrong[path] = None
        for path, read in self._readers:
            try:
                values.append(read(contents))
            except _WRONG:
                values.append(read({}))
                wrong[path] = None
        return values, tuple(wrong)


def _itself(contents: Mapping[str, Any]) -> Mapping[str, Any]:
    return contents


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _is_decided(field: Field) -> bool:
    """What a profile says of what is about to be decided does not count."""
    return field.path.removesuffix(f".{COUNT}") in DECIDED
