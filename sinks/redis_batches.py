"""Steps of one kind as few commands, and what the replies mean: the table between `resolvers.steps` and Redis.

Rule: many steps go in one invocation of a script, because the round trip and the call cost more than the work (a step
costs a quarter of what it costs alone); but not too many, because nobody else is served meanwhile. On a cluster those
of one slot go together (ADR 0007). Must not know: connections.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from resolvers.component import Component
from resolvers.publication import Publication, parse
from resolvers.steps import (
    ClaimHome,
    Commit,
    Complete,
    Decide,
    DropPublication,
    Fence,
    ForgetComponent,
    ForgetDue,
    ForgetHome,
    ForgetProfile,
    Freeze,
    Intend,
    NameProfile,
    ReadComponent,
    ReadDecision,
    ReadDecisions,
    ReadHome,
    ReadProfileName,
    ReadPublication,
    Redirect,
    Reply,
    Rewrite,
    Schedule,
    Settle,
    ShortenHome,
)
from sinks.keys import OWN, Keys
from sinks.redis_link import Command
from sinks.redis_scripts import (
    CLAIM,
    COMMIT,
    COMPLETE,
    DECIDE,
    FENCE,
    FORGET,
    FORGET_COMPONENT,
    FORGET_DUE,
    FREEZE,
    INTEND,
    OTHER_GENERATION,
    READ_COMPONENTS,
    READ_PUBLICATIONS,
    REDIRECT,
    REWRITE,
    SCHEDULE,
    SETTLE,
    SHORTEN,
    invoke,
)
from sinks.redis_seals import following
from sinks.redis_slots import slot_of
from sinks.store import StoreLostError, shard_of

STEPS_AT_ONCE = 500
"""Steps of one invocation: some 3 ms of the server's time."""


class Batch(NamedTuple):
    """How steps of one kind are carried out: their keys, the command for several, and the replies in its reply."""

    names: Callable[[Keys, Sequence[Any]], list[str]]
    command: Callable[[Keys, Sequence[str], Sequence[Any]], Command]
    replies: Callable[[Sequence[Any], Any], Sequence[Reply]]


class Part(NamedTuple):
    """One command: how it is read, the steps that it is for, and the places that they have in the call."""

    command: Command
    batch: Batch
    steps: Sequence[Any]
    places: Sequence[int]


def batches(keys: Keys, steps: Sequence[Any], places: Sequence[int]) -> Iterator[Part]:
    """The commands for steps of one kind, which have these places in the call."""
    batch = BATCHES[type(steps[0])]
    names = batch.names(keys, steps)
    if not keys.cluster:
        for start in range(0, len(steps), STEPS_AT_ONCE):
            some = slice(start, start + STEPS_AT_ONCE)
            yield Part(batch.command(keys, names[some], steps[some]), batch, steps[some], places[some])
        return
    for slot, found in _by_slot(names).items():
        for start in range(0, len(found), STEPS_AT_ONCE):
            together = found[start : start + STEPS_AT_ONCE]
            some_names, some_steps = [names[at] for at in together], [steps[at] for at in together]
            command = batch.command(keys.within(slot), some_names, some_steps)
            yield Part(command, batch, some_steps, [places[at] for at in together])


def _by_slot(names: Sequence[str]) -> dict[int, list[int]]:
    """The places of the names that are in one slot, for each slot."""
    found: dict[int, list[int]] = {}
    for at, name in enumerate(names):
        found.setdefault(slot_of(name), []).append(at)
    return found


def _none(steps: Sequence[Any], _reply: object) -> Sequence[None]:
    return [None] * len(steps)


def _names(_steps: Sequence[Any], reply: list[bytes | None]) -> Sequence[str | None]:
    return [None if name is None else name.decode() for name in reply]


def _as_they_are(_steps: Sequence[Any], reply: list[Reply]) -> Sequence[Reply]:
    return reply


def _truths(_steps: Sequence[Any], reply: list[int]) -> Sequence[bool]:
    return [done == 1 for done in reply]


