"""Hostile records: whatever comes in, the answer is a touchpoint or a refusal, and a refusal repeats nothing of it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.topics.samples import (
    CANARY,
    VISIT,
    event,
    example_events,
    example_lines,
    record,
    visit,
)
from topics import envelope
from topics.codec import encode as encode_json
from topics.commands import decode_command
from topics.envelope import Limits, decode, encode
from topics.events import DATA_TYPES, Touchpoint
from topics.refusals import Refusal, RefusalCode

Path = tuple[Any, ...]

HOSTILE: tuple[Any, ...] = (
    CANARY,
    CANARY * 20,
    f"' - at `$.{CANARY}`",
    [CANARY],
    [[[CANARY]]],
    {CANARY: CANARY},
    {CANARY: {CANARY: [CANARY]}},
    None,
    "",
    "\0",
    -1,
    2**64 - 1,
    1e300,
    True,
    [],
    {},
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_headers = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "content-type", "traceparent"]),
        st.binary(max_size=30) | st.sampled_from([b"application/json", b"wifi.login", b"2026-11-21T10:00:00Z"]),
    ),
    max_size=6,
).map(tuple)


def paths(content: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401
    """Every place in JSON content, containers included."""
    yield path
    children: Any = ()
    if isinstance(content, dict):
        children = content.items()
    elif isinstance(content, list):
        children = enumerate(content)
    for key, value in children:
        yield from paths(value, (*path, key))


def replaced(content: Any, path: Path, value: Any) -> Any:  # noqa: ANN401
    """A copy of the content with another value at one place."""
    if not path:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[path[0]] = replaced(content[path[0]], path[1:], value)
    return copy


def renamed(content: Any, path: Path) -> Any:  # noqa: ANN401
    """A copy of the content in which the key at the end of the path is a canary."""
    if len(path) == 1:
        return {CANARY if key == path[0] else key: value for key, value in content.items()}
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[path[0]] = renamed(content[path[0]], path[1:])
    return copy


def with_canaries(found: dict[str, Any]) -> dict[str, Any]:
    """The event with a canary wherever one does no harm, so that any message that quotes its record is caught."""
    data = {
        **found["data"],
        "identifiers": {"card": CANARY, CANARY: [CANARY]},
        "traits": {CANARY: CANARY},
        CANARY: {CANARY: CANARY},
    }
    return {**found, "id": CANARY, "source": CANARY, CANARY: CANARY, "data": data}


def is_discreet(answer: object) -> bool:
    """Whether an answer is not a refusal, or one that carries no canary."""
    return not isinstance(answer, Refusal) or CANARY not in answer.message


@pytest.mark.parametrize("found", example_events(), ids=lambda found: found["type"])
def test_no_value_at_any_place_of_any_event_breaks_the_door_or_is_repeated(found: dict[str, Any]) -> None:
    """Each place of each example takes each hostile value, in both modes; keys are replaced as well."""
    base = with_canaries(found)
    headers = (
        ("ce_id", b"1"),
        ("ce_source", b"s"),
        ("ce_type", found["type"].encode()),
        ("ce_time", b"2026-11-21T10Z"),
    )
    for path in paths(base):
        mutants = [replaced(base, path, value) for value in HOSTILE]
        if path and isinstance(path[-1], str):
            mutants.append(renamed(base, path))
        for mutant in mutants:
            answer = decode(record(mutant), Limits())
            assert isinstance(answer, Touchpoint | Refusal)
            assert is_discreet(answer), mutant
            if isinstance(mutant, dict) and "data" in mutant:
                assert is_discreet(decode(record(mutant["data"], headers), Limits())), mutant


@pytest.mark.parametrize("line", example_lines("touchpoints")[:6])
def test_a_torn_record_is_refused(line: bytes) -> None:
    """Every proper prefix of an event is refused, never read as something smaller."""
    for end in range(len(line)):
        assert isinstance(decode(record(line[:end]), Limits()), Refusal)


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "content-type"])
@pytest.mark.parametrize("value", [CANARY.encode() * 30, CANARY.encode(), CANARY.encode() + b"\xff\0"])
def test_no_header_is_repeated(name: str, value: bytes) -> None:
    """A refusal that a header caused does not carry the header."""
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_source": b"s",
        "ce_type": b"wifi.login",
        "ce_time": b"2026-11-21T10:00:00Z",
        name: value,
    }
    assert is_discreet(decode(record(VISIT["data"], tuple(headers.items())), Limits()))


@given(st.binary(max_size=200), _headers)
def test_arbitrary_bytes_never_raise(text: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
    """Bytes that nobody meant are a refusal."""
    assert isinstance(decode(record(text, headers), Limits()), Refusal)


@given(_json, _headers)
def test_arbitrary_json_never_raises(content: Any, headers: tuple[tuple[str, bytes], ...]) -> None:  # noqa: ANN401
    """JSON that nobody meant is answered, in both modes, as an event and as an event's data."""
    for candidate in (content, visit(data=content)):
        assert isinstance(decode(record(msgspec.json.encode(candidate), headers), Limits()), Touchpoint | Refusal)


