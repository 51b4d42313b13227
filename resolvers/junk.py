"""Values that name nobody: the built-in junk list, and what a brand blocks itself.

Job: say whether a value is junk or blocked, before anything is linked by it.
Rules: one such value would join all the people behind it, so the list is generous; it holds nothing that a real
identifier plausibly is. A pattern that could take long on some value is refused when it is read, not met at run time.
Must not know: which event a value came in, and what becomes of it.
"""

import re
from collections.abc import Callable, Iterable
from re import _constants as codes  # type: ignore[attr-defined] # see `_ways`
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

PATTERN_PREFIX: Final = "re:"
PATTERN_CHARACTERS_MAX: Final = 128
MATCHED_CHARACTERS_MAX: Final = 256
"""A longer value is matched by its first 256 characters."""
WAYS_MAX: Final = 1 << 17
"""Ends at which a pattern may arrive from one start: enough for two open repeats."""

# Compared without case, outer blanks, quotes and brackets (so "(null)", "<null>" and "'null'" are "null").
JUNK_WORDS: Final = frozenset(
    {
        "null",  # SQL, JSON and Java printed a missing value
        "nil",  # Objective-C, Ruby and Go did
        "none",  # Python did
        "undefined",  # JavaScript did, before the login was known
        "nan",  # JavaScript and pandas: a number that was none
        "inf",  # a division on the way
        "-1",  # "no such row" of older APIs
        "true",  # a flag that was written into the value's field
        "false",  # the same
        "object object",  # JavaScript's [object Object]: an object written as text
        "na",  # what people type into a field that must not be empty
        "n/a",  # the same
        "unknown",  # the same, by machines
        "anonymous",  # SDKs give it to everyone who has not logged in
        "anon",  # the same
        "guest",  # shop checkouts give it to everyone without an account
        "visitor",  # the same
        "\u672a\u77e5",  # unknown
        "\u65e0",  # none
        "\u533f\u540d",  # anonymous
        "\u533f\u540d\u7528\u6237",  # anonymous user
        "\u6e38\u5ba2",  # guest
        "\u8bbf\u5ba2",  # visitor
        "9774d56d682e549c",  # the ANDROID_ID that a whole generation of phones shared by a maker's bug
    }
)

# Templates that nobody filled in: {{user_id}} of tag managers, ${phone} of scripts, __MAC__ of Chinese ad platforms,
# %OPENID% of mail merges.
_UNFILLED = re.compile(r"\{\{.{0,80}\}\}|[$#]\{.{0,80}\}|__[A-Z0-9_]{1,40}__|%[A-Za-z_]{1,40}%")

# Test and placeholder numbers that are valid by their form, in E.164.
JUNK_PHONES: Final = frozenset(
    {
        "+8613000000000",  # what a till's clerk types to get on; the first number of a range
        "+8613800000000",  # the same, and the one that manuals print
        # One digit held down behind a valid beginning:
        "+8613333333333",
        "+8615555555555",
        "+8616666666666",
        "+8617777777777",
        "+8618888888888",
        "+8619999999999",
    }
)

# Of these letters and digits a value has one: any but zero. `_` is one to regular expressions only.
_TELLING = re.compile(r"[^\W_0]")
_TEMPLATE_SIGNS: Final = "{$#_%"

_WRAPPING: Final = " \t\r\n\"'`\u2018\u2019\u201c\u201d()<>[]"


def is_junk(value: str) -> bool:
    """Whether a value (without its scope) is empty, a placeholder, a template, or nothing but zeros and punctuation."""
    bare = value.strip(_WRAPPING)
    return (
        _TELLING.search(bare) is None  # "", "0000", "---", a nil UUID
        or bare.casefold() in JUNK_WORDS
        or (bare[0] in _TEMPLATE_SIGNS and _UNFILLED.fullmatch(bare) is not None)
    )


class BadPatternError(ValueError):
    """A pattern that cannot be used; the message says why."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression, searched anywhere in the value, that answers at once on every value.

    Raises:
        BadPatternError: it is too long, is no regular expression, or could be slow.

    """
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise BadPatternError(f"a pattern has at most {PATTERN_CHARACTERS_MAX} characters")
    try:
        compiled = re.compile(pattern)
        ways = _ways(parser.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPatternError(f"this is not a regular expression: {error}") from None
    if ways > WAYS_MAX:
        raise BadPatternError("this pattern could be slow: it has more than two open repeats, or choices in a repeat")
    return compiled


def _ways(parsed: Any) -> int:  # noqa: ANN401 - the library's own syntax tree
    """At how many ends a pattern can arrive from one start, at most: what a backtracking search has to try.

    Python's engine backtracks, and its time is bounded by nothing else. The syntax tree is the library's own and not
    public, so that an unknown node is refused: a new Python can refuse a pattern, never let a slow one in.
    """
    ways = 1
    for code, argument in parsed:
        ways = min(ways * _ways_of_node(code, argument), WAYS_MAX + 1)
    return ways


def _ways_of_node(code: Any, argument: Any) -> int:  # noqa: ANN401 - the library's own syntax tree
    match code:
        case codes.LITERAL | codes.NOT_LITERAL | codes.IN | codes.ANY | codes.AT | codes.CATEGORY:
            return 1
        case codes.SUBPATTERN:
            return _ways(argument[-1])
        case codes.BRANCH:
            return sum(_ways(arm) for arm in argument[1])
        case codes.MAX_REPEAT | codes.MIN_REPEAT:
            least, most, body = argument
            if body.getwidth()[0] == 0:  # nothing, repeated: no value's length would bound the repeats
                raise BadPatternError("a repeat of something that can be empty is not taken")
            least, most = min(int(least), MATCHED_CHARACTERS_MAX), min(int(most), MATCHED_CHARACTERS_MAX)
            once = _ways(body)
            return most - least + 1 if once == 1 else min(once**most * (most - least + 1), WAYS_MAX + 1)
        case _:
            raise BadPatternError("look-around, back references, atomic groups and possessive repeats are not taken")


class Blocklist:
    """The values and patterns blocked in one namespace. Immutable."""

    def __init__(self, entries: Iterable[str], normalise: Callable[[str], str | None]) -> None:
        """Entries are values as an event may write them (with or without scope), or `re:` and a pattern.

        Raises:
            BadPatternError: a pattern is refused by `compile_pattern`.

        """
        values: set[str] = set()
        patterns: list[re.Pattern[str]] = []
        for entry in entries:
            if entry.startswith(PATTERN_PREFIX):
                patterns.append(compile_pattern(entry.removeprefix(PATTERN_PREFIX)))
            else:
                values.update({entry.strip(), normalise(entry) or entry.strip()})
        self._values = frozenset(values)
        self._patterns = tuple(patterns)

    def holds(self, *writings: str) -> bool:
        """Whether any writing of one value (raw without outer blanks, normalised, with its scope) is blocked."""
        return bool(self._values or self._patterns) and any(
            writing in self._values
            or any(pattern.search(writing[:MATCHED_CHARACTERS_MAX]) is not None for pattern in self._patterns)
            for writing in writings
        )
