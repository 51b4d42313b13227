"""Notices as records of `changes`, and dead letters."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.steps import Notice
from sinks.dead_letters import BYTES_MAX, CUT, dead_letter, read_letter
from sinks.murmur2 import partition_of
from sinks.publisher import NOTICES_BYTES_MAX, RawRecord, packed, unpacked
from topics.records import Record
from topics.refusals import Refusal, RefusalCode

notices = st.builds(
    Notice,
    st.sampled_from(["phone:a", "mac:b", "\u4e2d", ""]),
    st.integers(0, 9),
    st.text(),
    st.text(),
    st.integers(0, 9),
)


@given(st.lists(notices), st.integers(1, 5))
def test_notices_come_back_as_they_were(several: list[Notice], partitions: int) -> None:
    """Each in the partition of its component, those of one component in order, one record for each partition."""
    records = list(packed(several, partitions))
    assert len({partition for partition, _ in records}) == len(records)
    found = [(partition, one) for partition, value in records for one in unpacked(value)]
    for component in {one.component for one in several}:
        mine = [(partition, one) for partition, one in found if one.component == component]
        assert [one for _, one in mine] == [one for one in several if one.component == component]
        assert {partition for partition, _ in mine} == {partition_of(component.encode(), partitions)}
    assert len(found) == len(several)


def test_notices_fit_in_a_record() -> None:
    """However long the ids that publishers choose: too many for one record go in several, in order."""
    several = [Notice("c", number, "x" * 60_000, "source", 0) for number in range(100)]
    values = [value for _, value in packed(several, 4)]
    assert len(values) > 1
    assert max(len(value) for value in values) <= NOTICES_BYTES_MAX
    assert [one for value in values for one in unpacked(value)] == several


def test_a_dead_letter_that_would_not_fit_is_cut() -> None:
    """A record that came compressed can be larger than a topic takes: it is put aside in part, and says so."""
    refusal = Refusal(RefusalCode.TOO_LARGE, "too large")
    long = dead_letter(Record("idweave.touchpoints", 0, 1, 1, b"key", b"0" * 9_000_000, (("a", b"b"),)), refusal)
    assert long.value is not None
    assert (long.key, len(long.value), long.headers[0]) == (b"key", BYTES_MAX - 5, ("a", b"b"))
    assert long.headers[-1] == ("idweave.error.cut_from_bytes", b"9000000")
    wide = dead_letter(Record("idweave.touchpoints", 0, 2, 1, b"k" * 1_100_000, b"{}", (("a", b"b"),)), refusal)
    assert (wide.key, wide.value) == (None, b"{}")
    assert wide.headers[-1] == ("idweave.error.cut_from_bytes", b"2")


def test_a_dead_letter_is_as_received() -> None:
    """Key, value and headers are untouched; why and whence is added, in Kafka Connect's names."""
    received = Record("idweave.touchpoints", 3, 42, 1, None, b"\xff not json", (("ce_id", b"7"), ("ce_id", b"8")))
    letter = dead_letter(received, Refusal(RefusalCode.INVALID_JSON, "not JSON at byte 0"))
    assert (letter.topic, letter.key, letter.value) == ("touchpoints.dlq", None, b"\xff not json")
    assert letter.headers == (
        ("ce_id", b"7"),
        ("ce_id", b"8"),
        ("idweave.error.code", b"invalid_json"),
        ("__connect.errors.topic", b"idweave.touchpoints"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.exception.message", b"not JSON at byte 0"),
    )


@given(
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=9),
    st.lists(st.tuples(st.sampled_from(["a", "idweave.error.code", CUT]), st.none() | st.binary(max_size=3))),
)
def test_a_dead_letter_gives_back_what_was_received(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Whatever headers a publisher sends, also ours: what was added is taken off, and nothing else."""
    record = Record("idweave.touchpoints", 3, 42, 1, key, value, tuple(headers))
    sent = dead_letter(record, Refusal(RefusalCode.INVALID_JSON, "why"))
    letter = read_letter(Record("idweave.touchpoints.dlq", 0, 7, 9, *sent[1:]))
    assert letter is not None
    assert letter.received == RawRecord("touchpoints", key, value, tuple(headers))
    assert (letter.code, letter.message, letter.source) == ("invalid_json", "why", ("idweave.touchpoints", 3, 42))


def test_what_is_no_dead_letter_of_ours_is_told() -> None:
    """Records of others on the topic, and letters that were cut, are never sent again."""
    assert read_letter(Record("t", 0, 1, 1, None, b"x", (("idweave.error.code", b"mine"),))) is None
    long = dead_letter(Record("t", 0, 1, 1, b"key", b"0" * 9_000_000, ()), Refusal(RefusalCode.TOO_LARGE, "too large"))
    letter = read_letter(Record("t.dlq", 0, 1, 1, *long[1:]))
    assert letter is not None
    assert letter.received is None
