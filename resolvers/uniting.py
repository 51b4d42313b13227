"""Unite two components without a lock: freeze, absorb, settle, with anybody helping.

The protocol (design, section 3): u moves into v, v's name being the smaller, so that no interleaving can make a circle.
Freeze u (`to` = v, pending) -> read v, then u, then write u's fields into v with the mark `absorbed: u` -> settle u
(moved, emptied). A crash leaves u pending, and whoever meets it finishes the job.
Why v is read, or remembered, before u is read: if v does not show the mark and u, read later, is still pending, then
nobody has absorbed u when v was read; and the write is refused if v has changed since. So nothing is absorbed twice.
Content only ever goes where `to` says: who finds that v has moved on meanwhile lets u be redirected to where that leads
first. So while u is pending, it is in v or nowhere.
An erase deletes what has moved and is empty (`resolvers.erasing`). Nobody moves into what was never written, so where
u's `to` leads to nothing there was something that was deleted: nobody has u's content, and u's move is called off.
Must not know: what the fields mean.
"""

from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.steps import Commit, Freeze, Protocol, ReadComponent, Redirect, Settle


def unite(name: str, into: str, cache: Cache) -> Protocol[int]:
    """Move a component into one with a smaller name -> 1 if that is where it moves, else 0: somebody was faster."""
    assert into < name, "components move to smaller names only"
    known = cache.components.get(into)
    if known is None or known.version == 0:
        yield Commit(into, 0, {})  # refused if it is there
        cache.components.forget(into)
    to: str = yield Freeze(name, into)
    yield from finish(name, cache)
    return int(to == into)


def finish(name: str, cache: Cache) -> Protocol[None]:
    """Finish a move that is pending, or call it off; nothing to do if it isn't."""
    cache.components.forget(name)
    while True:
        moving: Component = yield ReadComponent(name)
        if not moving.pending or moving.moved_to is None:
            return
        to = moving.moved_to
        into = remembered = _at_rest(to, cache)
        if into is None:  # what is remembered was read before, as it must be; what isn't is read, and u once more
            into = yield from _root_of(to, cache)
            if into.name != to or into.version == 0:
                yield Redirect(name, to, into.name if into.version else "")
                continue
            moving = yield ReadComponent(name)
            if not moving.pending or moving.moved_to != to:
                cache.components.forget(into.name)  # it may have been read before it absorbed the other
                continue
        if name in into.absorbed or (yield from _absorb(moving, into, cache)):
            yield Settle(name)
            return
        assert remembered is not None or not _overlap(moving, into), "a facet in two components: the store lost writes"


def _absorb(moving: Component, into: Component, cache: Cache) -> Protocol[bool]:
    """Write a frozen component's content into another -> False if that one has changed."""
    cache.components.forget(into.name)
    version: int | None = None
    if not _overlap(moving, into):  # else one of the two is an old answer, and it was absorbed meanwhile
        joined = into.with_absorbed(moving, into.version + 1)
        version = yield Commit(into.name, into.version, {**joined.fields(moving), f"a:{moving.name}": b""})
        if version is not None:
            assert version == joined.version, "a commit adds one"
            cache.keep(joined)
    return version is not None


def _overlap(one: Component, other: Component) -> bool:
    return not one.facets.keys().isdisjoint(other.facets)


def _at_rest(name: str, cache: Cache) -> Component | None:
    """A component that is remembered and has not moved; that there was none is not remembered: it may be deleted."""
    component = cache.components.get(name)
    return component if component is not None and component.version and component.moved_to is None else None


def _root_of(name: str, cache: Cache) -> Protocol[Component]:
    while True:
        component: Component = yield ReadComponent(name)
        if component.moved_to is None:
            cache.keep(component)
            return component
        if component.pending:
            yield from finish(name, cache)
        else:
            name = component.moved_to
