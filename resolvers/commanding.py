"""Commanding: carry a command out, once, whatever happens on the way.

The protocol (design, section 5): decide -> record the decision unless there is one -> its answer acknowledged by Kafka
-> apply it -> the projection told. What is applied is what was recorded, so that a crash anywhere is a repetition, and
the same command again is answered the same and changes nothing.
Rules: commands are carried out one after the other, in the order of their topic. A dry run is answered and leaves
nothing behind but its answer. An id's recorded answer is the last on its topic, also where another command came under
that id.
Must not know: Redis, Kafka, what is in a decision but for what it rules.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from resolvers.asking import Asked
from resolvers.cache import Cache
from resolvers.component import Component, Draft
from resolvers.constraints import Constraint
from resolvers.deciding import Surroundings, decide, invalid, other_body
from resolvers.decisions import acted_on, constraints_of, keys_of, left_behind, taken_back
from resolvers.difference import header
from resolvers.erasing import erase, fences_of, notice_of, who
from resolvers.finding import find_all
from resolvers.gathering import gather
from resolvers.namespaces import IdentityRules
from resolvers.standing import Standing
from resolvers.standing import encode as encode_said
from resolvers.steps import Commit, Decide, Fence, Notify, Outgoing, Protocol, Publish, ReadDecision, Rewrite
from topics.catalogue import RESULTS
from topics.codec import encode
from topics.commands import Erase, Result, Undo, decode_result

DRY = "\0"
"""Leads the id of a dry run among the decisions: no command's id has it, so that the id stays free."""
CACHED = 1_000
"""Components that are remembered while one command is carried out; each reads everything afresh."""


def obey(asked: Asked, rules: IdentityRules, blocked: frozenset[str], standing: Standing) -> Protocol[Result]:
    """Carry out one command -> its answer."""
    lives = standing.lives
    if lives:
        place = asked.mark.position
        asked = asked._replace(named=tuple(replace(seen, key=lives.before(seen.key, place)) for seen in asked.named))
    there: bytes | None = yield ReadDecision(asked.id)
    if there is None:
        decided = yield from _decided(asked, rules, blocked, standing)
        if asked.command is not None and asked.command.dry_run:  # so that who is erased is taken out of it too
            yield Rewrite(DRY + asked.id, encode(decided))
        if asked.command is None or asked.command.dry_run:
            yield from _say([_answer(decided, asked)], None, asked)
            return decided
        there = yield Decide(asked.id, encode(decided))
        assert there is not None
    recorded = decode_result(there)
    if recorded.body != asked.body:
        refused = invalid(asked) if asked.command is None else other_body(asked)
        yield from _say([_answer(refused, asked), _answer(recorded, asked)], there, asked)
        return refused
    yield from _say([_answer(recorded, asked)], there, asked)
    if recorded.status == "done" and recorded.position == asked.mark.position:  # else when its own record was read
        erases = recorded.type == "erase"
        yield from erase(recorded, asked, lives.seal) if erases else apply(recorded, asked.traceparent)
    return recorded


def remembered_of(decision: Result) -> dict[str, bytes]:
    """The fences of a done decision, by name, with what is remembered of each for sessions to come."""
    if decision.type == "erase":
        return fences_of(decision)
    said = left_behind(decision)
    return {} if said is None else {f"{decision.id}/said": encode_said(said)}


def apply(decision: Result, traceparent: str | None) -> Protocol[None]:
    """Do what was decided; nothing changes where it was done before, but the projection is told again.

    Not of an erase: that is `resolvers.erasing`, and of a store that is filled anew nothing is to be erased. Where the
    command makes something else of records, the session ends first, and who goes on does it all again.
    """
    for name, said in remembered_of(decision).items():
        yield Fence(name, said)
    takes_back = decision.type in {"undo", "unblock"}
    changed = yield from _taken_back(decision) if takes_back else _ruled(decision, Cache(CACHED))
    for component in changed:
        yield Notify(notice_of(component, decision, traceparent))


