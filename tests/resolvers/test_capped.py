"""Capped lists and counted sets: the same in any order, told twice, or joined from parts."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers import capped, distinct
from resolvers.capped import count_day, keep_first_names, keep_latest, latest_of, newest_first

PAGE = Path(__file__).parents[2] / "docs" / "facts.md"
ENTRIES = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)), max_size=20)


@given(ENTRIES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_latest_entries_are_a_join(told: list[tuple[str, int]], most: int, rng: random.Random) -> None:
    """What is kept is the greatest entries of all that was told, in any order, however often."""
    kept: dict[str, int] = {}
    again: dict[str, int] = {}
    for key, entry in told:
        keep_latest(kept, key, entry, most)
    shuffled = told + rng.sample(told, len(told) // 2)
    rng.shuffle(shuffled)
    for key, entry in shuffled:
        keep_latest(again, key, entry, most)
    greatest = {key: max(entry for other, entry in told if other == key) for key, _ in told}
    expected = sorted(greatest, key=lambda key: (greatest[key], key), reverse=True)[:most]
    assert kept == again == {key: greatest[key] for key in expected}
    assert newest_first(kept, most) == expected


@given(ENTRIES, st.integers(1, 5), st.randoms(use_true_random=False))
def test_days_are_counted_right_below_the_cap(told: list[tuple[str, int]], most: int, rng: random.Random) -> None:
    """The counts of the latest (day, name) are whole, whatever came and went before, in any order."""
    for events in (told, rng.sample(told, len(told))):
        counts: dict[str, dict[int, int]] = {}
        for name, day in events:
            count_day(counts, name, day, most)
        expected = sorted({(day, name) for name, day in told})[-most:]
        assert {(day, name): n for name, days in counts.items() for day, n in days.items()} == {
            (day, name): told.count((name, day)) for day, name in expected
        }


@given(ENTRIES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_sums_of_the_first_names_are_whole(told: list[tuple[str, int]], most: int, rng: random.Random) -> None:
    """The names that are kept are the first ones, each with its whole sum, whatever came and went before."""
    for events in (told, rng.sample(told, len(told))):
        sums: dict[str, int] = {}
        for name, number in events:
            sums[name] = sums.get(name, 0) + number
            keep_first_names(sums, most)
        names = sorted({name for name, _ in told})[:most]
        assert sums == {name: sum(number for other, number in told if other == name) for name in names}


def test_entries_of_facets_join() -> None:
    """The greater entry of each key."""
    assert latest_of([{"a": 1, "b": 5}, {"a": 3, "c": 2}]) == {"a": 3, "b": 5, "c": 2}


@given(st.lists(st.integers(0, 40)), st.integers(0, 40))
def test_a_set_counts_each_once(told: list[int], at: int) -> None:
    """Told in any order, twice, or in two parts that overlap: as many as there are different ones."""
    packed = b""
    for one in told + told[::-1]:
        packed = distinct.with_one(packed, str(one))
    parts = [b"", b""]
    for one in told:
        for part in {one < at, one % 2 == 0}:
            parts[part] = distinct.with_one(parts[part], str(one))
    assert distinct.count(distinct.unpacked([packed])) == len(set(told))
    assert distinct.count(distinct.unpacked(parts)) == len(set(told))
    assert len(packed) == distinct.WIDTH * len(set(told))


def test_beyond_the_cap_a_count_is_close_and_a_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20,000 with a cap of 1,024: within a tenth, of bounded size, and the same in any order and from any parts."""
    monkeypatch.setattr(distinct, "DIGESTS", 1024)
    names = [str(n) for n in range(20_000)]
    random.Random(3).shuffle(names)
    packs = [b"", b"", b""]
    for n, name in enumerate(names):
        packs[0] = distinct.with_one(packs[0], name)
        packs[1 + n % 2] = distinct.with_one(packs[1 + n % 2], name)
    assert len(packs[0]) == 1024 * distinct.WIDTH
    counted = distinct.count(distinct.unpacked(packs[:1]))
    assert counted == pytest.approx(20_000, rel=0.1)
    assert distinct.count(distinct.unpacked(packs[1:])) == counted


def test_every_cap_is_in_the_table_of_the_docs() -> None:
    """The page of caps says each constant with its number."""
    caps = {name: value for name, value in vars(capped).items() if name.isupper() and isinstance(value, int)}
    text = PAGE.read_text()
    missing = {name: value for name, value in caps.items() if f"| `{name}` | {value:,} |" not in text}
    assert not missing
