"""Uniting: whoever stops where, another one finishes, and nothing is absorbed twice."""

from collections.abc import Iterator
from itertools import count

import pytest

from resolvers.cache import Cache
from resolvers.steps import Commit, ForgetComponent, Freeze, Protocol, Step
from resolvers.uniting import finish, unite
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from tests.resolvers.building import Bench, arrived

A, B, C = "card:main:A", "card:main:B", "card:main:C"


def three() -> Bench:
    """Three components of one card each, with a cookie."""
    bench = Bench()
    bench.resolve(*(arrived({"card": name, "cookie": f"k{name}"}, n) for n, name in enumerate("ABC")))
    return bench


def some_steps(protocol: Protocol[int], store: MemoryStore, steps: int) -> bool:
    """Carry out this many leaf steps of a protocol and leave it there -> whether it was at its end before."""
    try:
        step = next(protocol)
        for _ in range(steps):
            step = protocol.send(store.execute(step))
    except StopIteration:
        return True
    protocol.close()
    return False


def crashes(into: str = A) -> Iterator[Bench]:
    """A bench after each possible crash of a move of B, the last one being none."""
    for steps in count():
        bench = three()
        ended = some_steps(unite(B, into, Cache()), bench.store, steps)
        yield bench
        if ended:
            return


def assert_moved(bench: Bench, *names: str) -> None:
    """These are emptied; all facets are there once, in the component with the smallest name."""
    for name in names:
        component = bench.component(name)
        assert (component.pending, dict(component.facets)) == (False, {})
        assert component.moved_to is not None
    at_rest = bench.at_rest()
    assert sorted(key for one in at_rest for key in one.facets) == [A, B, C, *(f"cookie:k{name}" for name in "ABC")]
    assert {name for one in at_rest for name in one.absorbed} == set(names)


def test_a_move() -> None:
    """All that u holds is in v, with the mark; u is empty and leads to v."""
    bench = three()
    assert carry_in_memory(unite(B, A, Cache()), bench.store.execute) == 1
    assert_moved(bench, B)
    assert bench.component(B).moved_to == A
    assert bench.component(A).absorbed == {B}
    assert len(bench.component(A).edges) == 2


def test_names_only_get_smaller() -> None:
    """The order of names is what keeps moves from going in a circle."""
    with pytest.raises(AssertionError, match="smaller"):
        next(unite(A, B, Cache()))


def test_anybody_finishes_after_a_crash_at_any_step() -> None:
    """A worker dies after any step of a move: another one that wants the same finishes it, and so does the resolver."""
    stopped = 0
    for bench in crashes():
        stopped += 1
        carry_in_memory(unite(B, A, Cache()), bench.store.execute)
        assert_moved(bench, B)
    assert stopped > 5
    for bench in crashes():
        bench.cache = Cache()
        bench.resolve(arrived({"card": "B"}, 7, counters={"n": 1}))
        moved = bench.component(B).moved_to
        assert_moved(bench, *([B] if moved else []))


def test_a_helper_is_overtaken() -> None:
    """Two workers at every pair of places in the same move: it happens once."""
    for first in range(8):
        for second in range(8):
            bench = three()
            one, other = unite(B, A, Cache()), unite(B, A, Cache())
            some = {id(one): first, id(other): second}
            for protocol in (one, other):
                _advance(protocol, bench.store, some[id(protocol)])
            for protocol in (one, other):
                _finish(protocol, bench.store)
            assert_moved(bench, B)


_replies: dict[int, Step] = {}


def _advance(protocol: Protocol[int], store: MemoryStore, steps: int) -> None:
    """Take steps and stay alive; where it stands is kept."""
    try:
        step = next(protocol)
        for _ in range(steps):
            step = protocol.send(store.execute(step))
        _replies[id(protocol)] = step
    except StopIteration:
        _replies.pop(id(protocol), None)


