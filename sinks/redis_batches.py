"""Steps of one kind as few commands, and what the replies mean: the table between `resolvers.steps` and Redis.

Rule: many steps go in one invocation of a script, because the round trip and the call cost more than the work (a step
costs a quarter of what it costs alone); but not too many, because nobody else is served meanwhile.
Must not know: connections.
"""

import secrets
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
    ForgetHome,
    ForgetProfile,
    Freeze,
    Intend,
    IsFenced,
    NameProfile,
    ReadComponent,
    ReadDecision,
    ReadDecisions,
    ReadHome,
    ReadProfileName,
    ReadPublication,
    Reply,
    Rewrite,
    Settle,
    ShortenHome,
)
from sinks.keys import FENCE_FIELD, Keys
from sinks.redis_link import Command
from sinks.redis_scripts import (
    CLAIM,
    COMMIT,
    COMPLETE,
    DECIDE,
    FENCE,
    FORGET,
    FREEZE,
    INTEND,
    READ_COMPONENTS,
    READ_PUBLICATIONS,
    REWRITE,
    SETTLE,
    SHORTEN,
    invoke,
)

STEPS_AT_ONCE = 500
"""Steps of one invocation: some 3 ms of the server's time."""


class Batch(NamedTuple):
    """How steps of one kind are carried out: the command for several, and the replies in its reply."""

    command: Callable[[Keys, Sequence[Any]], Command]
    replies: Callable[[Sequence[Any], Any], Sequence[Reply]]


def batches(keys: Keys, steps: Sequence[Any]) -> Iterator[tuple[Command, Batch, Sequence[Any]]]:
    """The commands for steps of one kind, each with the steps that it is for."""
    batch = BATCHES[type(steps[0])]
    for start in range(0, len(steps), STEPS_AT_ONCE):
        some = steps[start : start + STEPS_AT_ONCE]
        yield batch.command(keys, some), batch, some


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


def _read_homes(keys: Keys, steps: Sequence[ReadHome]) -> Command:
    return ["MGET", *[keys.home(step.key) for step in steps]]


def _claim(keys: Keys, steps: Sequence[ClaimHome]) -> Command:
    return invoke(CLAIM, keys, [keys.home(step.key) for step in steps], [step.component for step in steps])


def _shorten(keys: Keys, steps: Sequence[ShortenHome]) -> Command:
    seen_and_new = [name for step in steps for name in (step.seen, step.component)]
    return invoke(SHORTEN, keys, [keys.home(step.key) for step in steps], seen_and_new)


def _read_components(keys: Keys, steps: Sequence[ReadComponent]) -> Command:
    return invoke(READ_COMPONENTS, keys, [keys.component(step.component) for step in steps])


def _commit(keys: Keys, steps: Sequence[Commit]) -> Command:
    arguments: list[str | bytes | int] = []
    for step in steps:
        arguments += (step.version, len(step.fields), len(step.removed))
        for item in step.fields.items():
            arguments += item
        arguments += step.removed
    return invoke(COMMIT, keys, [keys.component(step.component) for step in steps], arguments)


def _freeze(keys: Keys, steps: Sequence[Freeze]) -> Command:
    return invoke(FREEZE, keys, [keys.component(step.component) for step in steps], [step.to for step in steps])


def _settle(keys: Keys, steps: Sequence[Settle]) -> Command:
    return invoke(SETTLE, keys, [keys.component(step.component) for step in steps])


def _read_publications(keys: Keys, steps: Sequence[ReadPublication]) -> Command:
    return invoke(READ_PUBLICATIONS, keys, [keys.publication(step.component) for step in steps])


def _intend(keys: Keys, steps: Sequence[Intend]) -> Command:
    both = [key for step in steps for key in (keys.publication(step.component), keys.component(step.component))]
    return invoke(INTEND, keys, both, [value for step in steps for value in (step.revision, step.state, step.sending)])


