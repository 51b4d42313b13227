"""Golden examples: in and out again, byte for byte, and everything has one."""

from typing import Any

import msgspec
import pytest

from tests.topics.samples import EXAMPLES, example_events, example_lines, record
from topics import catalogue, updates
from topics.catalogue import ALL
from topics.codec import decode as decode_json
from topics.codec import encode as encode_json
from topics.commands import decode_result
from topics.envelope import Limits, decode, encode
from topics.events import DATA_TYPES, Data, Touchpoint
from topics.refusals import Refusal
from topics.schemas import record_schemas

OUTPUTS = [(topic.name, line) for topic in ALL if topic.role == "output" for line in example_lines(topic.name)]


def conversions(topic_name: str, line: bytes) -> list[bytes]:
    """What the line becomes when read as each of its topic's record types and written again, where it can be read."""
    topic = next(topic for topic in ALL if topic.name == topic_name)
    found = []
    for record_type in topic.records:
        try:
            found.append(encode_json(msgspec.convert(decode_json(line), record_type)))
        except msgspec.ValidationError:
            continue
    return found


def test_every_event_type_and_every_output_has_an_example() -> None:
    """The contract's event types and one unknown; every topic that others read; no file that nothing reads."""
    types = {found["type"] for found in example_events()}
    assert types >= set(DATA_TYPES)
    assert types - set(DATA_TYPES)
    names = {file.name.removesuffix(".jsonl") for file in EXAMPLES.iterdir()}
    wanted = {topic.name for topic in ALL if topic.role == "output"} | {"commands"}
    assert {name for name in names if not name.startswith("touchpoints.")} | {"touchpoints.dlq"} == wanted


@pytest.mark.parametrize("line", example_lines("touchpoints"))
def test_an_input_example_is_a_touchpoint_and_survives(line: bytes) -> None:
    """It decodes to its type's class, and its encoding decodes to the same touchpoint."""
    found = decode(record(line), Limits())
    assert isinstance(found, Touchpoint), found
    assert type(found.data) is DATA_TYPES.get(found.type, Data)
    assert decode(record(encode(found)), Limits()) == found


@pytest.mark.parametrize("line", example_lines("touchpoints"))
def test_nothing_in_an_input_example_is_lost(line: bytes) -> None:
    """Every field of an example is a field that we read: the data comes out as it went in, its times aside."""
    found = decode(record(line), Limits())
    assert isinstance(found, Touchpoint)
    assert decode_json(encode(found))["data"] == decode_json(line)["data"]


@pytest.mark.parametrize(("topic", "line"), [pair for pair in OUTPUTS if pair[0] != "touchpoints.dlq"])
def test_an_output_example_is_of_exactly_one_type_byte_for_byte(topic: str, line: bytes) -> None:
    """Read as its type and written again, it is the same bytes: no field is lost, none is added, none moves."""
    assert line in conversions(topic, line)


def test_every_record_type_has_an_example() -> None:
    """Where a topic has more than one record type, each has an example."""
    for topic in ALL:
        if topic.role == "output" and topic.records:
            found = [msgspec.convert(decode_json(line), Any) for line in example_lines(topic.name)]
            assert len(found) >= len(topic.records), topic.name
    ended = [line for line in example_lines("profiles") if b"merged_into" in line]
    assert [decode_json(line).keys() for line in ended] == [updates.MergedAway.__annotations__.keys()]


def test_the_example_profile_has_every_field_of_the_contract() -> None:
    """Section 4 of the contract, in its order."""
    profile = decode_json(example_lines("profiles")[0])
    assert " ".join(profile) == (
        "id profile_id version at cause first_seen last_seen known identifiers traits counters completeness consents "
        "membership wechat lifecycle lifetime_value orders activity scores points tier coupons appointments shipments "
        "affinity acquisition referral tags segments merged_from"
    )


@pytest.mark.parametrize("field", ["version", "cause", "known", "membership", "points", "merged_from"])
def test_a_profile_without_one_of_its_fields_is_no_profile(field: str) -> None:
    """Consumers may rely on every field."""
    profile = decode_json(example_lines("profiles")[0])
    del profile[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(profile, updates.Profile)


def test_a_dead_letter_example_is_a_record_that_is_refused() -> None:
    """The value of a dead letter is the record as received."""
    for line in example_lines(catalogue.DEAD_LETTERS.name):
        assert isinstance(decode(record(line), Limits()), Refusal)


def test_results_read_back() -> None:
    """What a rebuild reads is what was written."""
    for line in example_lines("commands.results"):
        assert encode_json(decode_result(line)) == line


@pytest.mark.parametrize(("topic", "line"), [pair for pair in OUTPUTS if pair[0] != "touchpoints.dlq"])
def test_an_example_has_the_keys_that_its_schema_asks_for(topic: str, line: bytes) -> None:
    """Some schema of the topic names all the keys of the example and misses none that it requires."""
    keys = set(decode_json(line))

    def fits(schema: dict[str, Any]) -> bool:
        record_schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        return set(record_schema["required"]) <= keys <= set(record_schema["properties"])

    assert any(fits(schema) for schema in record_schemas()[topic].values())