def _finish(protocol: Protocol[int], store: MemoryStore) -> None:
    """Go on from where it stands to its end."""
    step = _replies.pop(id(protocol), None)
    try:
        while step is not None:
            step = protocol.send(store.execute(step))
    except StopIteration:
        pass


def test_a_chain_of_moves() -> None:
    """C moves into B while B is on its way into A, from any place: all ends in A."""
    for bench in crashes():
        carry_in_memory(unite(C, B, Cache()), bench.store.execute)
        if bench.component(B).moved_to is None:
            carry_in_memory(unite(B, A, Cache()), bench.store.execute)
        assert_moved(bench, B, C)
        assert [one.name for one in bench.at_rest()] == [A]


def test_a_component_that_nobody_wrote_moves() -> None:
    """A component that was claimed and never written can be frozen, absorbed and settled."""
    bench = three()
    assert carry_in_memory(unite("card:main:Z", A, Cache()), bench.store.execute) == 1
    assert bench.component("card:main:Z").moved_to == A
    assert bench.component(A).absorbed == {"card:main:Z"}


def test_a_component_that_nobody_wrote_is_written_before_anybody_moves_there() -> None:
    """What a move leads to is there, from the moment it begins: so what is not there any more was deleted."""
    for steps in count(1):
        bench = three()
        ended = some_steps(unite(B, "card:main:0", Cache()), bench.store, steps)
        assert bench.component(B).moved_to is None or bench.component("card:main:0").version > 0
        if ended:
            break
    assert bench.component("card:main:0").absorbed == {B}


def test_a_move_to_what_was_deleted_is_called_off() -> None:
    """Where an erase has deleted what it led to, u is at rest again with all it held, and takes writes."""
    bench = three()
    before = bench.component(C)
    bench.store.execute(Freeze(C, B))
    carry_in_memory(unite(B, A, Cache()), bench.store.execute)
    bench.store.execute(ForgetComponent(B, bench.component(B).version))
    carry_in_memory(finish(C, Cache()), bench.store.execute)
    after = bench.component(C)
    assert (after.moved_to, after.pending, after.facets) == (None, False, before.facets)
    assert bench.store.execute(Commit(C, after.version, {})) == after.version + 1


def test_nobody_moves_to_what_is_remembered_not_to_be_there() -> None:
    """That a component was not there when it was last looked for is no reason to write it now."""
    bench, cache = three(), Cache()
    bench.store.execute(Freeze(C, B))
    carry_in_memory(unite(B, A, Cache()), bench.store.execute)
    bench.store.execute(ForgetComponent(B, bench.component(B).version))
    cache.keep(bench.component(B))
    carry_in_memory(finish(C, cache), bench.store.execute)
    assert bench.component(B).version == 0
    assert not bench.component(C).pending


def test_who_froze_it_counts_it() -> None:
    """A move is counted by the call that froze it, once."""
    bench = three()
    assert carry_in_memory(unite(C, B, Cache()), bench.store.execute) == 1
    assert carry_in_memory(unite(C, A, Cache()), bench.store.execute) == 0
    assert bench.component(C).moved_to == B


def test_a_frozen_component_takes_no_writes() -> None:
    """From the freeze on, no commit reaches u: what is read of it afterwards is all there is."""
    bench = three()
    version = bench.component(B).version
    bench.store.execute(Freeze(B, A))
    assert bench.store.execute(Commit(B, version, {"f:x": b""})) is None
    assert bench.store.execute(Commit(B, version + 1, {"f:x": b""})) is None


def test_finishing_what_is_not_pending_changes_nothing() -> None:
    """At rest, or moved long ago: nothing to finish."""
    bench = three()
    carry_in_memory(unite(B, A, Cache()), bench.store.execute)
    before = bench.store.saved()
    for name in (A, B, "card:main:nobody"):
        carry_in_memory(finish(name, Cache()), bench.store.execute)
    assert bench.store.content == before
