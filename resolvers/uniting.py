"""Unite two components without a lock: freeze, absorb, settle, with anybody helping.

The protocol (design, section 3): u moves into v, v's name being the smaller, so that no interleaving can make a circle.
Freeze u (`to` = v, pending) -> read v, then u, then write u's fields into v with the mark `absorbed: u` -> settle u
(moved, emptied). A crash leaves u pending, and whoever meets it finishes the job.
Why v is read before u: if v does not show the mark and u, read later, is still pending, then nobody has absorbed u
when v was read; and the write is refused if v has changed since. So nothing is absorbed twice.
Must not know: what the fields mean.
"""

from resolvers.component import Component
from resolvers.steps import Commit, Freeze, Protocol, ReadComponent, Settle


def unite(name: str, into: str) -> Protocol[int]:
    """Move a component into one with a smaller name -> 1 if it was this call that froze it, else 0."""
    assert into < name, "components move to smaller names only"
    to: str = yield Freeze(name, into)
    yield from finish(name)
    return int(to == into)


def finish(name: str) -> Protocol[None]:
    """Finish a move that is pending; nothing to do if it isn't."""
    while True:
        moving: Component = yield ReadComponent(name)
        if not moving.pending or moving.moved_to is None:
            return
        into = yield from _root_of(moving.moved_to)
        moving = yield ReadComponent(name)
        if not moving.pending:
            return
        if name not in into.absorbed:
            twice = moving.facets.keys() & into.facets.keys()
            assert not twice, "a facet in two components: the store has lost writes"
            fields = {**moving.fields(), f"a:{name}": b""}
            if (yield Commit(into.name, into.version, fields)) is None:
                continue
        yield Settle(name)
        return


def _root_of(name: str) -> Protocol[Component]:
    while True:
        component: Component = yield ReadComponent(name)
        if component.moved_to is None:
            return component
        if component.pending:
            yield from finish(name)
        name = component.moved_to