@given(st.sampled_from(example_lines("touchpoints")), st.data())
def test_a_damaged_event_never_raises(line: bytes, data: st.DataObject) -> None:
    """Bytes changed, cut out or put in anywhere give a touchpoint or a refusal."""
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 4)))
    damaged = line[:start] + data.draw(st.binary(max_size=4)) + line[end:]
    assert isinstance(decode(record(damaged), Limits()), Touchpoint | Refusal)


@given(st.sampled_from(example_lines("touchpoints")), st.data())
def test_the_fast_way_takes_nothing_that_the_careful_way_refuses(line: bytes, data: st.DataObject) -> None:
    """Where the fast way reads a damaged event, the careful way reads the same."""
    damaged = line
    pieces = st.sampled_from([b'"', b"\\", b'\\"', b"\\u0022", b"{", b"}", b'"a":1,', b'"id":"1",', b'{"', b":", b" "])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        end = data.draw(st.integers(start, min(len(damaged), start + 2)))
        damaged = damaged[:start] + data.draw(pieces) + damaged[end:]
    fast = envelope._read_ordinary(damaged, 16)
    assert fast is None or fast == envelope._read_carefully(damaged, None, 16)


@pytest.mark.parametrize("feint", [rb"\u0022" * 4, rb"\"" * 4, b"'" * 4, rb"\u0022\"" * 2, rb"\\u0022" * 4])
def test_a_repeated_key_cannot_hide_behind_quotes_in_a_value(feint: bytes) -> None:
    """The fast way counts quotes: none that an escape puts in or takes out may make up for a repeated key's."""
    honest = encode_json(visit()).replace(b"Shanghai", feint)
    assert isinstance(decode(record(honest), Limits()), Touchpoint)
    for repeated in (b'{"id":"1",', b'{"specversion":"1.0",', b'{"type":"x",'):
        answer = decode(record(honest.replace(b"{", repeated, 1)), Limits())
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.INVALID_JSON


@pytest.mark.parametrize("line", example_lines("touchpoints"))
def test_the_examples_take_the_fast_way(line: bytes) -> None:
    """What ordinary publishers send is read the fast way; if it were not, nobody would notice but the clock."""
    assert envelope._read_ordinary(line, 16) is not None


@given(st.sampled_from(sorted(DATA_TYPES)), st.dictionaries(st.text(max_size=8), _json, max_size=4), st.data())
def test_a_valid_event_survives_the_way_out_and_in(
    event_type: str, traits: dict[str, Any], data: st.DataObject
) -> None:
    """What was decoded, encoded and decoded again is the same touchpoint, whatever its facts."""
    number = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12)
    base = next(found for found in example_events() if found["type"] == event_type)
    values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=256)
    facts = {
        "identifiers": {
            **data.draw(st.dictionaries(st.text(max_size=9), values | st.lists(values, max_size=3), max_size=4)),
            "card": "1",
        },
        "traits": traits,
        "counters": data.draw(st.dictionaries(st.text(max_size=8), number, max_size=3)),
        "consents": data.draw(st.dictionaries(st.text(max_size=8), st.booleans(), max_size=3)),
        "time": data.draw(st.datetimes().map(str)),
    }
    found = decode(record(msgspec.json.encode({**base, "data": {**base["data"], **facts}})), Limits(depth=32))
    assert isinstance(found, Touchpoint)
    assert decode(record(encode(found)), Limits(depth=32)) == found


@given(st.binary(max_size=100) | _json.map(msgspec.json.encode))
def test_arbitrary_commands_never_raise(text: bytes) -> None:
    """What is no command is a refusal."""
    assert isinstance(decode_command(text), Refusal)


@pytest.mark.parametrize("line", example_lines("commands"))
def test_no_place_of_a_command_breaks_it_or_is_repeated(line: bytes) -> None:
    """Each place of each example command takes each hostile value, and no refusal repeats it."""
    base = {**msgspec.json.decode(line), CANARY: CANARY, "reason": CANARY}
    for path in paths(base):
        for value in HOSTILE:
            mutant = replaced(base, path, value)
            assert is_discreet(decode_command(encode_json(mutant))), mutant


def test_an_event_full_of_canaries_is_accepted_or_refused_in_silence() -> None:
    """The canaries are where they do no harm: the check above would be empty if every base were refused."""
    answers = [decode(record(with_canaries(found)), Limits()) for found in example_events()]
    assert all(isinstance(answer, Touchpoint) for answer in answers)
    assert CANARY not in str(decode(record(with_canaries(event("points.earned", points=0))), Limits()))
