"""The nouns: records, identifiers, instants, and the codec."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.codec import canonical, decode, encode
from topics.commands import Undo
from topics.identifiers import Identifier
from topics.instants import FIRST_US, LAST_US, to_text, to_us
from topics.records import LogPosition, Record


def test_positions_order_by_append_time_before_anything_else() -> None:
    """The broker's append time orders records of all inputs; topic, partition and offset only settle ties."""
    record = Record("idweave.touchpoints", 3, 9, 1000, None, None, ())
    assert record.position == LogPosition(1000, "idweave.touchpoints", 3, 9)
    later = LogPosition(1001, "idweave.commands", 0, 0)
    tied = LogPosition(1000, "idweave.commands", 0, 99)
    assert sorted([later, record.position, tied]) == [tied, record.position, later]


@given(st.text(min_size=1).filter(lambda text: ":" not in text), st.text(min_size=1))
def test_an_identifier_survives_its_key(namespace: str, token: str) -> None:
    """Parsing a key gives the identifier back, colons in the token included."""
    identifier = Identifier(namespace, token)
    assert Identifier.parse(identifier.key) == identifier


@pytest.mark.parametrize("key", ["", "phone", "phone:", ":token"])
def test_half_an_identifier_is_refused_without_quoting_it(key: str) -> None:
    """A key without one of its parts is an error, and the error does not carry the text."""
    with pytest.raises(ValueError, match=r"^an identifier is written namespace:token$"):
        Identifier.parse(key)


@given(st.integers(FIRST_US, LAST_US))
def test_an_instant_survives_its_text(instant_us: int) -> None:
    """Text and microseconds say the same instant, over the whole range."""
    assert to_us(datetime.fromisoformat(to_text(instant_us))) == instant_us


def test_instants_have_a_fraction_only_where_there_is_one() -> None:
    """A whole second has no fraction; any other has six digits."""
    assert to_text(1_795_226_400_000_000) == "2026-11-21T02:00:00Z"
    assert to_text(1_795_226_400_120_000) == "2026-11-21T02:00:00.120000Z"


def test_times_beyond_the_calendar_are_held_at_its_ends() -> None:
    """A local time whose UTC has no year of four digits can still be written."""
    west = timezone(timedelta(hours=-8))
    east = timezone(timedelta(hours=8))
    assert to_us(datetime(9999, 12, 31, 23, 59, tzinfo=west)) == LAST_US
    assert to_us(datetime(1, 1, 1, tzinfo=east)) == FIRST_US
    assert to_text(LAST_US) == "9999-12-31T23:59:59.999999Z"
    assert to_text(FIRST_US) == "0001-01-01T00:00:00Z"


def test_canonical_bytes_do_not_depend_on_the_order_of_keys() -> None:
    """Equal content has equal canonical bytes, nested keys included; `encode` keeps the order it was given."""
    one = {"b": {"y": 1, "x": 2}, "a": 3}
    other = {"a": 3, "b": {"x": 2, "y": 1}}
    assert canonical(one) == canonical(other) == b'{"a":3,"b":{"x":2,"y":1}}'
    assert encode(one) == b'{"b":{"y":1,"x":2},"a":3}'
    assert decode(encode(one)) == one


def test_structs_are_written_as_objects_under_their_public_names() -> None:
    """A struct becomes an object with its tag and without its defaults; its time is text."""
    undo = Undo(id="c-2", of="c-1", time=datetime(2026, 11, 21, tzinfo=UTC))
    assert decode(encode({"command": undo})) == {
        "command": {"type": "undo", "id": "c-2", "time": "2026-11-21T00:00:00Z", "of": "c-1"}
    }


@pytest.mark.parametrize("content", [object(), {1: "a"}, 2**64, "\ud800"])
def test_what_json_cannot_say_is_a_bug(content: object) -> None:
    """The codec raises rather than write something else."""
    with pytest.raises(TypeError):
        encode(content)