def _decided(asked: Asked, rules: IdentityRules, blocked: frozenset[str], standing: Standing) -> Protocol[Result]:
    """What is to become of a command that nothing was decided about."""
    if asked.command is None:
        return invalid(asked)
    if isinstance(asked.command, Erase):
        return decide(asked, (yield from who(asked)), rules, blocked, standing)
    keys, undone = [seen.key for seen in asked.named], None
    if isinstance(asked.command, Undo):
        there: bytes | None = yield ReadDecision(asked.command.of)
        undone = None if there is None else decode_result(there)
        keys = [] if undone is None else list(acted_on(undone))
    found = (yield from find_all(keys, Cache(CACHED))) if keys else {}
    for key, component in found.items():
        if component is not None and key not in component.facets:  # it may have moved in since that one was read
            found[key] = (yield from find_all([key], Cache(CACHED)))[key]
    newest: dict[str, Component] = {}  # identifiers may have been found in one component at two moments
    for component in found.values():
        if component is not None and component.version >= newest.get(component.name, component).version:
            newest[component.name] = component
    components = {key: newest[component.name] for key, component in found.items() if component is not None}
    return decide(asked, Surroundings(components, undone), rules, blocked, standing)


def _ruled(decision: Result, cache: Cache) -> Protocol[list[Component]]:
    """Bring all that a ruling names into one component, and write it there; an identifier that it begins is seen."""
    created: Mapping[str, str] = decision.effect.get("created", {})
    heard_of: Mapping[str, str] = decision.effect.get("heard_of", {})
    rulings: dict[str, Constraint | None] = {**constraints_of(decision)}
    if not rulings and created:  # all others that it names were erased
        rulings[decision.id] = None
    changed: list[Component] = []
    for name, constraint in rulings.items():
        named = keys_of(created) if constraint is None else constraint.named
        while True:
            root = (yield from gather(named, cache)).component
            if name in root.constraints:
                changed.append(root)
                break
            draft = Draft(root)
            for key, display in zip(keys_of(created), created.values(), strict=True):
                draft.facet(key, display, decision.append_ms * 1000)
            for key, display in zip(keys_of(heard_of), heard_of.values(), strict=True):
                if key in named:
                    draft.heard_of(key, display)
            if constraint is not None:
                draft.rule(name, constraint)
            version: int | None = yield Commit(root.name, root.version, draft.changes())
            if version is not None:
                changed.append(draft.taken(version))
                break
            cache.components.forget(root.name)
    return changed


def _taken_back(decision: Result) -> Protocol[list[Component]]:
    """Mark what earlier commands ruled as undone -> where that was, as far as anything of it is left."""
    changed: list[Component] = []
    for of in taken_back(decision):
        there: bytes | None = yield ReadDecision(of)
        assert there is not None, "what is taken back was decided"
        for name, constraint in constraints_of(decode_result(there)).items():
            component = yield from _undone(name, constraint)
            changed += [] if component is None else [component]
    return changed


def _undone(name: str, constraint: Constraint) -> Protocol[Component | None]:
    key = constraint.named[0]
    while True:
        # Read afresh: no write is refused where an old component does not have the ruling yet.
        root = (yield from find_all([key], Cache(CACHED)))[key]
        there = None if root is None else root.constraints.get(name)
        if root is None or there is None:
            return None
        if there.undone:
            return root
        draft = Draft(root)
        draft.rule(name, replace(there, undone=True))
        version: int | None = yield Commit(root.name, root.version, draft.changes())
        if version is not None:
            return draft.taken(version)


def _say(answers: list[Outgoing], recorded: bytes | None, asked: Asked) -> Protocol[None]:
    """Send answers, of which the last is what is `recorded` under the command's id; see that it still is.

    Whoever was frozen in between may have been overtaken: by a command with the same id, or an erase that has rewritten
    what was recorded.
    """
    yield Publish(answers)
    there: bytes | None = yield ReadDecision(asked.id)
    while there != recorded:
        assert there is not None, "a decision stays"
        recorded = there
        yield Publish([_answer(decode_result(there), asked)])
        there = yield ReadDecision(asked.id)


def _answer(result: Result, asked: Asked) -> Outgoing:
    return Outgoing(RESULTS.name, result.id.encode(), encode(result), header(asked.traceparent))
