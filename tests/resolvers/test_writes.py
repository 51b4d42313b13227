"""Traits: joins that any order gives alike, and what hides what."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resolvers.writes import Write, keep_first, keep_last, keep_newest, keep_oldest, leaves, visible

Kept = dict[str, Write]
PATHS = ("/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f", "/ab")
writes = st.lists(
    st.builds(
        lambda path, time_us, value: (path, time_us, value),
        st.sampled_from(PATHS),
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 3), st.lists(st.integers(), max_size=1)),
    ),
    max_size=12,
).map(lambda some: [(path, Write(time_us, f"e{n}", "/s", value)) for n, (path, time_us, value) in enumerate(some)])


def last(some: list[tuple[str, Write]]) -> Kept:
    """`traits` writes, kept."""
    kept: Kept = {}
    for path, write in some:
        keep_last(kept, path, write)
    return kept


def first(some: list[tuple[str, Write]]) -> Kept:
    """`traits_once` writes, kept."""
    kept: Kept = {}
    for path, write in some:
        keep_first(kept, path, write)
    return kept


def touch(one: str, other: str) -> bool:
    """The same path, or one above the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def by_definition(traits: list[tuple[str, Write]], once: list[tuple[str, Write]]) -> dict[str, Any]:
    """What is visible, by comparing every write with every other."""
    once = [(path, write) for path, write in once if write.value is not None]
    shown = [
        (path, write)
        for path, write in traits
        if not any(other.stamp > write.stamp and touch(path, at) for at, other in traits)
    ]
    shown += [
        (path, write)
        for path, write in once
        if not any(other.stamp < write.stamp and touch(path, at) for at, other in once)
        and not any(touch(path, at) for at, _ in shown)
    ]
    tree: dict[str, Any] = {}
    for path, write in shown:
        if write.value is not None:
            *above, name = path[1:].split("/")
            node = tree
            for step in above:
                node = node.setdefault(step, {})
            node[name] = write.value
    return tree


@given(writes, writes, st.randoms(use_true_random=False))
def test_any_order_keeps_the_same(
    traits: list[tuple[str, Write]], once: list[tuple[str, Write]], rng: random.Random
) -> None:
    """Keeping is commutative and idempotent: shuffled and doubled writes leave the same."""
    before = last(traits), first(once)
    again = traits + rng.sample(traits, len(traits) // 2), once + rng.sample(once, len(once) // 2)
    for some in again:
        rng.shuffle(some)
    assert (last(again[0]), first(again[1])) == before


@given(writes, writes, st.lists(st.integers(0, 2), min_size=24, max_size=24))
def test_facets_add_up(traits: list[tuple[str, Write]], once: list[tuple[str, Write]], at: list[int]) -> None:
    """Writes spread over facets show what one facet with all of them shows, which is what the definition says."""
    spread = [
        ([one for one, facet in zip(some, at, strict=False) if facet == n]) for some in (traits, once) for n in range(3)
    ]
    together = visible([last(traits)], [first(once)])
    assert visible([last(some) for some in spread[:3]], [first(some) for some in spread[3:]]) == together
    assert together == by_definition(traits, once)


@given(writes, st.integers(1, 4), st.randoms(use_true_random=False))
def test_capped_writes_are_a_join(some: list[tuple[str, Write]], most: int, rng: random.Random) -> None:
    """What is kept, write by write, are the newest (`once`: oldest) paths of all, in any order, however often told."""
    for events in (some, some + rng.sample(some, len(some) // 2), rng.sample(some, len(some))):
        newest: Kept = {}
        oldest: Kept = {}
        for path, write in events:
            keep_last(newest, path, write)
            keep_newest(newest, most)
            keep_first(oldest, path, write)
            keep_oldest(oldest, most)
        whole, mirror = last(some), first(some)
        assert newest.keys() == {*sorted(whole, key=lambda path: (whole[path].stamp, path))[-most:]}
        assert oldest.keys() == {*sorted(mirror, key=lambda path: (mirror[path].stamp, path))[:most]}
        assert all(newest[path] == whole[path] for path in newest)
        assert all(oldest[path] == mirror[path] for path in oldest)


def test_newer_hides_above_and_below() -> None:
    """A newer write hides older ones at its path, above and below; a sibling stays."""
    assert visible([last([("/a/b", Write(1, "e", "s", 1)), ("/a", Write(2, "f", "s", 2))])], []) == {"a": 2}
    assert visible([last([("/a", Write(1, "e", "s", 1)), ("/a/b", Write(2, "f", "s", 2))])], []) == {"a": {"b": 2}}
    both = last([("/a/b", Write(1, "e", "s", 1)), ("/a/c", Write(2, "f", "s", 2)), ("/ab", Write(3, "g", "s", 3))])
    assert visible([both], []) == {"a": {"b": 1, "c": 2}, "ab": 3}


def test_hidden_writes_hide() -> None:
    """A write that is hidden itself still hides an older one: the newest hides /a, which hides /a/b below it."""
    some = [("/a/b", Write(1, "e", "s", 1)), ("/a", Write(2, "f", "s", 2)), ("/a/c", Write(3, "g", "s", 3))]
    assert visible([last(some)], []) == {"a": {"c": 3}}


def test_null_hides_and_shows_nothing() -> None:
    """A null takes a trait away, and beats `traits_once` at its path, above and below."""
    some = last([("/a/b", Write(1, "e", "s", 1)), ("/a", Write(2, "f", "s", None))])
    assert visible([some], [first([("/a/c", Write(0, "g", "s", 7)), ("/d", Write(0, "g", "s", 8))])]) == {"d": 8}


def test_once_keeps_the_first_over_all_facets() -> None:
    """The first write by event time wins across facets; null says nothing."""
    later = first([("/a", Write(5, "e", "s", "later")), ("/b", Write(1, "e", "s", None))])
    earlier = first([("/a", Write(3, "f", "s", "earlier"))])
    assert visible([], [later, earlier]) == {"a": "earlier"}
    assert "/b" not in later


def test_ties_go_by_id_then_source() -> None:
    """Of equal event times the larger id wins, then the larger source; `traits_once` takes the smaller."""
    tied = [("/a", Write(1, "e1", "z", 1)), ("/a", Write(1, "e2", "a", 2)), ("/a", Write(1, "e2", "b", 3))]
    assert visible([last(tied)], []) == {"a": 3}
    assert visible([], [first(tied)]) == {"a": 1}


def test_leaves_are_whole_arrays_and_escaped_paths() -> None:
    """Arrays are whole, empty objects say nothing, and a name with a slash or tilde is one step of its path."""
    tree = {"a/b": {"~": [1, {"x": 2}]}, "empty": {}, "": None}
    found = dict(leaves(tree))
    assert found == {"/a~1b/~0": [1, {"x": 2}], "/": None}
    shown = visible([last([(path, Write(1, "e", "s", value)) for path, value in found.items()])], [])
    assert shown == {"a/b": {"~": [1, {"x": 2}]}}
