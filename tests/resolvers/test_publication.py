"""What was published: at rest and back, and taken over from components that moved in."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.publication import (
    BLANK,
    NOTHING,
    Begun,
    Publication,
    Published,
    Sending,
    State,
    blanked,
    encode,
    encode_offsets,
    inherited,
    parse,
)
from resolvers.steps import Outgoing

RECORD = Outgoing("merges", b"p1", b'{"type":"merged"}', (("traceparent", b"00-1"),))
STONE = Outgoing("profiles", b"p2", None)


def published(holder: str, version: int, digest: bytes = b"d") -> Published:
    """A profile published at a version."""
    return Published(holder, version, version, digest, (holder,), {"CNY": "1.00"}, ("p0",))


def state(version: int, taken_over: tuple[str, ...] = (), **profiles: Published) -> State:
    """A state with something in each field."""
    return State(version, profiles, {f"old{version}": "p1"}, (b"%d" % version,), taken_over, version)


states = st.builds(
    State,
    st.integers(0, 2**53 - 1),
    st.dictionaries(st.text(max_size=3), st.builds(published, st.text(max_size=3), st.integers(0, 9)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    st.lists(st.binary(max_size=8), max_size=3).map(tuple),
    st.lists(st.text(max_size=3), max_size=2).map(tuple),
    st.integers(0, 99),
)
sendings = st.builds(
    Sending,
    st.lists(st.text(max_size=3), max_size=2).map(tuple),
    st.lists(st.sampled_from([RECORD, STONE]), max_size=2).map(tuple),
)


@given(states, states, sendings, st.data())
def test_at_rest_and_back(now: State, after: State, sending: Sending, data: st.DataObject) -> None:
    """A publication is read as it was written, records byte for byte, offsets with the profiles that they are of."""
    offsets = {one: data.draw(st.integers(-1, 2**40)) for one in now.profiles}
    at_rest = encode(now), encode_offsets(now, offsets)
    assert parse(b"3", *at_rest, None, None) == Publication(3, now, offsets)
    assert parse(b"4", *at_rest, encode(after), encode(sending)) == Publication(4, now, offsets, Begun(after, sending))
    assert parse(None, None, None, None, None) == NOTHING


def test_blank_says_publish_again() -> None:
    """A blank profile has no digest, and the version of its last record that anybody knows of; others stay."""
    before = state(1, p1=published("a", 1), p2=published("b", 1))
    after = state(5, p1=published("a", 5), p2=published("b", 1), p3=published("c", 5))
    blank = blanked(after, ["p1", "p3"], before)
    assert {one: (known.digest, known.version) for one, known in blank.profiles.items()} == {
        "p1": (BLANK, 1),
        "p2": (b"d", 1),
        "p3": (BLANK, 5),
    }
    assert blank.version == 5


def test_inherited_has_all_that_moved_in() -> None:
    """Profiles, ended ids and reported refusals of all; the greatest version; our component's own."""
    ours = state(5, p1=published("a", 5))
    before = inherited(ours, {"u": state(9, p2=published("b", 9)), "w": state(2, p3=published("c", 2))})
    assert before.version == 9
    assert set(before.profiles) == {"p1", "p2", "p3"}
    assert before.ended == {"old5": "p1", "old9": "p1", "old2": "p1"}
    assert before.refused == (b"2", b"5", b"9")
    assert before.taken_over == ("u", "w")
    assert before.component_version == 5


def test_each_is_taken_over_once() -> None:
    """A component taken over before is not taken over again, though its mark and its publication are still there."""
    ours = state(5, ("u",), p1=published("a", 5))
    again = inherited(ours, {"u": state(9, p2=published("b", 9))})
    assert again == ours


def test_what_was_taken_over_by_one_that_moved_in() -> None:
    """U moved into v and was taken over there, then v moved into ours: it is in v's state already."""
    v = state(6, ("u",), p2=published("b", 6))
    before = inherited(state(5), {"u": state(9, p9=published("gone", 9)), "v": v})
    assert set(before.profiles) == {"p2"}
    assert before.taken_over == ("u", "v")


def test_a_mark_that_is_gone_is_forgotten() -> None:
    """`taken_over` lasts as long as the marks do: what has no mark any more can't come again."""
    assert inherited(state(5, ("u",)), {}).taken_over == ()


def test_an_id_known_twice_is_blank() -> None:
    """Where two snapshots know an id, the newer one's is kept, and it is published whatever the difference says."""
    older, newer = published("a", 3), published("a", 8)
    for ours, theirs in ((older, newer), (newer, older)):
        before = inherited(state(8, p1=ours), {"u": state(8, p1=theirs)})
        assert before.profiles["p1"].version == 8
        assert before.profiles["p1"].digest == BLANK
