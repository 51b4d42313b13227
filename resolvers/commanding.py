"""Commanding: carry a command out, once, whatever happens on the way.

The protocol (design, section 5): decide -> record the decision unless there is one -> its answer acknowledged by Kafka
-> apply it -> the projection told. What is applied is what was recorded, so that a crash anywhere is a repetition, and
the same command again is answered the same and changes nothing.
Rules: commands are carried out one after the other, in the order of their topic. A dry run is answered and leaves
nothing behind. An id's recorded answer is the last on its topic, also where another command came under that id.
Must not know: Redis, Kafka, what is in a decision but for what it rules.
"""

from msgspec.structs import replace

from resolvers.asking import Asked
from resolvers.cache import Cache
from resolvers.component import Component, Draft
from resolvers.deciding import Seal, Surroundings, constraint_of, decide, invalid, keys_of, other_body
from resolvers.difference import header
from resolvers.erasing import erase, notice_of, who
from resolvers.finding import find_all
from resolvers.gathering import gather
from resolvers.namespaces import IdentityRules
from resolvers.steps import Commit, Decide, Notify, Outgoing, Protocol, Publish, ReadDecision
from topics.catalogue import RESULTS
from topics.codec import encode
from topics.commands import Erase, Result, Undo, decode_result

CACHED = 1_000
"""Components that are remembered while one command is carried out; each reads everything afresh."""


def obey(asked: Asked, rules: IdentityRules, blocked: frozenset[str], seal: Seal) -> Protocol[Result]:
    """Carry out one command -> its answer."""
    there: bytes | None = yield ReadDecision(asked.id)
    if there is None:
        decided = yield from _decided(asked, rules, blocked, seal)
        if asked.command is None or asked.command.dry_run:
            yield Publish([_answer(decided, asked)])
            return decided
        there = yield Decide(asked.id, encode(decided))
        assert there is not None
    recorded = decode_result(there)
    if recorded.body != asked.body:
        refused = invalid(asked) if asked.command is None else other_body(asked)
        yield Publish([_answer(refused, asked), _answer(recorded, asked)])
        return refused
    yield Publish([_answer(recorded, asked)])
    place = (recorded.append_ms, recorded.topic, recorded.partition, recorded.offset)
    if recorded.status == "done" and place == asked.mark.position:  # else it was done when its own record was read
        yield from erase(recorded, asked, seal) if recorded.type == "erase" else apply(recorded, asked.traceparent)
    return recorded


def apply(decision: Result, traceparent: str | None) -> Protocol[None]:
    """Do what was decided; nothing changes where it was done before, but the projection is told again.

    Not of an erase: that is `resolvers.erasing`, and of a store that is filled anew nothing is to be erased.
    """
    cache = Cache(CACHED)
    if decision.type == "undo":
        component = yield from _take_back(decision, cache)
    else:
        component = yield from _rule(decision, cache)
    if component is not None:
        yield Notify(notice_of(component, decision, traceparent))


def _decided(asked: Asked, rules: IdentityRules, blocked: frozenset[str], seal: Seal) -> Protocol[Result]:
    """What is to become of a command that nothing was decided about."""
    if asked.command is None:
        return invalid(asked)
    if isinstance(asked.command, Erase):
        return decide(asked, (yield from who(asked)), rules, blocked, seal)
    keys, undone = [seen.key for seen in asked.named], None
    if isinstance(asked.command, Undo):
        there: bytes | None = yield ReadDecision(asked.command.of)
        undone = None if there is None else decode_result(there)
        keys = [] if undone is None else list(keys_of(undone.identifiers))
    found = (yield from find_all(keys, Cache(CACHED))) if keys else {}
    newest: dict[str, Component] = {}  # identifiers may have been found in one component at two moments
    for component in found.values():
        if component is not None and component.version >= newest.get(component.name, component).version:
            newest[component.name] = component
    components = {key: newest[component.name] for key, component in found.items() if component is not None}
    return decide(asked, Surroundings(components, undone), rules, blocked, seal)


def _rule(decision: Result, cache: Cache) -> Protocol[Component | None]:
    """Bring all that a merge or a split names into one component, and write there what it rules."""
    constraint = constraint_of(decision)
    if not constraint.named:  # all were erased
        return None
    created: dict[str, str] = decision.effect.get("created", {})
    while True:
        root = (yield from gather(constraint.named, cache)).component
        if decision.id in root.constraints:
            return root
        draft = Draft(root)
        for key, display in zip(keys_of(list(created)), created.values(), strict=True):
            draft.facet(key, display, constraint.mark.time_us)
        draft.rule(decision.id, constraint)
        version: int | None = yield Commit(root.name, root.version, draft.changes())
        if version is not None:
            return draft.taken(version)
        cache.components.forget(root.name)


def _take_back(decision: Result, cache: Cache) -> Protocol[Component | None]:
    """Mark what an earlier command ruled as undone -> where that was; None: nothing of it is left."""
    name = decision.effect["of"]
    if not decision.identifiers:
        return None
    key = keys_of(decision.identifiers)[0]
    while True:
        root = (yield from find_all([key], cache))[key]
        constraint = None if root is None else root.constraints.get(name)
        if root is None or constraint is None:
            return None
        if constraint.undone:
            return root
        draft = Draft(root)
        draft.rule(name, replace(constraint, undone=True))
        version: int | None = yield Commit(root.name, root.version, draft.changes())
        if version is not None:
            return draft.taken(version)
        cache.components.forget(root.name)


def _answer(result: Result, asked: Asked) -> Outgoing:
    return Outgoing(RESULTS.name, result.id.encode(), encode(result), header(asked.traceparent))
