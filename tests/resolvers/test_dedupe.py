"""The same event again: what is recognised, for how long, and how much is kept."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.dedupe import Signature, remembered, signature, verdict
from resolvers.namespaces import Dedupe

DAY_MS = 86_400_000
DEDUPE = Dedupe()


def test_same_body_is_the_same_event() -> None:
    """The pair of id and source, with the same body, is the same event; with another, `reused`."""
    recent = remembered(b"", signature("/s", "e1", 0, b"body"), DEDUPE)
    assert verdict(recent, signature("/s", "e1", 5, b"body"), DEDUPE) == "same"
    assert verdict(recent, signature("/s", "e1", 5, b"other"), DEDUPE) == "reused"
    assert verdict(recent, signature("/t", "e1", 5, b"body"), DEDUPE) == "new"
    assert verdict(recent, signature("/s", "e2", 5, b"body"), DEDUPE) == "new"


def test_id_and_source_do_not_run_together() -> None:
    """(source `/ab`, id `c`) is not (source `/a`, id `bc`)."""
    recent = remembered(b"", signature("/ab", "c", 0, b"body"), DEDUPE)
    assert verdict(recent, signature("/a", "bc", 0, b"body"), DEDUPE) == "new"


def test_thirty_days_either_way() -> None:
    """Recognised up to 30 days of append time, whichever of the two was appended first; beyond, it is another event."""
    middle = 100 * DAY_MS
    recent = remembered(b"", signature("/s", "e1", middle, b"body"), DEDUPE)
    for days, said in ((30, "same"), (-30, "same"), (30.001, "new"), (-30.001, "new")):
        assert verdict(recent, signature("/s", "e1", int(middle + days * DAY_MS), b"body"), DEDUPE) == said


def test_a_namesake_of_each_age_is_found() -> None:
    """One name kept twice, a month and more apart: the one in reach decides, not the first one found."""
    recent = remembered(b"", signature("/s", "e1", 0, b"old"), DEDUPE)
    recent = remembered(recent, signature("/s", "e1", 40 * DAY_MS, b"new"), DEDUPE)
    assert verdict(recent, signature("/s", "e1", 41 * DAY_MS, b"new"), DEDUPE) == "same"
    assert verdict(recent, signature("/s", "e1", 41 * DAY_MS, b"old"), DEDUPE) == "reused"
    assert verdict(recent, signature("/s", "e1", 1 * DAY_MS, b"old"), DEDUPE) == "same"


def test_the_last_1024_are_kept() -> None:
    """An identifier remembers 1,024 events of 16 bytes each, the latest applied."""
    recent = b""
    for n in range(1025):
        recent = remembered(recent, signature("/s", f"e{n}", 0, b""), DEDUPE)
    assert len(recent) == 1024 * 16
    assert verdict(recent, signature("/s", "e0", 0, b""), DEDUPE) == "new"
    assert verdict(recent, signature("/s", "e1", 0, b""), DEDUPE) == "same"
    assert verdict(recent, signature("/s", "e1024", 0, b""), DEDUPE) == "same"


def test_none_may_be_kept() -> None:
    """`ids_per_identifier: 0` remembers nothing."""
    assert remembered(b"", signature("/s", "e1", 0, b""), Dedupe(ids_per_identifier=0)) == b""


words = st.integers(0, 3).map(lambda n: n * 0x0101_0101_0101_0101)


@given(st.lists(st.builds(Signature, words, st.integers(0, 3), st.integers(0, 3)), max_size=6), words)
def test_a_name_is_found_at_entries_only(kept: list[Signature], name: int) -> None:
    """Bytes that look like the name across two entries are not taken for it."""
    recent = b""
    for one in kept:
        recent = remembered(recent, one, DEDUPE)
    said = verdict(recent, Signature(name, 0, 9), DEDUPE)
    assert said == ("reused" if any(one.name == name for one in kept) else "new")
