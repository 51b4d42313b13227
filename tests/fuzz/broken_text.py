"""Mutators of bytes: JSON that is none, or not in the way that every reader would read alike; headers; sizes."""

import json
import random
from typing import Any, Final

from tests.fuzz.hostile import CANARY, Mutator, Sent
from topics.refusals import RefusalCode as Code

Event = dict[str, Any]
BIG: Final = 65_537
BINARY: Final = {
    "ce_id": b"1",
    "ce_source": b"/fuzz",
    "ce_type": b"wifi.login",
    "ce_time": b"2026-08-01T10:00:00Z",
    "content-type": b"application/json",
}


def text_of(event: object) -> bytes:
    """JSON."""
    return json.dumps(event, ensure_ascii=False).encode()


def torn(chance: random.Random, event: Event) -> Sent:
    """The end is missing."""
    text = text_of(event)
    return Sent(text[: chance.randrange(1, len(text) - 1)])


def flipped(chance: random.Random, event: Event) -> Sent:
    """One bit, of a disk or a line."""
    text = bytearray(text_of(event))
    text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
    return Sent(bytes(text))


def shuffled(chance: random.Random, event: Event) -> Sent:
    """A piece of it is somewhere else, or there twice."""
    text = text_of(event)
    one, other = sorted(chance.randrange(len(text)) for _ in range(2))
    return Sent(text[:one] + text[one:other] * chance.choice([0, 2]) + text[other:])


def noise(chance: random.Random, _event: Event) -> Sent:
    """No text at all."""
    return Sent(b"\xfe" + chance.randbytes(chance.randrange(1, 300)))


def latin(chance: random.Random, event: Event) -> Sent:
    """A single byte that UTF-8 does not know, in the middle of a string."""
    return Sent(text_of(event).replace(CANARY.encode(), CANARY.encode() + bytes([chance.randrange(0x80, 0x100)]), 1))


def utf_16(chance: random.Random, event: Event) -> Sent:
    """What some systems take for Unicode."""
    return Sent(json.dumps(event).encode(chance.choice(["utf-16", "utf-16-le", "utf-32"])))


def marked(_chance: random.Random, event: Event) -> Sent:
    """With a byte order mark, which JSON forbids."""
    return Sent(b"\xef\xbb\xbf" + text_of(event))


def surrogate(chance: random.Random, event: Event) -> Sent:
    r"""Half a character: `\ud800`."""
    half = chance.choice([rb"\ud800", rb"\udfff", rb"\udc00\ud800", rb"\uD83D"])
    return Sent(text_of(event).replace(CANARY.encode(), half + CANARY.encode(), 1))


def not_a_number(chance: random.Random, event: Event) -> Sent:
    """`NaN` and `Infinity`, which Python's own writer lets through."""
    bad = chance.choice([b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b"1.", b".5", b"0x10", b"1e"])
    return Sent(text_of(event).replace(b'"visits": 1', b'"visits": ' + bad))


def trailing(chance: random.Random, event: Event) -> Sent:
    """Two values, or one and something else."""
    return Sent(text_of(event) + chance.choice([b"}", b"x", b"{}", b"\0", text_of(event), b",", b"]"]))


def as_python(_chance: random.Random, event: Event) -> Sent:
    """`repr` instead of JSON: quotes that are none."""
    return Sent(repr(event).encode())


def with_comment(chance: random.Random, event: Event) -> Sent:
    """As in a configuration file."""
    text = text_of(event)
    return Sent(chance.choice([b"// hello\n" + text, b"/**/" + text, text[:-1] + b",}", b"#\n" + text]))


def raw_control(chance: random.Random, event: Event) -> Sent:
    """A line feed or the like inside a string, unescaped."""
    return Sent(text_of(event).replace(CANARY.encode(), CANARY.encode() + bytes([chance.randrange(0x20)]), 1))


def missing(_chance: random.Random, _event: Event) -> Sent:
    """A record without a value: a tombstone, on a topic that knows none."""
    return Sent(None, (), CANARY.encode())


def blank(chance: random.Random, _event: Event) -> Sent:
    """Nothing, or nothing that can be seen."""
    return Sent(b" \t\r\n" * chance.randrange(3))


def twice(chance: random.Random, event: Event) -> Sent:
    """One key twice: readers would differ in which one counts."""
    text = text_of(event)
    again = chance.choice([b'"id":"other",', b'"data":{"identifiers":{"card":"X"}},', rb'"\u0069d":"other",'])
    return Sent(b"{" + again + text[1:])


def deep(chance: random.Random, event: Event) -> Sent:
    """Nested until a reader's stack is full."""
    depth = chance.choice([17, 50, 200, 1_023, 1_024, 1_025, 5_000])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    inner = opening * depth + b"1" + closing * depth
    return Sent(text_of(event).replace(b'{"city"', b'{"deep": ' + inner + b', "city"'))


