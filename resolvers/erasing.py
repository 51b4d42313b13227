"""Erasing: a person leaves the store, and every topic that is keyed by them.

The protocol: fence, so that nothing is in flight that read the person before, and every session to come knows which
lives are over (`resolvers.lives`) -> no home leads to the person but that of one identifier -> facets, evidence and
rulings removed by one compare-and-set, which notes the stubs of these names -> the projection told, and waited for
until the tombstones are out -> fence, so that nobody names what was published before, or goes by a home that led to a
stub -> the names of the profiles, the stubs, the component if nobody is left in it, and the last home go.
Rules: it begins again after a crash anywhere, and after each fence, which ends this session too; the one home that is
left is how it is found again. Events after the erase wait until it is over (`stream.barrier`).
Must not know: Redis, Kafka, how events are filtered.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from resolvers.asking import Asked
from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.constraints import encode as encode_constraint
from resolvers.deciding import Surroundings
from resolvers.decisions import Seal, left_behind, without
from resolvers.facets import Facet
from resolvers.finding import find_all, root_of
from resolvers.life_keys import shown
from resolvers.lives import Ended
from resolvers.people import VALUES_OF
from resolvers.profile_ids import survivor
from resolvers.publication import ERASED, Publication, State
from resolvers.standing import encode
from resolvers.steps import (
    Commit,
    Fence,
    ForgetComponent,
    ForgetDue,
    ForgetHome,
    ForgetProfile,
    NameProfile,
    Notice,
    Notify,
    Outgoing,
    Pause,
    Protocol,
    Publish,
    ReadComponent,
    ReadDecisions,
    ReadProfileName,
    ReadPublication,
    Rewrite,
    Together,
    together,
)
from topics.catalogue import RESULTS
from topics.codec import encode as encode_json
from topics.commands import COMMAND_SOURCE, Erase, Result, decode_result

CACHED = 1_000


class _Found(NamedTuple):
    """Where a person is: the key that leads there, the component at rest, and what was published of it."""

    key: str
    component: Component
    publication: Publication


class _Gone(NamedTuple):
    """A component that somebody was erased from, and what is published of it now."""

    component: Component
    state: State


def who(asked: Asked) -> Protocol[Surroundings]:
    """All that an erase is decided by."""
    found = yield from _found(asked)
    if found is None:
        return Surroundings({})
    key, state = found.key, found.publication.state
    command = asked.command
    if isinstance(command, Erase) and command.profile_id is not None:
        published = state.profiles.get(survivor(state.ended, command.profile_id))
        key = "" if published is None else published.holder.removeprefix(VALUES_OF)
    return Surroundings({key: found.component}, person=key, published=state)


def fences_of(decision: Result) -> dict[str, bytes]:
    """An erase's fences in the order in which they are put up, and what is remembered with each."""
    return {f"{decision.id}/begun": encode(ended_by(decision)), f"{decision.id}/told": b""}


def ended_by(decision: Result) -> Ended:
    """The lives that a decided erase ends."""
    said = left_behind(decision)
    assert isinstance(said, Ended)
    return said


def erase(decision: Result, asked: Asked, seal: Seal) -> Protocol[None]:
    """Carry a decided erase out."""
    fences = fences_of(decision)
    begun, told = fences
    assert isinstance(asked.command, Erase)
    named = asked.command.profile_id
    yield Fence(begun, fences[begun])
    yield from _rewritten(decision, seal)
    found = yield from _found(asked)
    if found is not None:
        yield from _removed(found, decision, asked, seal)
        gone = yield from _told(found, decision, asked)
        yield Fence(told)
        if gone is not None:
            yield from _renamed(gone)
            ids = [one for one in gone.state.ended if survivor(gone.state.ended, one) == ERASED]
            yield Together([ForgetProfile(one) for one in ids if one != named])
            yield from _emptied(found.key)
            yield ForgetHome(found.key)
    if named is not None:  # it led to the home; so it goes after that
        yield ForgetProfile(named)


def _rewritten(decision: Result, seal: Seal) -> Protocol[None]:
    """Take the person's identifiers out of all earlier answers, in the store and on their topic."""
    seals = frozenset(ended_by(decision).seals)
    recorded: list[bytes] = yield ReadDecisions()
    answers = [decode_result(there) for there in recorded]
    decided = {one.id for one in answers if not one.dry_run}
    for answer in answers:
        if answer.type == "erase" or answer.position > decision.position:
            continue
        if (left := without(answer, seals, seal)) is not answer:
            content = encode_json(left)
            # On its topic first: who dies in between finds it unchanged in the store, and does it again.
            if not answer.dry_run or answer.id not in decided:  # else the last answer of that id is another one
                yield Publish([Outgoing(RESULTS.name, answer.id.encode(), content)])
            yield Rewrite(f"\0{answer.id}" if answer.dry_run else answer.id, content)


def notice_of(component: Component, decision: Result, traceparent: str | None) -> Notice:
    """A command changed a component."""
    told = (decision.id, COMMAND_SOURCE, decision.append_ms, traceparent)
    return Notice(component.name, component.version, *told)


def _found(asked: Asked) -> Protocol[_Found | None]:
    """Where the person is that an erase speaks of; None: nobody is known, or nobody is left."""
    command = asked.command
    assert isinstance(command, Erase)
    key: str | None = asked.named[0].key if asked.named else None
    if key is None:
        assert command.profile_id is not None, "one of the two is there"
        name: str | None = yield ReadProfileName(command.profile_id)
        key = None if name is None else name.removeprefix(VALUES_OF)
    component = None if key is None else (yield from find_all([key], Cache(CACHED)))[key]
    if key is None or component is None:
        return None
    return _Found(key, component, (yield ReadPublication(component.name)))


