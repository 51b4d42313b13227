"""Profile ids: minted once, held by an identifier, kept.

Rules (contract, section 4): when profiles merge, the older id survives; when a stronger identifier joins, it takes over
holding; when identifiers part, the id stays with its holder, and a part without an id mints one. An id that ended, or
was erased, is never minted again: the mint goes on to its next number.
Must not know: contents, evidence, the clock.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from resolvers.people import VALUES_OF, Person
from resolvers.publication import State

Mint = Callable[[str, int], str]
"""(identifier key, number of the try) -> profile id."""


class Assigned(Struct, frozen=True, gc=False):
    """The id of each person, in order; the ids that end now -> the id they merge into; and those of who was erased."""

    ids: list[str]
    ended: dict[str, str]
    erased: tuple[str, ...] = ()


def nobody_was(_key: str) -> bool:
    """What says whether an identifier's person was erased, where nobody ever was."""
    return False


def assign(persons: list[Person], state: State, mint: Mint, was_erased: Callable[[str], bool] = nobody_was) -> Assigned:
    """Give every person the oldest id that one of its identifiers holds, or a new one.

    Nobody holds the id of somebody who was erased, and of nobody else: whoever has moved on has taken it along.
    """
    if len(persons) == 1 and len(state.profiles) == 1:
        [(only, was)] = state.profiles.items()
        if was.holder in persons[0].keys:
            return Assigned([only], {})
    if len(persons) == 1 and not state.profiles and not state.ended and not state.used:
        return Assigned([mint(persons[0].holder, 0)], {})
    of_holder = {person.holder: at for at, person in enumerate(persons)}
    of_member = {key: at for at, person in enumerate(persons) for key in person.keys}
    claims: list[list[str]] = [[] for _ in persons]
    erased: list[str] = []
    for profile_id, published in state.profiles.items():
        at = of_holder.get(published.holder)
        if at is None:  # a device's second profile that is no longer contested goes where the device is
            key = published.holder.removeprefix(VALUES_OF)
            at = of_member.get(key) if was_erased(key) else of_member[key]
        if at is None:
            erased.append(profile_id)
        else:
            claims[at].append(profile_id)
    used = {*state.profiles, *state.ended, *state.used}
    ids: list[str] = []
    ended: dict[str, str] = {}
    for person, claimed in zip(persons, claims, strict=True):
        oldest = min(claimed, key=lambda one: (state.profiles[one].born, one), default=None)
        ids.append(_minted(person.holder, mint, used | set(ids)) if oldest is None else oldest)
        ended.update({profile_id: ids[-1] for profile_id in claimed if profile_id != oldest})
    return Assigned(ids, ended, tuple(erased))


def survivor(ended: Mapping[str, str], profile_id: str) -> str:
    """Where an id leads that may have merged away, and again."""
    while profile_id in ended:
        profile_id = ended[profile_id]
    return profile_id


def _minted(holder: str, mint: Mint, used: set[str]) -> str:
    nth = 0
    while (profile_id := mint(holder, nth)) in used:
        nth += 1
    return profile_id
