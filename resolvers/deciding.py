"""Deciding: what becomes of a command, from the people as they are when it is first read.

A decision names identifiers, the command's place in the log and what it lifts, so that it means the same for ever and
everywhere; it is recorded once and applied from the record (`resolvers.commanding`).
Rules: a pure function; no value of an identifier is in what people are told.
Must not know: the store, how a decision is recorded or applied.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from resolvers.asking import Asked
from resolvers.component import Component
from resolvers.constraints import Constraint, parted_by
from resolvers.evidence import Mark
from resolvers.lives import Ended
from resolvers.namespaces import IdentityRules
from resolvers.partition import Partition, partition
from resolvers.people import VALUES_OF
from resolvers.profile_ids import survivor
from resolvers.publication import State
from topics.commands import COMMAND_SOURCE, Erase, Merge, Result, Split, Undo

Seal = Callable[[str], str]
"""An identifier's key -> its keyed digest, which is all that is kept of who was erased."""

Status = Literal["done", "refused", "not_found", "invalid"]

UNDOABLE = ("merge", "split", "unbind", "block")


class Surroundings(NamedTuple):
    """What a command is decided by: the component of each identifier that is in one; of an `undo`, what it takes back.

    `undone`: the decision that an `undo` speaks of, None if there is none. `person`: of an `erase`, the key of one of
    the person's identifiers, None if nobody is known. `published`: what was published of the component.
    """

    components: Mapping[str, Component]
    undone: Result | None = None
    person: str | None = None
    published: State | None = None


class _Verdict(NamedTuple):
    status: Status
    detail: str
    keys: tuple[str, ...] = ()
    effect: Mapping[str, Any] = {}


def written(key: str) -> str:
    """An identifier as results name it: `namespace:~token`."""
    namespace, _, token = key.partition(":")
    return f"{namespace}:~{token}"


def keys_of(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The keys of identifiers as `written` wrote them."""
    return tuple(name.replace(":~", ":", 1) for name in names)


def invalid(asked: Asked) -> Result:
    """The answer to a record that is no command."""
    return _result(asked, _Verdict("invalid", f"{asked.fault}."))


def other_body(asked: Asked) -> Result:
    """The answer to a command whose id is another one's."""
    return _result(asked, _Verdict("refused", "Another command had this id before; its answer stands."))


def decide(asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], seal: Seal) -> Result:
    """What becomes of a command that can be read."""
    match asked.command:
        case Erase():
            verdict = _erase(asked, around, rules, blocked, seal)
        case Merge():
            verdict = _merge(asked, around, rules, blocked)
        case Split():
            verdict = _split(asked, around, rules, blocked)
        case Undo(of=name):
            verdict = _undo(name, around)
        case _:
            verdict = _Verdict("refused", "This engine does not do that yet.")
    return _result(asked, verdict)


def constraint_of(decision: Result) -> Constraint:
    """What a decided merge or split rules."""
    assert decision.type in {"merge", "split"}, "only these rule who is who"
    place = (decision.append_ms, decision.topic, decision.partition, decision.offset)
    keys, effect = keys_of(decision.identifiers), decision.effect
    return Constraint(
        "merge" if decision.type == "merge" else "split",
        Mark(decision.append_ms * 1000, *place, decision.id, COMMAND_SOURCE),
        keys,
        keys_of(effect["values"]) if "values" in effect else keys,
        keys_of(effect.get("left", ())),
        tuple(effect.get("lifted", ())),
    )


def _merge(asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str]) -> _Verdict:
    keys = tuple(seen.key for seen in asked.named)
    if asked.nobodys:
        return _Verdict("refused", f"A value that stands for nobody, or is blocked: {', '.join(asked.nobodys)}.")
    if len(keys) == 1:
        return _Verdict("refused", "They are one identifier.", keys)
    new = [seen for seen in asked.named if not _is_seen(seen.key, around)]
    if unnamed := [seen.key for seen in new if not seen.display]:
        kinds = ", ".join(key.partition(":")[0] for key in unnamed)
        return _Verdict("not_found", f"Never seen, and only the value could show people what it is: {kinds}.")
    components = {one.name: one for one in around.components.values()}
    if sum(len(one.facets) for one in components.values()) + len(new) > rules.caps.component:
        return _Verdict("refused", f"More than {rules.caps.component} identifiers would hang together.", keys)
    group_of: dict[str, tuple[str, ...]] = {seen.key: (seen.key,) for seen in new}
    lifted: list[str] = []
    divided = [(one, _division(one, rules, blocked)) for one in components.values()]
    for component, division in divided:
        if hubs := [key for key in keys if component.is_hub(key)]:
            kinds = ", ".join(key.partition(":")[0] for key in hubs)
            return _Verdict("refused", f"It has more neighbours than its cap, and links nobody: {kinds}.", keys)
        groups = [group for group in division.groups if not set(group).isdisjoint(keys)]
        group_of |= {key: group for group in groups for key in group if key in keys}
        lifted += parted_by(component.constraints, [key for group in groups for key in group])
    people = set(group_of.values())
    effect = {
        "values": [written(key) for key in sorted({key for group in people for key in group})],
        "lifted": lifted,
        "created": {written(seen.key): seen.display for seen in new},
    }
    would = "would be" if _is_dry(asked) else "are"
    said = f"{_counted(len(keys), 'identifier')} of {_counted(len(people), 'person')} {would} one person."
    return _Verdict("done", said, keys, effect)