def _removed(found: _Found, decision: Result, asked: Asked, seal: Seal) -> Protocol[None]:
    """Remove what is known of the person from its component, once it has taken over all that others had published."""
    seals = set(ended_by(decision).seals)
    told = 0
    while True:
        cache = Cache(CACHED)  # nobody is gone only because an old component does not have them yet
        component = (yield from find_all([found.key], cache))[found.key]
        if component is None:  # the home goes last: somebody else is further
            return
        if component.absorbed:
            if component.version != told:
                told = component.version
                yield Notify(notice_of(component, decision, asked.traceparent))
            yield Pause()
            continue
        gone = {key for key in component.facets if seal(key) in seals}
        if not gone:
            return
        yield Together([ForgetHome(key) for key in sorted(gone - {found.key})])
        # Not every component of such a name moved here: a race for homes may give others one that was named by us.
        names = sorted(gone - {component.name})
        roots = yield from together([root_of(name, cache) for name in names])
        stubs = {f"s:{name}": b"" for name, root in zip(names, roots, strict=True) if root.name == component.name}
        # From here on, no home of anybody in the component leads through a stub, or is ever set to one again.
        yield from find_all(list(component.facets), cache)
        kept, removed = _without(component, gone)
        version: int | None = yield Commit(component.name, component.version, kept | stubs, removed)
        if version is not None:
            return


def _emptied(key: str) -> Protocol[None]:
    """Delete the stubs that are noted in the component where an identifier is, and itself if nothing is in it."""
    while True:
        component = (yield from find_all([key], Cache(CACHED)))[key]
        if component is None or not component.stubs:
            break
        names = sorted(component.stubs)
        found: list[Component] = yield Together([ReadComponent(name) for name in names])
        # When we were here before and died, one may have gone, and somebody new have come to have its name.
        yield Together([ForgetComponent(one.name, one.version) for one in found if one.moved_to is not None])
        yield Together([ForgetDue(name) for name in names])
        yield Commit(component.name, component.version, {}, tuple(f"s:{name}" for name in names))
    if component is not None and not (component.facets or component.constraints or component.absorbed):
        went: bool = yield ForgetComponent(component.name, component.version)
        if went:  # else somebody has moved in
            yield ForgetDue(component.name)


def _without(component: Component, gone: set[str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Fields to write and to remove, so that nothing in a component names these identifiers."""
    kept: dict[str, bytes] = {}
    shorthand = component.shorthand
    removed = [shorthand.facet_field(key) for key in gone]
    removed += [shorthand.edge_field(pair) for pair in component.edges if not gone.isdisjoint(pair)]
    for key, facet in component.facets.items():
        if key not in gone and (cleaned := _cleaned(facet, gone)) is not facet:
            kept.update(shorthand.written({key: cleaned}, {}))
    for name, one in component.constraints.items():
        if one.kind in {"unbind", "block"} and one.keys[0] in gone:
            removed.append(f"o:{name}")
        elif not gone.isdisjoint((*one.keys, *one.values, *one.apart)):
            parts = (_left(one.keys, gone), _left(one.values, gone), _left(one.apart, gone))
            if not any(parts):
                removed.append(f"o:{name}")
            else:
                changed = msgspec.structs.replace(one, keys=parts[0], values=parts[1], apart=parts[2])
                kept[f"o:{name}"] = encode_constraint(changed)
    return kept, tuple(removed)


def _cleaned(facet: Facet, gone: set[str]) -> Facet:
    """A facet that has met none of these identifiers; the same where it has not."""
    strangers = _left(facet.strangers, gone)
    unbound = tuple(one for one in facet.unbound if one[0] not in gone)
    if (strangers, unbound) == (facet.strangers, facet.unbound):
        return facet
    cleaned = facet.shared()
    cleaned.strangers, cleaned.unbound = strangers, unbound
    return cleaned


def _left(keys: Iterable[str], gone: set[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in gone)


def _told(found: _Found, decision: Result, asked: Asked) -> Protocol[_Gone | None]:
    """Have the projection publish that somebody is gone -> how it is then; None: somebody else is further."""
    name, version = "", 0
    while True:
        component = (yield from find_all([found.key], Cache(CACHED)))[found.key]
        if component is None:
            return None
        if component.name != name:  # at first, and when it has moved meanwhile
            name, version = component.name, component.version
            yield Notify(notice_of(component, decision, asked.traceparent))
        publication: Publication = yield ReadPublication(name)
        if not component.absorbed and _is_told(component, publication, version):
            return _Gone(component, publication.state)
        yield Pause()


def _renamed(gone: _Gone) -> Protocol[None]:
    """Let those profile ids lead to somebody that led to who is gone: an id may be older than who holds it now."""
    profiles, ended = gone.state.profiles, gone.state.ended
    leads = {one: end for one in (*profiles, *ended) if (end := survivor(ended, one)) != ERASED}
    names: list[str | None] = yield Together([ReadProfileName(one) for one in leads])
    # One that has no name is one that was forgotten when we were here before, and died.
    lost = [one for one, key in zip(leads, names, strict=True) if _holder(key or "") not in gone.component.facets]
    yield Together([ForgetProfile(one) for one in lost])
    yield Together([NameProfile(one, profiles[leads[one]].holder) for one in lost])


def _is_told(component: Component, publication: Publication, version: int) -> bool:
    """Whether this version was published, and nothing that was published speaks of who is not there any more."""
    state = publication.state
    if publication.begun is not None or state.later or state.component_version < version:
        return False
    there = {*map(shown, component.facets)}
    return all(
        _holder(one.holder) in component.facets and there.issuperset(one.members) for one in state.profiles.values()
    )


def _holder(holder: str) -> str:
    return holder.removeprefix(VALUES_OF)
