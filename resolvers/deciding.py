"""Deciding: what becomes of a command, from the people as they are when it is first read.

A decision names identifiers, the command's place in the log and what it lifts, so that it means the same for ever and
everywhere; it is recorded once and applied from the record (`resolvers.commanding`).
Rules: a pure function; no value of an identifier is in what people are told.
Must not know: the store, how a decision is recorded or applied.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from resolvers.asking import Asked
from resolvers.component import Component
from resolvers.constraints import in_force, parted_by
from resolvers.decisions import acted_on, identified, written
from resolvers.life_keys import in_life, life_of, shown
from resolvers.namespaces import IdentityRules
from resolvers.partition import Partition, partition
from resolvers.people import VALUES_OF
from resolvers.profile_ids import survivor
from resolvers.publication import State
from resolvers.standing import Standing
from topics.commands import Block, Erase, Merge, Result, Split, Unbind, Unblock, Undo

Status = Literal["done", "refused", "not_found", "invalid"]

NAMED_MAX = 1_000
"""Identifiers that one pattern may block at once."""

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


def invalid(asked: Asked) -> Result:
    """The answer to a record that is no command."""
    return _result(asked, _Verdict("invalid", f"{asked.fault}."))


def other_body(asked: Asked) -> Result:
    """The answer to a command whose id is another one's."""
    return _result(asked, _Verdict("refused", "Another command had this id before; its answer stands."))


def decide(
    asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], standing: Standing
) -> Result:
    """What becomes of a command that can be read."""
    match asked.command:
        case Erase():
            verdict = _erase(asked, around, rules, blocked, standing)
        case Unbind():
            verdict = _unbind(asked, around, rules, blocked, standing)
        case Block():
            verdict = _block(asked, asked.command, around, standing)
        case Unblock():
            verdict = _unblock(asked, asked.command, standing)
        case Merge():
            verdict = _merge(asked, around, rules, blocked, standing)
        case Split():
            verdict = _split(asked, around, rules, blocked)
        case Undo(of=name):
            verdict = _undo(name, around, standing)
        case None:
            raise AssertionError("what is no command is answered `invalid`")
    return _result(asked, verdict)


def _merge(
    asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], standing: Standing
) -> _Verdict:
    keys = tuple(seen.key for seen in asked.named)
    silent = [key.partition(":")[0] for key in keys if _is_blocked(key, around, standing)]
    if nobodys := [*asked.nobodys, *silent]:
        return _Verdict("refused", f"A value that stands for nobody, or is blocked: {', '.join(nobodys)}.")
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
    lives = in_force(components[next(iter(components))].constraints)
    own = set(lives.one(keys))
    # A life that is over is nobody's identifier: it stays with who the unbind said, on whichever side.
    left = [key for key in group if key not in lives.past and lives.same.get(key, key) not in own]
    if not left:
        return _Verdict("refused", "They are all of this person: nothing would be left.", keys)
    would = "would leave" if _is_dry(asked) else "leaves" if len(keys) == 1 else "leave"
    said = f"{_counted(len(keys), 'identifier')} {would} {_counted(len(left), 'identifier')} behind."
    return _Verdict("done", said, keys, {"left": [written(key) for key in sorted(left)]})


def _erase(
    asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], standing: Standing
) -> _Verdict:
    component = None if around.person is None else around.components.get(around.person)
    if around.person is None or component is None or not _is_seen(around.person, around):
        return _Verdict("not_found", "Nobody is known by that.")
    [group] = [one for one in _division(component, rules, blocked).groups if around.person in one]
    state = around.published or State()
    ids = {name for name, one in state.profiles.items() if one.holder.removeprefix(VALUES_OF) in group}
    ids |= {name for name in state.ended if survivor(state.ended, name) in ids}
    would = "would be" if _is_dry(asked) else "is"
    held = in_force(component.constraints).held(group)
    said = f"One person of {_counted(len(held), 'identifier')} {would} erased."
    sealed = tuple(f"{key.partition(':')[0]}:{standing.lives.seal(key)}" for key in group)
    return _Verdict("done", said, sealed, {"profiles": sorted(ids)})


