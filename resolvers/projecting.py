"""Project: turn a changed component into people and publish what is different.

The protocol (design, section 5): read -> fold -> difference -> write the intent down -> publish -> write down that it
is done. One consumer owns a component; compare-and-set on the publication keeps out one that owned it before. A
component that has moved publishes nothing any more (the intent is refused); what it had published is taken over by
the one it moved into, once nothing of it is on its way.
Must not know: Redis, Kafka, which consumer owns what.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from resolvers.cache import Cache
from resolvers.component import Component
from resolvers.difference import Difference, difference
from resolvers.namespaces import IdentityRules
from resolvers.people import people
from resolvers.profile_ids import Mint
from resolvers.publication import Publication, State, encode, inherited
from resolvers.steps import (
    Commit,
    Complete,
    DropPublication,
    Intend,
    NameProfile,
    Notice,
    Notify,
    Protocol,
    Publish,
    ReadComponent,
    ReadPublication,
    Settle,
    Together,
    together,
)
from resolvers.uniting import finish


class Rulebook(NamedTuple):
    """All that decides how a component is published: the identity rules, blocked keys, and the mint of profile ids."""

    rules: IdentityRules
    blocked: frozenset[str]
    mint: Mint


def conflated(notices: Iterable[Notice]) -> list[Notice]:
    """One notice for each component: the last, which must be answered from a component at least as new as any says."""
    last: dict[str, Notice] = {}
    for notice in notices:
        there = last.get(notice.component)
        if there is not None:
            afresh = 0 in {there.version, notice.version}
            notice = notice._replace(version=0 if afresh else max(there.version, notice.version))  # noqa: PLW2901
        last[notice.component] = notice
    return list(last.values())


def project(notices: list[Notice], cache: Cache, rulebook: Rulebook, now_us: int) -> Protocol[list[Difference]]:
    """Publish the components that changed, one notice for each -> what was published.

    Everything is evaluated at `now_us`, by the store's clock.
    """
    published = yield from together([_project(notice, cache, rulebook, now_us) for notice in notices])
    return [one for one in published if one is not None]


def _project(notice: Notice, cache: Cache, rulebook: Rulebook, now_us: int) -> Protocol[Difference | None]:
    while True:
        component = yield from _component(notice, cache)
        if component.moved_to is not None:
            yield from _hand_over(component, component.moved_to, notice, cache)
            return None
        absorbed = yield from _publications(sorted(component.absorbed))
        on_their_way = [name for name, one in absorbed if one.intent is not None]
        if on_their_way:
            # Their owner may be sending this very moment. It will hand over and notify us.
            yield Together([Notify(notice._replace(component=name, version=0)) for name in on_their_way])
            return None
        publication = cache.publications.get(component.name)
        if publication is None:
            publication = yield ReadPublication(component.name)
        assert publication is not None
        before = inherited(publication.recovered(), {name: one.state for name, one in absorbed})
        if component.version < before.component_version:
            cache.components.forget(component.name)
            notice = notice._replace(version=before.component_version)
            continue
        found = people(component, rulebook.rules, now_us, rulebook.blocked)
        change = difference(component, found, before, notice, now_us=now_us, mint=rulebook.mint)
        if change is None and not absorbed and component.version == before.component_version:
            cache.publications.put(component.name, publication)
            return None
        intent = replace(before, component_version=component.version) if change is None else change.intent()
        revision: int | None = yield Intend(component.name, publication.revision, encode(intent))
        if revision is not None:
            yield from _publish(notice, revision, change, intent, cache)
            if absorbed:
                yield from _forget_absorbed(component, cache)
            return change
        cache.components.forget(component.name)
        cache.publications.forget(component.name)


def _component(notice: Notice, cache: Cache) -> Protocol[Component]:
    """The component as the notice found it or newer."""
    component = cache.components.get(notice.component)
    if component is None or not 0 < notice.version <= component.version or component.moved_to is not None:
        component = yield ReadComponent(notice.component)
        assert component is not None
        cache.keep(component)
    return component


def _publish(notice: Notice, revision: int, change: Difference | None, intent: State, cache: Cache) -> Protocol[None]:
    """Send what was intended, and write down that it is done."""
    state = intent if change is None else (yield from _send(change))
    done: bool = yield Complete(notice.component, revision, encode(state))
    if done:
        cache.publications.put(notice.component, Publication(revision, state))
    else:
        # Another owner went on from our intent; what it does not know of, it will learn from this.
        cache.publications.forget(notice.component)
        yield Notify(notice)


def _send(change: Difference) -> Protocol[State]:
    if change.named:
        yield Together([NameProfile(profile_id, key) for profile_id, key in change.named])
    offsets: list[int] = yield Publish(change.records)
    return change.completed(offsets[: len(change.profiles)])


def _publications(names: list[str]) -> Protocol[list[tuple[str, Publication]]]:
    if not names:
        return []
    found: list[Publication] = yield Together([ReadPublication(name) for name in names])
    return list(zip(names, found, strict=True))


def _hand_over(component: Component, to: str, notice: Notice, cache: Cache) -> Protocol[None]:
    """A component has moved: nothing of its is on the way any more (we are its owner), so let the other one go on."""
    if component.pending:
        yield from finish(component.name, cache)
    publication: Publication = yield ReadPublication(component.name)
    if publication.intent is not None:
        yield Complete(component.name, publication.revision, encode(publication.intent))
    cache.publications.forget(component.name)
    yield Notify(notice._replace(component=to, version=0))


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