def _split(asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str]) -> _Verdict:
    keys = tuple(seen.key for seen in asked.named)
    unknown = [key for key in keys if not _is_seen(key, around)]
    if unknown:
        kinds = ", ".join(key.partition(":")[0] for key in unknown)
        return _Verdict("not_found", f"Nobody is known by {_counted(len(unknown), 'identifier')}: {kinds}.")
    components = {around.components[key].name: around.components[key] for key in keys}
    groups = {
        group
        for component in components.values()
        for group in _division(component, rules, blocked).groups
        if not set(group).isdisjoint(keys)
    }
    if len(groups) > 1:
        return _Verdict("refused", f"They are {len(groups)} people already.", keys)
    [group] = groups
    left = [key for key in group if key not in keys]
    if not left:
        return _Verdict("refused", "They are all of this person: nothing would be left.", keys)
    would = "would leave" if _is_dry(asked) else "leaves" if len(keys) == 1 else "leave"
    said = f"{_counted(len(keys), 'identifier')} {would} {_counted(len(left), 'identifier')} behind."
    return _Verdict("done", said, keys, {"left": [written(key) for key in sorted(left)]})


def _erase(asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], seal: Seal) -> _Verdict:
    component = None if around.person is None else around.components.get(around.person)
    if around.person is None or component is None or not _is_seen(around.person, around):
        return _Verdict("not_found", "Nobody is known by that.")
    [group] = [one for one in _division(component, rules, blocked).groups if around.person in one]
    state = around.published or State()
    ids = {name for name, one in state.profiles.items() if one.holder.removeprefix(VALUES_OF) in group}
    ids |= {name for name in state.ended if survivor(state.ended, name) in ids}
    would = "would be" if _is_dry(asked) else "is"
    said = f"One person of {_counted(len(group), 'identifier')} {would} erased."
    sealed = tuple(f"{key.partition(':')[0]}:{seal(key)}" for key in group)
    return _Verdict("done", said, sealed, {"profiles": sorted(ids)})


def ended_by(decision: Result) -> Ended:
    """The lives that a decided erase ends."""
    seals = tuple(name.partition(":~")[2] for name in decision.identifiers)
    return Ended(decision.append_ms, decision.topic, decision.partition, decision.offset, seals)


def without(decision: Result, seals: frozenset[str], seal: Seal) -> Result:
    """An earlier decision that does not name those who were erased; the same where it named none of them."""

    def left(names: Iterable[str]) -> list[str]:
        return [name for name in names if seal(keys_of([name])[0]) not in seals]

    effect = dict(decision.effect)
    effect.update({name: left(effect[name]) for name in ("values", "left") if name in effect})
    if "created" in effect:
        effect["created"] = {name: effect["created"][name] for name in left(effect["created"])}
    identifiers = tuple(left(decision.identifiers))
    if identifiers == decision.identifiers and effect == decision.effect:
        return decision
    return replace(decision, identifiers=identifiers, effect=effect)


def _undo(name: str, around: Surroundings) -> _Verdict:
    was = around.undone
    if was is None:
        return _Verdict("not_found", "No command had that id.")
    keys = keys_of(was.identifiers)
    if was.type not in UNDOABLE or was.status != "done":
        return _Verdict("refused", f"That command was {was.type}, {was.status}: there is nothing to take back.", keys)
    component = around.components.get(keys[0]) if keys else None
    constraint = None if component is None else component.constraints.get(name)
    if constraint is None or constraint.undone:
        return _Verdict("refused", f"That {was.type} was taken back before.", keys)
    return _Verdict("done", f"The {was.type} is taken back.", keys, {"of": name})


def _division(component: Component, rules: IdentityRules, blocked: frozenset[str]) -> Partition:
    seen = {key: facet for key, facet in component.facets.items() if facet.seen}
    return partition(seen, component.edges, rules, blocked, component.constraints)


def _is_seen(key: str, around: Surroundings) -> bool:
    component = around.components.get(key)
    facet = None if component is None else component.facets.get(key)
    return facet is not None and facet.seen


def _is_dry(asked: Asked) -> bool:
    return asked.command is not None and asked.command.dry_run


def _counted(count: int, noun: str) -> str:
    plurals = {"person": "people", "identifier": "identifiers"}
    return f"{count} {noun if count == 1 else plurals[noun]}"


def _result(asked: Asked, verdict: _Verdict) -> Result:
    mark = asked.mark
    return Result(
        id=asked.id,
        type="" if asked.command is None else type(asked.command).__name__.lower(),
        status=verdict.status,
        identifiers=tuple(written(key) for key in verdict.keys),
        detail=verdict.detail,
        dry_run=_is_dry(asked),
        body=asked.body,
        append_ms=mark.append_ms,
        topic=mark.topic,
        partition=mark.partition,
        offset=mark.offset,
        effect=dict(verdict.effect),
    )