def _unbind(
    asked: Asked, around: Surroundings, rules: IdentityRules, blocked: frozenset[str], standing: Standing
) -> _Verdict:
    if len(asked.named) == 1:
        return _Verdict("refused", "They are one identifier.", (asked.named[0].key,))
    one, stays = asked.named
    unknown = [seen.key for seen in asked.named if not _is_seen(seen.key, around)]
    if unknown:
        kinds = ", ".join(key.partition(":")[0] for key in unknown)
        return _Verdict("not_found", f"Nobody is known by {_counted(len(unknown), 'identifier')}: {kinds}.")
    groups = _division(around.components[one.key], rules, blocked).groups
    if not any({one.key, stays.key} <= {*group} for group in groups):
        return _Verdict("refused", "They are two people: what was before can stay with its own only.")
    begun = in_life(one.key, life_of(one.key) + 1)
    facet = around.components[one.key].facets[one.key]
    effect = {
        "ends": written(one.key),
        "from": written(stays.key),
        "begun": written(begun),
        "seal": standing.lives.seal(shown(one.key)),
        "created": {written(begun): facet.display},
    }
    would = "would begin" if _is_dry(asked) else "begins"
    kind, other = (seen.key.partition(":")[0] for seen in asked.named)
    said = f"A new life of the {kind} {would}; what was before stays with the person of the {other}."
    return _Verdict("done", said, (one.key, stays.key), effect)


def _block(asked: Asked, command: Block, around: Surroundings, standing: Standing) -> _Verdict:
    keys = tuple(seen.key for seen in asked.named)
    pattern = asked.pattern
    if pattern:
        namespace = command.namespace or ""
        already = standing.blocks.standing_pattern(namespace, pattern)
    else:
        [seen] = asked.named
        namespace = seen.identifier.namespace
        already = standing.blocks.standing(shown(seen.key))
        if not seen.display and not _is_known(seen.key, around):
            return _Verdict("not_found", f"Never seen, and only the value could show people what it is: {namespace}.")
    if already:
        return _Verdict("refused", "It is blocked already.", () if pattern else keys)
    if len(keys) > NAMED_MAX:
        return _Verdict("refused", f"The pattern names more than {NAMED_MAX} identifiers that were seen.")
    created = {written(seen.key): seen.display for seen in asked.named if not _is_known(seen.key, around)}
    effect = {
        "namespace": namespace,
        **({"pattern": pattern, "seals": []} if pattern else {"seals": [standing.lives.seal(shown(keys[0]))]}),
        "heard_of": created,
    }
    would = "would be" if _is_dry(asked) else "are" if len(keys) != 1 else "is"
    said = f"{_counted(len(keys), 'identifier')} that {'were' if len(keys) != 1 else 'was'} seen {would} blocked"
    return _Verdict("done", f"{said}, and what the pattern names." if pattern else f"{said}.", keys, effect)


def _unblock(asked: Asked, command: Unblock, standing: Standing) -> _Verdict:
    keys = tuple(seen.key for seen in asked.named)
    if asked.pattern:
        blocks = standing.blocks.standing_pattern(command.namespace or "", asked.pattern)
    else:
        blocks = standing.blocks.standing(shown(keys[0]))
    if not blocks:
        return _Verdict("refused", "No block of it stands.", keys)
    would = "would be" if _is_dry(asked) else "is"
    return _Verdict("done", f"It {would} taken again.", keys, {"of": list(blocks)})


def _undo(name: str, around: Surroundings, standing: Standing) -> _Verdict:
    was = around.undone
    if was is None:
        return _Verdict("not_found", "No command had that id.")
    keys = acted_on(was)
    if was.type not in UNDOABLE or was.status != "done":
        keys = () if was.type == "erase" else keys
        return _Verdict("refused", f"That command was {was.type}, {was.status}: there is nothing to take back.", keys)
    if was.type == "block":
        stands = standing.blocks.stands(name)
    else:
        constraints = [component.constraints.get(name) for component in around.components.values()]
        stands = any(one is not None and not one.undone for one in constraints)
    if not stands:
        return _Verdict("refused", f"That {was.type} was taken back before.", keys)
    return _Verdict("done", f"The {was.type} is taken back.", keys, {"of": name, "was": was.type})


def _division(component: Component, rules: IdentityRules, blocked: frozenset[str]) -> Partition:
    seen = {key: facet for key, facet in component.facets.items() if facet.seen}
    return partition(seen, component.edges, rules, blocked, component.constraints)


def _is_blocked(key: str, around: Surroundings, standing: Standing) -> bool:
    component = around.components.get(key)
    ruled = component is not None and key in in_force(component.constraints).blocked
    return ruled or bool(standing.blocks.standing(shown(key)))


def _is_known(key: str, around: Surroundings) -> bool:
    """Whether there is a facet of it, seen or only spoken of."""
    component = around.components.get(key)
    return component is not None and key in component.facets


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
    names, lives = identified(verdict.keys)
    return Result(
        id=asked.id,
        type="" if asked.command is None else type(asked.command).__name__.lower(),
        status=verdict.status,
        identifiers=names,
        detail=verdict.detail,
        dry_run=_is_dry(asked),
        body=asked.body,
        append_ms=mark.append_ms,
        topic=mark.topic,
        partition=mark.partition,
        offset=mark.offset,
        effect={**verdict.effect, **({"lives": dict(lives)} if lives else {})},
    )
