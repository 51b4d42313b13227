"""Record headers: traces, and the attributes of binary mode."""

import pytest

from topics.headers import attributes, content_type, is_binary_mode, traceparent

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_is_carried_as_it_came() -> None:
    """The header of the W3C recommendation's own example is taken, whatever else is there."""
    assert traceparent((("x", b"\xff"), ("traceparent", TRACE))) == TRACE.decode()
    assert traceparent(()) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        TRACE.upper(),
        TRACE + b"\n",
        TRACE + b"-extra",
        TRACE[:-1],
        b"ff" + TRACE[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
        b"\xff" * 55,
    ],
)
def test_a_trace_of_another_shape_is_not_carried(value: bytes) -> None:
    """What W3C tells readers to ignore is ignored, so that the header cannot smuggle anything."""
    assert traceparent((("traceparent", value),)) is None


def test_two_traces_are_none() -> None:
    """Which of two traces a record belongs to cannot be told."""
    assert traceparent((("traceparent", TRACE), ("Traceparent", TRACE))) is None


def test_binary_mode_is_told_by_its_headers() -> None:
    """`ce_*` headers mean binary mode, unless the content type says that the event is in the value."""
    assert is_binary_mode((("ce_id", b"1"),))
    assert not is_binary_mode((("traceparent", TRACE),))
    assert not is_binary_mode((("ce_id", b"1"), ("Content-Type", b"Application/CloudEvents+JSON; charset=utf-8")))
    assert content_type((("content-type", b"Text/JSON ; charset=utf-8"),)) == "text/json"


def test_attributes_are_read_once_each() -> None:
    """Attributes come without their prefix; a repeated or unreadable one spoils all, another header none."""
    assert attributes((("ce_id", "é".encode()), ("other", b"\xff"), ("ce_type", b"t"))) == {"id": "é", "type": "t"}
    assert attributes((("ce_id", b"1"), ("ce_id", b"1"))) is None
    assert attributes((("ce_id", b"\xff"),)) is None
