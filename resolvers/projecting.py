"""Project: turn a changed component into people and publish what is different.

The protocol (design, section 5): read -> end what another one began -> fold -> difference -> write down what is begun
-> publish -> write down that it is done. One consumer owns a component; compare-and-set on the publication keeps out
one that owned it before. A component that has moved begins nothing any more; what it had published is taken over by the
one it moved into, once nothing of it is on its way.
Must not know: Redis, Kafka, which consumer owns what.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from resolvers.activity import NEVER_DUE_US
from resolvers.cache import Cache, Unconfirmed
from resolvers.component import Component
from resolvers.difference import Difference, difference, remaining
from resolvers.judging import Rulebook as MemberRules
from resolvers.namespaces import IdentityRules
from resolvers.people import people
from resolvers.profile_ids import Mint, nobody_was
from resolvers.publication import (
    Begun,
    Publication,
    State,
    blanked,
    encode,
    encode_offsets,
    inherited,
)
from resolvers.restoring import with_strays
from resolvers.steps import (
    Commit,
    Complete,
    DropPublication,
    Intend,
    NameProfile,
    Notice,
    Notify,
    Outgoing,
    Protocol,
    Publish,
    ReadComponent,
    ReadPublication,
    Schedule,
    Settle,
    Step,
    Together,
    together,
)
from resolvers.uniting import finish
from topics.instants import to_text


class Rulebook(NamedTuple):
    """All that decides how a component is published.

    The identity rules, blocked keys, the mint of profile ids, and the member centre's rules (None: there are none).
    `was_erased`: whether whoever had an identifier was erased once; a profile ends without another one for these only.
    """

    rules: IdentityRules
    blocked: frozenset[str]
    mint: Mint
    member: MemberRules | None = None
    was_erased: Callable[[str], bool] = nobody_was


def conflated(notices: Iterable[Notice]) -> list[Notice]:
    """One notice for each component: the last, which must be answered from a component at least as new as any says."""
    last: dict[str, Notice] = {}
    for notice in notices:
        there = last.get(notice.component)
        if there is not None:
            afresh = 0 in {there.version, notice.version}
            notice = replace(  # noqa: PLW2901
                notice,
                version=0 if afresh else max(there.version, notice.version),
                again=there.again or notice.again,
                due_us=max(there.due_us, notice.due_us),
                strays=there.strays + notice.strays,
            )
        last[notice.component] = notice
    return list(last.values())


def time_notice(component: str, due_us: int) -> Notice:
    """What the projection is told when a component is due; the cause of what follows is the deadline."""
    return Notice(component, 0, to_text(due_us), "idweave", due_us // 1_000, due_us=due_us)


def project(notices: list[Notice], cache: Cache, rulebook: Rulebook, now_us: int) -> Protocol[list[Difference]]:
    """Publish the components that changed, one notice for each -> what was published.

    Everything is evaluated at `now_us`, by the store's clock.
    """
    published = yield from together([_projected(notice, cache, rulebook, now_us) for notice in notices])
    return [one for one in published if one is not None]


def say_again(unconfirmed: Mapping[str, Unconfirmed]) -> Protocol[list[str]]:
    """Have the owners say again what holds of components that others have gone on with -> their names.

    For a process that has lost its session while it was sending, and sends nothing any more: it may have been frozen
    meanwhile, and its records may lie behind newer ones. Where nobody has gone on, whoever does will publish later.
    """
    names = [*unconfirmed]
    found = (yield from _publications(names)) if names else {}
    overtaken = [one for one in names if found[one].revision != unconfirmed[one].revision]
    if overtaken:
        yield Together([_again(one, unconfirmed[one].notice) for one in overtaken])
    return overtaken


def _again(name: str, notice: Notice) -> Notify:
    return Notify(replace(notice, component=name, version=0, again=True))


def _projected(notice: Notice, cache: Cache, rulebook: Rulebook, now_us: int) -> Protocol[Difference | None]:
    """The same of one, with nothing kept of who was read only to be looked at, because of the time or other rules.

    A million of them at once would drive out of the cache whoever is there at the moment.
    """
    if _is_answered(notice, cache, now_us):
        return None
    passing = notice.version == 0 and cache.components.get(notice.component) is None
    told = yield from _project(notice, cache, rulebook, now_us)
    if told is None and notice.due_us:
        # It may be due because of what an owner before us has begun just now, by a clock of some time ago. Only the
        # store knows of that; by what we remember there is nothing to do, and nobody would look again.
        cache.publications.forget(notice.component)
        told = yield from _project(notice, cache, rulebook, now_us)
    there = cache.components.get(notice.component)
    if passing or (there is not None and not there.facets):  # it may be deleted next, and its name come back
        cache.components.forget(notice.component)
        cache.publications.forget(notice.component)
    return told


def _project(notice: Notice, cache: Cache, rulebook: Rulebook, now_us: int) -> Protocol[Difference | None]:
    now_us = max(now_us, notice.due_us)  # who was to be looked at then is looked at then, whatever the clock says
    told: Difference | None = None
    while told is None or _may_go_on(cache.components.get(notice.component), told):
        component = _remembered(notice, cache) or (yield from _component(notice, cache))
        if component.moved_to is not None or component.version == 0:
            yield from _hand_over(component, notice, cache)
            return None
        absorbed = (yield from _publications(sorted(component.absorbed))) if component.absorbed else {}
        if absorbed and (yield from _are_on_their_way(absorbed, notice)):
            return None
        publication = cache.publications.get(component.name) or (yield from _publication(notice, cache))
        before, offsets = _taken_over(publication, absorbed, component.version, again=notice.again)
        before = (yield from _found_again(before, notice.strays, component)) if notice.strays else before
        if component.version < before.component_version:
            cache.components.forget(component.name)
            cache.publications.forget(component.name)  # it may be of one that was deleted, and whose name came back
            notice = replace(notice, version=before.component_version)
            continue
        if told is not None and not before.later:
            return told
        change = remaining(before) if before.later else _changed(component, before, notice, rulebook, now_us)
        if change is None and before.component_version == publication.state.component_version and not absorbed:
            cache.publications.put(component.name, publication)
            component.answered = publication
            return None
        change = change or Difference([], (), before)
        begin = Intend(component.name, publication.revision, encode(change.state), encode(change.sending))
        revision: int | None = yield begin
        if revision is None:
            cache.components.forget(component.name)
            cache.publications.forget(component.name)
            continue
        yield from _publish(notice, replace(publication, revision=revision), change, offsets, cache)
        component.answered = None if before.later else cache.publications.get(component.name)
        if absorbed:
            yield from _forget_absorbed(component, cache)
        if not before.later:
            told, notice = change, replace(notice, version=component.version, again=False)
    return told


def _is_answered(notice: Notice, cache: Cache, now_us: int) -> bool:
    """Whether all of this very component is published, and neither time nor the notice asks for more.

    That its version is the one published is not enough: what was taken over, or put off, is published at that as well.
    """
    component, publication = _remembered(notice, cache), cache.publications.get(notice.component)
    if component is None or publication is None or component.answered is not publication:
        return False
    published = publication.state
    return not (notice.again or notice.strays or notice.due_us or published.later or 0 < published.due_us <= now_us)


def _may_go_on(component: Component | None, told: Difference) -> bool:
    """Whether there may be more to publish of the component, which is remembered as it is now, once all this is."""
    if told.state.later or component is None or component.absorbed:
        return True
    return component.version != told.state.component_version


def _changed(component: Component, before: State, notice: Notice, rulebook: Rulebook, now_us: int) -> Difference | None:
    """What is to be written down, and published where there is something; None: nothing.

    An entry of `due` stands until it is taken: one that comes too early makes us look once more, and is no harm.
    """
    now_us = max(now_us, before.version)  # who was frozen for days must not take back what time has brought since
    found = people(component, rulebook.rules, now_us, rulebook.blocked, rulebook.member)
    change = difference(
        component,
        found,
        before,
        notice,
        now_us=now_us,
        mint=rulebook.mint,
        member=rulebook.member,
        was_erased=rulebook.was_erased,
    )
    due_us = min([person.due_us for person in found.persons], default=NEVER_DUE_US)
    if now_us < before.due_us <= due_us:
        due_us = before.due_us
    elif due_us == NEVER_DUE_US:
        due_us = 0
    if change is not None:
        return replace(change, state=replace(change.state, due_us=due_us)) if due_us != before.due_us else change
    if component.version == before.component_version and due_us == before.due_us:
        return None
    return Difference([], (), replace(before, component_version=component.version, due_us=due_us))


def _remembered(notice: Notice, cache: Cache) -> Component | None:
    """The component as the notice found it or newer, unless it has to be read."""
    component = cache.components.get(notice.component)
    if component is None or not 0 < notice.version <= component.version or component.moved_to is not None:
        return None
    return component


def _component(notice: Notice, cache: Cache) -> Protocol[Component]:
    """The component as it is in the store, not on its way anywhere."""
    while True:
        component: Component = yield ReadComponent(notice.component)
        if not component.pending:
            cache.keep(component)
            return component
        yield from finish(component.name, cache)


def _are_on_their_way(absorbed: Mapping[str, Publication], notice: Notice) -> Protocol[bool]:
    """Whether their owner may be sending something this very moment. Then it will hand over and notify us."""
    names = [name for name, one in absorbed.items() if one.begun is not None]
    yield Together([Notify(replace(notice, component=name, version=0)) for name in names])
    return bool(names)


def _publication(notice: Notice, cache: Cache) -> Protocol[Publication]:
    """What was published, from the store, with nothing left that another one began."""
    publication: Publication | None = None
    while publication is None:
        found: Publication = yield ReadPublication(notice.component)
        publication = found if found.begun is None else (yield from _ended(notice, found, found.begun, cache))
    return publication


def _found_again(before: State, strays: Sequence[bytes], component: Component) -> Protocol[State]:
    """The state with profiles that only subscribers know, each of which has a name again."""
    state = with_strays(before, strays, component.facets)
    if found := [one for one in state.profiles if one not in before.profiles]:
        yield Together([NameProfile(one, state.profiles[one].holder) for one in found])
    return state


def _taken_over(
    publication: Publication, absorbed: Mapping[str, Publication], component_version: int, *, again: bool
) -> tuple[State, Mapping[str, int]]:
    """The state and offsets to start from; `again`: with everything to be published."""
    state, offsets = publication.state, publication.offsets
    if absorbed or state.taken_over:
        state = inherited(state, {name: one.state for name, one in absorbed.items()})
        # Whoever the others published is in this component, and need not be in an older one. Where the marks are gone,
        # an older one has them still: its owner would take over again what was read before it was dropped.
        state = replace(state, component_version=max(state.component_version, component_version))
        offsets = dict(item for one in (*absorbed.values(), publication) for item in one.offsets.items())
    return blanked(state, state.profiles, state) if again else state, offsets


def _sent(
    records: Sequence[Outgoing],
    profiles: Sequence[str],
    named: Sequence[tuple[str, str]],
    offsets: Mapping[str, int],
    beside: Sequence[Step],
) -> Protocol[Mapping[str, int]]:
    """Send the records of a change, of which the first are those of `profiles` -> where each profile's last one is.

    `beside`: what is done meanwhile.
    """
    if named:
        names = [NameProfile(profile_id, key) for profile_id, key in named]
        yield names[0] if len(names) == 1 else Together(names)
    if beside:
        placed, *_ = yield Together([Publish(records), *beside])
    else:
        placed = yield Publish(records)
    return {**offsets, **dict(zip(profiles, placed, strict=False))}


def _scheduled(name: str, before: State, after: State) -> list[Step]:
    """What has the component looked at when a state says; for when that is begun, and before it holds.

    Not before it is begun: what was due in between would find nothing.
    """
    return [Schedule(name, after.due_us)] if after.due_us not in {0, before.due_us} else []


def _publish(
    notice: Notice, begun: Publication, change: Difference, offsets: Mapping[str, int], cache: Cache
) -> Protocol[None]:
    """Send what was begun, and write down that it has arrived. `begun`: the publication before, at its new revision."""
    state, revision = change.state, begun.revision
    wake = _scheduled(notice.component, begun.state, state)
    if change.records:
        cache.unconfirmed[notice.component] = Unconfirmed(revision, notice)
        offsets = yield from _sent(change.records, change.sent, change.named, offsets, wake)
    elif wake:
        yield Together(wake)
    done: bool = yield Complete(notice.component, revision, encode_offsets(state, offsets))
    if done:
        cache.publications.put(notice.component, Publication(revision, state, offsets))
    else:
        # Another owner ended it and went on, and our records may lie behind newer ones: let it say again what holds.
        cache.publications.forget(notice.component)
        yield _again(notice.component, notice)
    cache.unconfirmed.pop(notice.component, None)


def _ended(notice: Notice, publication: Publication, begun: Begun, cache: Cache) -> Protocol[Publication | None]:
    """Bring to an end what was begun before us -> the publication as it is then; None: somebody else was faster."""
    name, revision, state, sending = notice.component, publication.revision, begun.state, begun.sending
    offsets, instead = publication.offsets, None
    if sending.records:
        named = [(profile_id, state.profiles[profile_id].holder) for profile_id in sending.profiles]
        cache.unconfirmed[name] = Unconfirmed(revision, notice)
        offsets = yield from _sent(sending.records, sending.profiles, named, offsets, ())
    else:
        state = blanked(state, sending.profiles, publication.state)
        instead = encode(state)
    if wake := _scheduled(name, publication.state, state):
        yield Together(wake)
    done: bool = yield Complete(name, revision, encode_offsets(state, offsets), instead)
    if not done and sending.records:  # they may lie behind newer ones
        yield _again(name, notice)
    cache.unconfirmed.pop(name, None)
    return Publication(revision, state, offsets) if done else None


def _publications(names: list[str]) -> Protocol[dict[str, Publication]]:
    found: list[Publication] = yield Together([ReadPublication(name) for name in names])
    return dict(zip(names, found, strict=True))


def _hand_over(component: Component, notice: Notice, cache: Cache) -> Protocol[None]:
    """A component has moved: nothing of its is on the way any more (we are its owner), so let the other one go on.

    One that is not there has nowhere to go: everybody in it was erased.
    """
    if component.moved_to is None:
        return
    publication: Publication = yield ReadPublication(component.name)
    if publication.begun is not None:
        yield from _ended(notice, publication, publication.begun, cache)
    cache.publications.forget(component.name)
    yield Notify(replace(notice, component=component.moved_to, version=0))


def _forget_absorbed(component: Component, cache: Cache) -> Protocol[None]:
    """What they had published is ours now. Where the mark stays on, the next change finds nothing to inherit."""
    names = sorted(component.absorbed)
    # A crash may have left them pending; without the mark, somebody who helps would take them for not absorbed.
    yield Together([*(Settle(name) for name in names), *(DropPublication(name) for name in names)])
    removed = tuple(f"a:{name}" for name in names)
    version: int | None = yield Commit(component.name, component.version, {}, removed)
    cache.components.forget(component.name)
    if version is not None:
        cache.keep(component.without_absorbed(version))
