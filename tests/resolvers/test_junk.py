"""Junk and blocked values: what names nobody is recognised in any dress, and no pattern can hang the engine."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.junk import (
    JUNK_PHONES,
    JUNK_WORDS,
    MATCHED_CHARACTERS_MAX,
    BadPatternError,
    Blocklist,
    compile_pattern,
    is_junk,
)
from resolvers.normalise import normalise_phone, normalise_text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "null",
        "NULL",
        "undefined",
        "Anonymous",
        "guest",
        "NaN",
        "None",
        "true",
        "False",
        "[object Object]",
        "'null'",
        '"undefined"',
        '""',
        "(null)",
        "<null>",
        "\u201cnull\u201d",
        "0",
        "00000000000",
        "000-0000-0000",
        "00000000-0000-0000-0000-000000000000",
        "---",
        "???",
        "\u3002\u3002",
        "-1",
        "n/a",
        "\u672a\u77e5",
        "{{user_id}}",
        "${phone}",
        "__IMEI__",
        "%OPENID%",
    ],
)
def test_what_names_nobody_is_junk(value: str) -> None:
    """Missing values, placeholders, flags, unfilled templates, zeros and punctuation are junk in any dress."""
    assert is_junk(value)


@pytest.mark.parametrize(
    "value",
    [
        "13800138000",
        "8800123",
        "0001",
        "zhang@qq.com",
        "oABCD-1234_x",
        "guest77",
        "nullpointer",
        "true-love",
        "\u5f20\u4e09",
        "-12",
        "__init__x",
        "1",
    ],
)
def test_what_names_somebody_is_no_junk(value: str) -> None:
    """A value that only contains a junk word, or is short, stays."""
    assert not is_junk(value)


@given(st.sampled_from(sorted(JUNK_WORDS)), st.sampled_from(["{}", " {} ", '"{}"', "'{}'", "[{}]", " `{}`"]))
def test_case_blanks_and_quotes_hide_no_junk(word: str, dress: str) -> None:
    """Every word of the list is recognised in upper case, in blanks and in quotes."""
    assert is_junk(dress.format(word))
    assert is_junk(dress.format(word.upper()))


def test_junk_phones_are_in_normal_form() -> None:
    """Each listed test number is a valid mobile number as the normaliser writes it, so that it can be met at all."""
    for phone in JUNK_PHONES:
        assert normalise_phone(phone, "CN") == phone


def _phone(value: str) -> str | None:
    return normalise_phone(value, "CN")


def test_blocked_values_match_in_any_writing() -> None:
    """A blocked number is met whether the event or the configuration writes it with blanks."""
    blocklist = Blocklist(["138 0000 0001", "re:^0+$"], _phone)
    assert blocklist.holds("138-0000-0001", "+8613800000001")
    assert blocklist.holds("138 0000 0001")
    assert blocklist.holds("000")
    assert not blocklist.holds("13800000002", "+8613800000002")


def test_patterns_are_searched_in_every_writing() -> None:
    """A pattern over the normal form and one over the raw form both match; anchors bind where they are written."""
    assert Blocklist([r"re:^\+8617[01]"], _phone).holds("170 1234 5678", "+8617012345678")
    assert Blocklist(["re:^170 "], _phone).holds("170 1234 5678", "+8617012345678")
    assert Blocklist(["re:test"], normalise_text).holds("my-test-7")
    assert not Blocklist(["re:^test"], normalise_text).holds("my-test-7")
    assert not Blocklist([], normalise_text).holds("anything")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a+)+$", "slow"),
        ("(a|ab)*c", "slow"),
        ("a*a*a*b", "slow"),
        ("(?:a{0,99}){0,99}", "empty"),
        ("(){4000000000}", "empty"),
        ("(?=a)b", "not taken"),
        (r"(a)\1", "not taken"),
        ("(a", "regular expression"),
        ("[", "regular expression"),
        ("a" * 129, "128"),
    ],
)
def test_patterns_that_could_hang_are_refused(pattern: str, reason: str) -> None:
    """Nested and repeated repeats, empty repeats, look-around, broken and long patterns are refused with the reason."""
    with pytest.raises(BadPatternError, match=reason):
        compile_pattern(pattern)


_ATOM = st.sampled_from(["a", "b", ".", "[ab]", r"\w", "ab", "(a)", "(a|b)", "(ab|a)", "(?:aa)"])
_REPEAT = st.sampled_from(["", "", "*", "+", "?", "*?", "{2}", "{1,9}", "{0,300}"])
_PATTERN = st.lists(st.builds("{}{}".format, _ATOM, _REPEAT), min_size=1, max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(_PATTERN, st.sampled_from(["", "$", "c"]))
def test_an_accepted_pattern_answers_at_once(pattern: str, end: str) -> None:
    """Whatever is accepted is done with the worst values of the greatest length within a second of CPU time."""
    try:
        compiled = compile_pattern(pattern + end)
    except BadPatternError:
        return
    started_s = time.thread_time()
    for value in ("a" * MATCHED_CHARACTERS_MAX, "ab" * (MATCHED_CHARACTERS_MAX // 2)):
        compiled.search(value)
    assert time.thread_time() - started_s < 1
