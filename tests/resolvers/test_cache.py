"""The cache: bounded, recent, and never older than it was."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.cache import Cache, Generations
from resolvers.component import Component

operations = st.lists(st.tuples(st.sampled_from(["put", "get", "forget"]), st.integers(0, 5)), max_size=40)


@given(operations, st.integers(1, 4))
def test_what_is_found_is_the_last_put(some: list[tuple[str, int]], size: int) -> None:
    """An entry that is found is the last one put under its key, and was not forgotten since."""
    kept: Generations[int, int] = Generations(size)
    last: dict[int, int] = {}
    for at, (operation, key) in enumerate(some):
        if operation == "put":
            kept.put(key, at)
            last[key] = at
        elif operation == "forget":
            kept.forget(key)
            last.pop(key, None)
        else:
            assert kept.get(key) in {None, last.get(key)}


def test_it_keeps_fewer_from_now_on() -> None:
    """What was not used lately goes at once, the rest by and by."""
    kept: Generations[int, int] = Generations(1000)
    for key in range(1500):
        kept.put(key, key)
    kept.keep_fewer(100)
    assert kept.get(999) is None
    assert kept.get(1499) == 1499
    for key in range(2000, 2150):
        kept.put(key, key)
    assert kept.get(1499) is None
    assert [kept.get(key) for key in range(2050, 2150)] == [*range(2050, 2150)]


@given(operations, st.integers(1, 4))
def test_it_is_bounded_and_recent(some: list[tuple[str, int]], size: int) -> None:
    """Never more than twice `size` entries; the `size` keys put last are all there, but for those forgotten since."""
    kept: Generations[int, int] = Generations(size)
    recent: list[int] = []
    forgotten: set[int] = set()
    for operation, key in some:
        if operation == "put":
            kept.put(key, key)
            recent = [one for one in recent if one != key] + [key]
            forgotten.discard(key)
            there = {one for one in recent[-size:] if kept._young.get(one, kept._old.get(one)) == one}
            assert there == {*recent[-size:]} - forgotten
        elif operation == "forget":
            kept.forget(key)
            forgotten.add(key)
        assert len(kept._young) <= size
        assert len(kept._old) <= size


def test_a_size_of_one() -> None:
    """The smallest cache holds the last entry and the one before."""
    kept: Generations[str, int] = Generations(1)
    for value, key in enumerate("abc"):
        kept.put(key, value)
    assert [kept.get(key) for key in "abc"] == [None, 1, 2]


def test_a_late_reading_does_not_replace_a_newer_one() -> None:
    """`keep` holds on to the newest version of a component, whichever comes last."""
    cache = Cache(2)
    newer, older = Component("c", 5), Component("c", 4)
    cache.keep(newer)
    cache.keep(older)
    assert cache.components.get("c") is newer
    again = Component("c", 5, moved_to="b")
    cache.keep(again)
    assert cache.components.get("c") is again
