"""Decisions as they are recorded and answered: how they write identifiers, what they rule, and what they leave behind.

A decision is read from its record wherever it is carried out: at once, after a crash, and in a rebuild.
Rule: it names identifiers by token, with the life that they had when it was made.
Must not know: how something is decided, the store.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from resolvers.blocking import Blocked, Lifted
from resolvers.constraints import Constraint
from resolvers.evidence import Mark
from resolvers.life_keys import in_life, life_of, shown
from resolvers.lives import Ended
from resolvers.standing import LeftBehind
from topics.commands import COMMAND_SOURCE, Result

Seal = Callable[[str], str]
"""An identifier's key -> its keyed digest, which is all that is kept of who was erased."""


def written(key: str) -> str:
    """An identifier as decisions name it: `namespace:~token`."""
    namespace, _, token = key.partition(":")
    return f"{namespace}:~{token}"


def keys_of(names: Iterable[str]) -> tuple[str, ...]:
    """The keys of identifiers as `written` wrote them."""
    return tuple(name.replace(":~", ":", 1) for name in names)


def identified(keys: Iterable[str]) -> tuple[tuple[str, ...], Mapping[str, int]]:
    """What an answer names for people, and the lives of those of them that are not in their first."""
    names = {written(shown(key)): life_of(key) for key in keys}
    return tuple(names), {name: life for name, life in names.items() if life}


def acted_on(decision: Result) -> tuple[str, ...]:
    """The keys of the identifiers that a command resolved when it was decided."""
    lives: Mapping[str, int] = decision.effect.get("lives", {})
    return tuple(in_life(key, lives.get(written(key), 0)) for key in keys_of(decision.identifiers))


def constraints_of(decision: Result) -> dict[str, Constraint]:
    """What a decision rules, by name: each is written into the component of the identifiers that it names."""
    mark, keys, effect = _mark(decision), acted_on(decision), decision.effect
    match decision.type:
        case "merge":
            lifts = tuple(effect.get("lifted", ()))
            found = Constraint("merge", mark, keys, keys_of(effect.get("values", ())), (), lifts)
        case "split":
            found = Constraint("split", mark, keys, keys, keys_of(effect["left"]))
        case "unbind":
            if "ends" not in effect:  # who had it was erased: there is nothing to keep apart
                return {}
            lives = keys_of(effect[name] for name in ("ends", "from") if name in effect)
            found = Constraint("unbind", mark, lives, (), keys_of([effect["begun"]] if "begun" in effect else []))
        case "block":
            return {f"{decision.id}/{written(key)}": Constraint("block", mark, (key,), ()) for key in keys}
        case _:
            return {}
    return {decision.id: found} if found.named else {}


def taken_back(decision: Result) -> tuple[str, ...]:
    """The ids of the commands that a decided `undo` or `unblock` takes back."""
    of = decision.effect.get("of", ())
    return (of,) if isinstance(of, str) else tuple(of)


def left_behind(decision: Result) -> LeftBehind | None:
    """What a done decision makes of records before and after it; None: it is all the same to them."""
    place = decision.position
    match decision.type:
        case "erase":
            return Ended(*place, tuple(name.partition(":~")[2] for name in decision.identifiers))
        case "unbind":
            return Ended(*place, (decision.effect["seal"],), anew=True)
        case "block":
            effect = decision.effect
            return Blocked(decision.id, *place, effect["namespace"], tuple(effect["seals"]), effect.get("pattern", ""))
        case "unblock":
            return Lifted(*place, taken_back(decision))
        case "undo" if decision.effect["was"] == "block":
            return Lifted(*place, taken_back(decision))
        case _:
            return None


def without(decision: Result, seals: frozenset[str], seal: Seal) -> Result:
    """An earlier decision that does not name those who were erased; the same where it named none of them."""

    def left(names: Iterable[str]) -> list[str]:
        return [name for name in names if seal(keys_of([name])[0]) not in seals]

    effect = dict(decision.effect)
    effect.update({name: left(effect[name]) for name in ("values", "left") if name in effect})
    for name in ("ends", "from", "begun"):
        if name in effect and not left([effect[name]]):
            del effect[name]
    if "created" in effect:
        effect["created"] = {name: effect["created"][name] for name in left(effect["created"])}
    kept = [name for name, key in zip(decision.identifiers, acted_on(decision), strict=True) if seal(key) not in seals]
    if "lives" in effect:
        effect["lives"] = {name: life for name, life in effect["lives"].items() if name in kept}
    if tuple(kept) == decision.identifiers and effect == decision.effect:
        return decision
    return replace(decision, identifiers=tuple(kept), effect=effect)


def _mark(decision: Result) -> Mark:
    return Mark(decision.append_ms * 1000, *decision.position, decision.id, COMMAND_SOURCE)
