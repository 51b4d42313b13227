"""Strict JSON: which texts are read at all."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from topics.refusals import RefusalCode
from topics.strict_json import fault

Pairs = list[tuple[str, Any]]


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"nul", b"[1,]", b"[01]", b"{} {}", b"'a'", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":1}'),
        *(b"\xef\xbb\xbf{}", b'"\x01"', b'"\xff"', b'"\xed\xa0\x80"', rb'"\ud800"', rb'"\udc00"', rb'"\ud800A"'),
    ],
)
def test_what_is_not_json_to_everybody_is_invalid(text: bytes) -> None:
    """Bad grammar, bad UTF-8, lone surrogates, numbers that JSON lacks and repeated keys are `invalid_json`."""
    found = fault(text, 16)
    assert found is not None
    assert found.code is RefusalCode.INVALID_JSON


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'{"a":"\ud800x"}', rb'"\udc00"', rb'["\ud800\u0041"]'])
def test_half_a_character_is_called_so(text: bytes) -> None:
    """The reason names the escapes: "truncated" would have somebody look for a message that was cut."""
    found = fault(text, 16)
    assert found is not None
    assert found.message == "A string has half of a surrogate pair (\\ud800 to \\udfff)"


def test_a_text_that_ends_too_early_is_called_truncated() -> None:
    """Also where it ends within an escape."""
    for text in (rb'{"a":"\ud8', b'{"a":'):
        found = fault(text, 16)
        assert found is not None
        assert found.message == "Input data was truncated"


def test_a_byte_order_mark_is_called_so() -> None:
    """Editors write it and nobody sees it: the reason names it, because "invalid character" would send nobody there."""
    found = fault(b'\xef\xbb\xbf{"id":"a"}', 16)
    assert found is not None
    assert found.message == "The text begins with a byte order mark; JSON has none"


@pytest.mark.parametrize(
    "text", [b"18446744073709551616", b"-9223372036854775809", b"1e400", b"9" * 5000, b'{"a":[' + b"1" * 30 + b"]}"]
)
def test_numbers_that_do_not_fit_are_refused(text: bytes) -> None:
    """An integer beyond 64 bits or a float beyond a double would change on its way, so it is refused."""
    found = fault(text, 16)
    assert found is not None
    assert found.code is RefusalCode.INVALID_EVENT


@pytest.mark.parametrize(
    "text", [b"18446744073709551615", b"-9223372036854775808", b"1e-400", b"0." + b"1" * 400, rb'"\ud83d\ude00"']
)
def test_what_every_reader_reads_alike_passes(text: bytes) -> None:
    """The ends of the 64-bit range, long fractions and surrogate pairs are fine."""
    assert fault(text, 16) is None


def test_depth_counts_containers_and_nothing_else() -> None:
    """Sixteen nested containers pass, seventeen do not; brackets within strings do not count."""
    assert fault(b"[" * 16 + b"]" * 16, 16) is None
    assert fault(b"[" * 17 + b"]" * 17, 16) is not None
    assert fault(b'["' + b"[{" * 50 + b'"]', 16) is None
    assert fault(b"[" + b",".join([b"{}"] * 50) + b"]", 16) is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"a":['])
def test_a_bottomless_nest_is_refused_and_not_a_crash(opening: bytes) -> None:
    """64 KiB of openings, closed or not, is refused."""
    assert fault(opening * (65_536 // len(opening)), 16) is not None
    assert fault(b"[" * 30_000 + b"]" * 30_000, 16) is not None


def _repeats(pairs: Pairs) -> bool:
    keys = [key for key, _ in pairs]
    return len(set(keys)) < len(keys) or any(_repeats(value) for _, value in pairs if isinstance(value, list))


def _text(pairs: Pairs, spaces: str, escape: str) -> str:
    """JSON text of an object given as pairs, so that it may repeat keys."""

    def word(text: str) -> str:
        if escape == "escaped":
            return '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"'
        return json.dumps(text)

    def one(value: object) -> str:
        if isinstance(value, list):
            return _text(value, spaces, escape)
        return word(value) if isinstance(value, str) else json.dumps(value)

    return "{" + f"{spaces},".join(f"{word(key)}{spaces}:{spaces}{one(value)}" for key, value in pairs) + "}"


_words = st.text(alphabet='a":\\ {', max_size=3)
_pairs: st.SearchStrategy[Pairs] = st.recursive(
    st.lists(st.tuples(_words, _words | st.none()), max_size=4),
    lambda inner: st.lists(st.tuples(_words, inner | _words), max_size=4),
    max_leaves=4,
)


@given(_pairs, st.sampled_from(["", " ", "\n\t"]), st.sampled_from(["plain", "escaped"]))
@example([("a", '"'), ("a", '"')], "", "escaped")
@example([("a", None), ("b", '":"'), ("a", '"')], " ", "escaped")
@example([("a", [("x", '"'), ("x", "")])], "", "plain")
def test_a_repeated_key_is_found_whatever_the_text_looks_like(pairs: Pairs, spaces: str, escape: str) -> None:
    """An object is refused exactly if it repeats a key; quotes, escapes and spaces cannot hide or feign one."""
    found = fault(_text(pairs, spaces, escape).encode(), 64)
    assert (found is not None) == _repeats(pairs)
