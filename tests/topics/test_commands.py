"""Commands: what operators may ask for, and the record of the answer."""

from typing import Any

import pytest

from tests.topics.samples import example_lines
from topics.codec import encode
from topics.commands import (
    COMMAND_TYPES,
    Block,
    Erase,
    Merge,
    Result,
    Unbind,
    command_id,
    decode_command,
    decode_result,
)
from topics.refusals import Refusal, RefusalCode


def command(**fields: object) -> bytes:
    """A command as sent."""
    return encode({"id": "c-1", "by": "amy", **fields})


def test_every_command_has_an_example_and_reads_as_its_own_type() -> None:
    """The examples cover all commands of the contract, and the type says which is which."""
    found = [decode_command(line) for line in example_lines("commands")]
    assert [type(one) for one in found] == list(COMMAND_TYPES)


def test_fields_are_read_under_their_public_names() -> None:
    """`from` is a keyword of Python, not of the contract; identifiers may hold colons after the first."""
    found = decode_command(command(type="unbind", identifier="phone:1", **{"from": "card:main:~x"}))
    assert isinstance(found, Unbind)
    assert found.from_ == "card:main:~x"
    assert encode(found) == command(type="unbind", identifier="phone:1", **{"from": "card:main:~x"}).replace(
        b'{"id":"c-1","by":"amy","type":"unbind"', b'{"type":"unbind","id":"c-1","by":"amy"'
    )


def test_only_id_type_and_target_are_needed() -> None:
    """Who and why are wanted by people; a command without them is still a command, and is meant (no dry run)."""
    found = decode_command(encode({"id": "c", "type": "merge", "identifiers": ["a:1", "b:2"]}))
    assert found == Merge(id="c", identifiers=("a:1", "b:2"), dry_run=False)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "merge"},
        {"type": "merge", "identifiers": ["card:1"]},
        {"type": "merge", "identifiers": ["card:1", "card"]},
        {"type": "merge", "identifiers": ["card:1", ":2"]},
        {"type": "merge", "identifiers": ["card:1", "card:"]},
        {"type": "merge", "identifiers": ["card:1", "card:\0"]},
        {"type": "merge", "identifiers": ["card:1", {"card": "2"}]},
        {"type": "merge", "identifiers": ["card:1", "card:" + "2" * 600]},
        {"type": "merge", "identifiers": [f"card:{n}" for n in range(1001)]},
        {"type": "split", "identifiers": []},
        {"type": "unbind", "identifier": "phone:1"},
        {"type": "erase"},
        {"type": "erase", "identifier": "phone:1", "profile_id": "p"},
        {"type": "block"},
        {"type": "block", "namespace": "phone"},
        {"type": "unblock", "pattern": "^1"},
        {"type": "block", "identifier": "phone:1", "namespace": "phone"},
        {"type": "block", "identifier": "phone:1", "namespace": "phone", "pattern": "^1"},
        {"type": "undo"},
        {"type": "destroy"},
        {"type": 7},
        {},
        {"type": "undo", "of": "c-0", "id": ""},
        {"type": "undo", "of": "c-0", "id": "a\0"},
        {"type": "undo", "of": "c-0", "time": "2026-11-21T10:00:00"},
        {"type": "undo", "of": "c-0", "dry_run": "no"},
    ],
)
def test_a_command_of_the_wrong_shape_is_refused(fields: dict[str, Any]) -> None:
    """A missing, doubled or ill-formed target, an unknown type and a bad header are `invalid_event`."""
    found = decode_command(command(**fields))
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.INVALID_EVENT
    assert "phone" not in found.message


def test_exactly_one_target_is_taken() -> None:
    """A person is named one way; a block names a value, or a pattern within a namespace."""
    assert isinstance(decode_command(command(type="erase", profile_id="p")), Erase)
    assert isinstance(decode_command(command(type="block", identifier="phone:1")), Block)
    assert isinstance(decode_command(command(type="block", namespace="phone", pattern="^1")), Block)


def test_size_and_text_are_checked_as_for_events() -> None:
    """Too much is `too_large`, no JSON is `invalid_json`, a repeated key too."""
    codes = [b" " * 1_000_001, b"{", b'{"id":"a","id":"b"}']
    found = [decode_command(text) for text in codes]
    assert [one.code for one in found if isinstance(one, Refusal)] == ["too_large", "invalid_json", "invalid_json"]


def test_an_invalid_command_can_still_be_answered_by_its_id() -> None:
    """The id is found wherever there is one, and nowhere else."""
    assert command_id(command(type="destroy")) == "c-1"
    assert command_id(b"[]") is command_id(b"{") is command_id(encode({"id": "a\0"})) is command_id(b"{}") is None


def test_a_result_survives_and_always_has_the_contracts_fields() -> None:
    """A result reads back as written; identifiers and detail are there even when empty."""
    result = Result(id="c-1", type="erase", status="not_found")
    assert decode_result(encode(result)) == result
    assert b'"identifiers":[],"detail":""' in encode(result)