def _complete(keys: Keys, steps: Sequence[Complete]) -> Command:
    return invoke(
        COMPLETE,
        keys,
        [keys.publication(step.component) for step in steps],
        [value for step in steps for value in (step.revision, step.offsets, step.instead or b"")],
    )


def _drop(keys: Keys, steps: Sequence[DropPublication]) -> Command:
    return ["DEL", *[keys.publication(step.component) for step in steps]]


def _name(keys: Keys, steps: Sequence[NameProfile]) -> Command:
    return invoke(CLAIM, keys, [keys.profile(step.profile_id) for step in steps], [step.key for step in steps])


def _read_decisions(keys: Keys, steps: Sequence[ReadDecision]) -> Command:
    return ["HMGET", keys.decisions, *[step.command for step in steps]]


def _decide(keys: Keys, steps: Sequence[Decide]) -> Command:
    return invoke(DECIDE, keys, [keys.decisions], [one for step in steps for one in step])


def _all_decisions(keys: Keys, steps: Sequence[ReadDecisions]) -> Command:
    assert len(steps) == 1, "asked for once at a time"
    return ["HVALS", keys.decisions]


def _at_once(_steps: Sequence[Any], reply: list[bytes]) -> Sequence[Reply]:
    return [reply]


def _rewrite(keys: Keys, steps: Sequence[Rewrite]) -> Command:
    return invoke(REWRITE, keys, [keys.decisions], [one for step in steps for one in step])


def _fence(keys: Keys, steps: Sequence[Fence]) -> Command:
    [step] = steps  # after one, this session has ended
    return invoke(FENCE, keys, [keys.meta], [step.name, step.ended, secrets.token_hex(8)])


def _is_fenced(keys: Keys, steps: Sequence[IsFenced]) -> Command:
    return ["HMGET", keys.meta, *[f"{FENCE_FIELD}{step.name}" for step in steps]]


def _fenced(_steps: Sequence[Any], reply: list[bytes | None]) -> Sequence[bool]:
    return [there is not None for there in reply]


def _read_profile_names(keys: Keys, steps: Sequence[ReadProfileName]) -> Command:
    return ["MGET", *[keys.profile(step.profile_id) for step in steps]]


def _forget_profiles(keys: Keys, steps: Sequence[ForgetProfile]) -> Command:
    return invoke(FORGET, keys, [keys.profile(step.profile_id) for step in steps])


def _forget_homes(keys: Keys, steps: Sequence[ForgetHome]) -> Command:
    return invoke(FORGET, keys, [keys.home(step.key) for step in steps])


def _forget_components(keys: Keys, steps: Sequence[ForgetComponent]) -> Command:
    return invoke(FORGET, keys, [of(step.component) for step in steps for of in (keys.component, keys.publication)])


BATCHES: dict[type, Batch] = {
    ReadHome: Batch(_read_homes, _names),
    ClaimHome: Batch(_claim, _names),
    ShortenHome: Batch(_shorten, _none),
    ReadComponent: Batch(_read_components, _components),
    Commit: Batch(_commit, _as_they_are),
    Freeze: Batch(_freeze, _names),
    Settle: Batch(_settle, _none),
    ReadPublication: Batch(_read_publications, _publications),
    Intend: Batch(_intend, _as_they_are),
    Complete: Batch(_complete, _truths),
    DropPublication: Batch(_drop, _none),
    NameProfile: Batch(_name, _none),
    ReadDecision: Batch(_read_decisions, _as_they_are),
    Decide: Batch(_decide, _as_they_are),
    ReadDecisions: Batch(_all_decisions, _at_once),
    Rewrite: Batch(_rewrite, _none),
    Fence: Batch(_fence, _none),
    IsFenced: Batch(_is_fenced, _fenced),
    ReadProfileName: Batch(_read_profile_names, _names),
    ForgetProfile: Batch(_forget_profiles, _none),
    ForgetHome: Batch(_forget_homes, _none),
    ForgetComponent: Batch(_forget_components, _none),
}