def wide(chance: random.Random, event: Event) -> Sent:
    """A number with more digits than 64 bits hold."""
    digits = chance.choice([b"18446744073709551616", b"-9223372036854775809", b"9" * 400])
    return Sent(text_of(event).replace(b'"visits": 1', b'"visits": ' + digits))


def beyond_floats(chance: random.Random, event: Event) -> Sent:
    """A number that is infinite as soon as it is read."""
    return Sent(text_of(event).replace(b'"visits": 1', b'"visits": ' + chance.choice([b"1e400", b"-1e999", b"1e-999"])))


def padded(chance: random.Random, event: Event) -> Sent:
    """An event with 64 KiB of nothing around it."""
    return Sent(text_of(event) + b" " * (BIG + chance.randrange(1_000)))


def long_string(chance: random.Random, event: Event) -> Sent:
    """One value that is larger than a record may be."""
    return Sent(text_of({**event, "note": "x" * (BIG + chance.randrange(1_000))}))


def many_keys(chance: random.Random, event: Event) -> Sent:
    """So many traits that the record is too large: each would be a row in somebody's table."""
    traits = {f"trait-{n}": n for n in range(4_500 + chance.randrange(100))}
    return Sent(text_of({**event, "data": {**event["data"], "traits": traits}}))


def binary(event: Event, **headers: bytes | None) -> Sent:
    """The data alone, with the attributes in headers; `None` leaves one out."""
    changed = {**BINARY, **{name.replace("__", "-"): text for name, text in headers.items()}}
    return Sent(text_of(event["data"]), tuple((name, text) for name, text in changed.items() if text is not None))


def header_missing(chance: random.Random, event: Event) -> Sent:
    """An attribute is not there, or empty."""
    return binary(event, **{chance.choice(["ce_id", "ce_source", "ce_type", "ce_time"]): chance.choice([None, b""])})


def header_broken(chance: random.Random, event: Event) -> Sent:
    """An attribute is no text, or no time."""
    return binary(event, ce_time=chance.choice([b"\xff\xfe", b"yesterday", b"1e9", CANARY.encode(), b"2026-13-01"]))


def header_twice(chance: random.Random, event: Event) -> Sent:
    """An attribute is there twice: which one counts?"""
    sent = binary(event)
    return sent._replace(headers=(*sent.headers, chance.choice(sent.headers[:4])))


def other_content(chance: random.Random, event: Event) -> Sent:
    """The headers say that this is no JSON."""
    kinds = [b"application/xml", b"text/html", b"application/octet-stream", b"\xff", b"avro/binary"]
    return binary(event, content__type=chance.choice(kinds))


def odd_headers(chance: random.Random, event: Event) -> Sent:
    """Headers of every kind, which are nobody's business, and a trace that is none."""
    headers = [(f"x-{n}", chance.randbytes(20)) for n in range(chance.randrange(200))]
    trace = chance.choice([CANARY.encode(), b"\0" * 55, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00", b""])
    return Sent(text_of(event), (*headers, ("traceparent", trace), ("Faust-Ag-ReplyTo", CANARY.encode())))


TEXT: Final[dict[str, Mutator]] = {
    "torn": Mutator(Code.INVALID_JSON, torn),
    "flipped": Mutator(None, flipped),
    "shuffled": Mutator(None, shuffled),
    "noise": Mutator(Code.INVALID_JSON, noise),
    "latin": Mutator(Code.INVALID_JSON, latin),
    "utf_16": Mutator(Code.INVALID_JSON, utf_16),
    "marked": Mutator(Code.INVALID_JSON, marked),
    "surrogate": Mutator(Code.INVALID_JSON, surrogate),
    "not_a_number": Mutator(Code.INVALID_JSON, not_a_number),
    "trailing": Mutator(Code.INVALID_JSON, trailing),
    "as_python": Mutator(Code.INVALID_JSON, as_python),
    "with_comment": Mutator(Code.INVALID_JSON, with_comment),
    "raw_control": Mutator(Code.INVALID_JSON, raw_control),
    "missing": Mutator(Code.INVALID_JSON, missing),
    "blank": Mutator(Code.INVALID_JSON, blank),
    "twice": Mutator(Code.INVALID_JSON, twice),
    "deep": Mutator(Code.INVALID_EVENT, deep),
    "wide": Mutator(Code.INVALID_EVENT, wide),
    "beyond_floats": Mutator(None, beyond_floats),
    "padded": Mutator(Code.TOO_LARGE, padded, every=10),
    "long_string": Mutator(Code.TOO_LARGE, long_string, every=10),
    "many_keys": Mutator(Code.TOO_LARGE, many_keys, every=10),
    "header_missing": Mutator(Code.INVALID_EVENT, header_missing),
    "header_broken": Mutator(Code.INVALID_EVENT, header_broken),
    "header_twice": Mutator(Code.INVALID_EVENT, header_twice),
    "other_content": Mutator(Code.INVALID_EVENT, other_content),
    "odd_headers": Mutator(None, odd_headers),
}