def _components(steps: Sequence[ReadComponent], reply: list[list[bytes]]) -> Sequence[Component]:
    return [
        Component.parse(step.component, dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True)))
        for step, flat in zip(steps, reply, strict=True)
    ]


def _publications(_steps: Sequence[Any], reply: list[list[bytes | None]]) -> Sequence[Publication]:
    return [parse(*fields) for fields in reply]


def _homes(keys: Keys, steps: Sequence[ReadHome | ClaimHome | ShortenHome | ForgetHome]) -> list[str]:
    return [keys.home(step.key) for step in steps]


def _component_keys(
    keys: Keys, steps: Sequence[ReadComponent | Commit | Freeze | Redirect | Settle | ForgetComponent]
) -> list[str]:
    return [keys.component(step.component) for step in steps]


def _publication_keys(keys: Keys, steps: Sequence[ReadPublication | Intend | Complete | DropPublication]) -> list[str]:
    return [keys.publication(step.component) for step in steps]


def _profiles(keys: Keys, steps: Sequence[NameProfile | ReadProfileName | ForgetProfile]) -> list[str]:
    return [keys.profile(step.profile_id) for step in steps]


def _decisions(keys: Keys, steps: Sequence[ReadDecision | Decide | ReadDecisions | Rewrite]) -> list[str]:
    return [keys.decisions] * len(steps)


