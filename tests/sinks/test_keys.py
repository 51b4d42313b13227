"""Keys: one for each thing, and those of a component on one node of a cluster."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from sinks.keys import PREFIX, Keys, pattern_of

KEYS = Keys("idweave")
NAMES = st.text(st.sampled_from("a%7D{}:2"), max_size=8) | st.text(max_size=20)


def test_keys_read_as_documented() -> None:
    """The screen of keys is what the code makes."""
    assert KEYS.home("phone:k1abc") == "idweave:i:phone:k1abc"
    assert KEYS.component("phone:k1abc") == "idweave:c:{phone:k1abc}"
    assert KEYS.publication("phone:k1abc") == "idweave:q:{phone:k1abc}"
    assert KEYS.profile("p1") == "idweave:p:p1"
    assert KEYS.position("idweave.touchpoints", 3) == "idweave:pos:idweave.touchpoints:3"
    assert KEYS.decisions == "idweave:cmd"
    assert KEYS.meta == "idweave:meta"


def test_a_pattern_names_a_kind_and_nobody() -> None:
    """An operator may be told which keys are harmed: where they are, never whose they are."""
    names = (KEYS.home("phone:138:c:1"), KEYS.component("phone:p:1"), KEYS.profile("p1"), KEYS.position("t", 3))
    assert [pattern_of(name) for name in names] == ["idweave:i:*", "idweave:c:*", "idweave:p:*", "idweave:pos:*"]
    assert [pattern_of(name) for name in (KEYS.meta, KEYS.decisions, "phone")] == [
        KEYS.meta,
        KEYS.decisions,
        "other keys",
    ]


@given(NAMES)
@example("}")
@example("{}")
def test_a_component_and_its_publication_share_a_slot(name: str) -> None:
    """Whatever braces are in the name."""
    if name:
        assert key_slot(KEYS.component(name).encode()) == key_slot(KEYS.publication(name).encode())


@given(NAMES, NAMES)
@example("a}b", "a%7Db")
@example("%7D", "%257D")
def test_different_names_have_different_keys(one: str, other: str) -> None:
    """Escaping makes no two names one."""
    assert (KEYS.component(one) == KEYS.component(other)) == (one == other)


@given(NAMES)
@example("a}b%7D%25")
def test_names_come_back_from_keys(name: str) -> None:
    """What a scan finds leads to the name that was put there, and is found by the pattern."""
    assert KEYS.name_of_component(KEYS.component(name)) == name
    assert KEYS.key_of_home(KEYS.home(name)) == name
    assert KEYS.component(name).startswith(KEYS.components.removesuffix("*}"))
    assert KEYS.home(name).startswith(KEYS.homes.removesuffix("*"))


@pytest.mark.parametrize("prefix", ["{a}", "", "a b", "a*"])
def test_a_prefix_without_tags_and_patterns(prefix: str) -> None:
    """Others are not let through."""
    assert PREFIX.fullmatch(prefix) is None
    with pytest.raises(AssertionError):
        Keys(prefix)