def _get(_keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return ["MGET", *names]


def _delete(_keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return ["DEL", *names]


def _claim(keys: Keys, names: Sequence[str], steps: Sequence[ClaimHome]) -> Command:
    return invoke(CLAIM, keys, names, [_at_home(step.key, step.component) for step in steps])


def _shorten(keys: Keys, names: Sequence[str], steps: Sequence[ShortenHome]) -> Command:
    return invoke(
        SHORTEN, keys, names, [_at_home(step.key, one) for step in steps for one in (step.seen, step.component)]
    )


def _at_home(key: str, component: str) -> str:
    return OWN if component == key else component


def _home_names(steps: Sequence[ReadHome | ClaimHome], reply: list[bytes | None]) -> Sequence[str | None]:
    names = _names(steps, reply)
    return [step.key if name == OWN else name for step, name in zip(steps, names, strict=True)]


def _read_components(keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return invoke(READ_COMPONENTS, keys, names)


def _commit(keys: Keys, names: Sequence[str], steps: Sequence[Commit]) -> Command:
    arguments: list[str | bytes | int] = []
    for step in steps:
        arguments += (step.version, len(step.fields), len(step.removed))
        for item in step.fields.items():
            arguments += item
        arguments += step.removed
    return invoke(COMMIT, keys, names, arguments)


def _freeze(keys: Keys, names: Sequence[str], steps: Sequence[Freeze]) -> Command:
    return invoke(FREEZE, keys, names, [step.to for step in steps])


def _redirect(keys: Keys, names: Sequence[str], steps: Sequence[Redirect]) -> Command:
    return invoke(REDIRECT, keys, names, [name for step in steps for name in (step.seen, step.to)])


def _settle(keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return invoke(SETTLE, keys, names)


def _read_publications(keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return invoke(READ_PUBLICATIONS, keys, names)


def _intend(keys: Keys, names: Sequence[str], steps: Sequence[Intend]) -> Command:
    both = [key for name, step in zip(names, steps, strict=True) for key in (name, keys.component(step.component))]
    return invoke(INTEND, keys, both, [value for step in steps for value in (step.revision, step.state, step.sending)])


def _complete(keys: Keys, names: Sequence[str], steps: Sequence[Complete]) -> Command:
    return invoke(
        COMPLETE, keys, names, [value for step in steps for value in (step.revision, step.offsets, step.instead or b"")]
    )


def _name(keys: Keys, names: Sequence[str], steps: Sequence[NameProfile]) -> Command:
    return invoke(CLAIM, keys, names, [step.key for step in steps])


def _read_decisions(_keys: Keys, names: Sequence[str], steps: Sequence[ReadDecision]) -> Command:
    return ["HMGET", names[0], *[step.command for step in steps]]


def _decide(keys: Keys, names: Sequence[str], steps: Sequence[Decide]) -> Command:
    return invoke(DECIDE, keys, names[:1], [one for step in steps for one in (step.command, step.decision)])


def _shares(keys: Keys, steps: Sequence[Schedule | ForgetDue]) -> list[str]:
    return [keys.due(shard_of(step.component)) for step in steps]


def _schedule(keys: Keys, names: Sequence[str], steps: Sequence[Schedule]) -> Command:
    arguments = [word for step in steps for word in (step.due_us, due_member(step.component, step.due_us))]
    return invoke(SCHEDULE, keys, names, arguments)


def _forget_due(keys: Keys, names: Sequence[str], steps: Sequence[ForgetDue]) -> Command:
    return invoke(FORGET_DUE, keys, names, [step.component for step in steps])


def due_member(component: str, due_us: int) -> str:
    """The member of a share of `due`: one for each instant at which a component is to be looked at."""
    return f"{due_us}:{component}"


def _all_decisions(_keys: Keys, names: Sequence[str], steps: Sequence[ReadDecisions]) -> Command:
    assert len(steps) == 1, "asked for once at a time"
    return ["HVALS", *names]


def _at_once(_steps: Sequence[Any], reply: list[bytes]) -> Sequence[Reply]:
    return [reply]


def _rewrite(keys: Keys, _names: Sequence[str], steps: Sequence[Rewrite]) -> Command:
    return invoke(REWRITE, keys, [keys.decisions], [one for step in steps for one in (step.command, step.decision)])


def _meta(keys: Keys, steps: Sequence[Fence]) -> list[str]:
    return [keys.meta] * len(steps)


def _fence(keys: Keys, names: Sequence[str], steps: Sequence[Fence]) -> Command:
    [step] = steps  # after one, this session has ended
    return invoke(FENCE, keys, names, [step.name, step.ended, following(keys.generation)])


def _ended(_steps: Sequence[Fence], reply: int) -> Sequence[None]:
    if reply:
        raise StoreLostError(OTHER_GENERATION)
    return [None]


def _forget(keys: Keys, names: Sequence[str], _steps: object) -> Command:
    return invoke(FORGET, keys, names)


def _forget_components(keys: Keys, names: Sequence[str], steps: Sequence[ForgetComponent]) -> Command:
    both = [key for name, step in zip(names, steps, strict=True) for key in (name, keys.publication(step.component))]
    return invoke(FORGET_COMPONENT, keys, both, [step.version for step in steps])


BATCHES: dict[type, Batch] = {
    ReadHome: Batch(_homes, _get, _home_names),
    ClaimHome: Batch(_homes, _claim, _home_names),
    ShortenHome: Batch(_homes, _shorten, _none),
    ReadComponent: Batch(_component_keys, _read_components, _components),
    Commit: Batch(_component_keys, _commit, _as_they_are),
    Freeze: Batch(_component_keys, _freeze, _names),
    Redirect: Batch(_component_keys, _redirect, _none),
    Settle: Batch(_component_keys, _settle, _none),
    ReadPublication: Batch(_publication_keys, _read_publications, _publications),
    Intend: Batch(_publication_keys, _intend, _as_they_are),
    Complete: Batch(_publication_keys, _complete, _truths),
    DropPublication: Batch(_publication_keys, _delete, _none),
    Schedule: Batch(_shares, _schedule, _none),
    NameProfile: Batch(_profiles, _name, _none),
    ReadDecision: Batch(_decisions, _read_decisions, _as_they_are),
    Decide: Batch(_decisions, _decide, _as_they_are),
    ReadDecisions: Batch(_decisions, _all_decisions, _at_once),
    Rewrite: Batch(_decisions, _rewrite, _none),
    Fence: Batch(_meta, _fence, _ended),
    ReadProfileName: Batch(_profiles, _get, _names),
    ForgetProfile: Batch(_profiles, _forget, _none),
    ForgetHome: Batch(_homes, _forget, _none),
    ForgetDue: Batch(_shares, _forget_due, _none),
    ForgetComponent: Batch(_component_keys, _forget_components, _truths),
}
