"""What operators have ruled, from the answers on the results topic (readings O1-O9).

An answer is a dict as decoded from its record; nothing of how it was decided is judged here.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tests.naive.links import LIFE, Key, Ruling
from tests.naive.values import Identifier

Position = tuple[int, str, int, int]


@dataclass
class Unbound:
    """A number that changed hands at a log position, by its seal; `undone`: that was taken back."""

    position: Position
    seal: str
    undone: bool


@dataclass
class Block:
    """Values that are dropped from records between two log positions: sealed identifiers, or a pattern."""

    begin: Position
    end: Position | None
    namespace: str
    seals: list[str]
    pattern: str

    def holds(self, position: Position) -> bool:
        """Whether a record there is in it."""
        return self.begin < position and (self.end is None or position < self.end)


@dataclass
class Rulings:
    """`standing`: the latest in the log first. `created`: identifiers that commands named first, and when.

    `erased`: seal -> log positions of erases. `silent`: identifiers whose links do not count.
    """

    hash_key: bytes
    standing: list[Ruling]
    created: list[tuple[Identifier, datetime]]
    erased: dict[str, list[Position]]
    unbound: list[Unbound]
    blocks: list[Block]
    silent: set[Key]

    def is_over(self, key: Key, position: Position) -> bool:
        """Whether whoever had this (by its name in answers) was erased after this position."""
        return bool(self.erased) and any(position < each for each in self.erased.get(self.seal_of(key), []))

    def changes_of(self, key: Key) -> list[Unbound]:
        """Where a life of the identifier ends, in the log's order: it is unbound, or its person is erased."""
        if not self.unbound and not self.erased:
            return []
        mine = [one for one in self.unbound if one.seal == self.seal_of(key)]
        found: list[Unbound] = []
        while True:
            named = (key[0], f"{key[1]}{LIFE}{len(found)}") if found else key
            later = [one for one in mine if not found or one.position > found[-1].position]
            seal = self.seal_of(named)
            later += [Unbound(min(self.erased[seal]), seal, undone=False)] if seal in self.erased else []
            if not later:
                return found
            found.append(min(later, key=lambda one: one.position))

    def seal_of(self, key: Key) -> str:
        """What stands for an identifier where it must not be named."""
        return seal_of(key, self.hash_key)

    def named_at(self, key: Key, position: Position) -> Key:
        """How answers name the life of a number that a record there speaks of."""
        before = sum(one.position < position for one in self.changes_of(key))
        return (key[0], f"{key[1]}{LIFE}{before}") if before else key

    def life(self, named: Key) -> Key:
        """The life that a name in an answer means: one for all between which no unbind stands."""
        token, _, before = named[1].partition(LIFE)
        key = (named[0], token)
        lives = sum(not one.undone for one in self.changes_of(key)[: int(before or 0)])
        return (key[0], f"{token}{LIFE}{lives}") if lives else key

    def is_past(self, key: Key) -> bool:
        """Whether a life is over."""
        token, _, life = key[1].partition(LIFE)
        return int(life or 0) < sum(not one.undone for one in self.changes_of((key[0], token)))

    def living(self, identifier: Identifier, position: Position) -> Identifier | None:
        """The life of an identifier that a record there speaks of; None: of somebody who was erased later."""
        named = self.named_at((identifier.namespace, identifier.token), position)
        if self.is_over(named, position):
            return None
        return replace(identifier, token=self.life(named)[1])

    def drops(self, identifier: Identifier, writings: list[str], position: Position) -> bool:
        """Whether a value is blocked for a record there."""
        for block in self.blocks:
            if block.namespace != identifier.namespace or not block.holds(position):
                continue
            if self.seal_of((identifier.namespace, identifier.token)) in block.seals:
                return True
            if block.pattern and any(re.search(block.pattern, writing) for writing in writings):
                return True
        return False


def read_rulings(answers: Iterable[dict[str, Any]], config: dict[str, Any], hash_key: bytes) -> Rulings:
    """The rulings that stand after all of these answers."""
    done = [answer for answer in answers if answer["status"] == "done" and not answer["dry_run"]]
    ends = {of: place_of(one) for one in done if one["type"] == "undo" for of in [one["effect"]["of"]]}
    ends |= {of: place_of(one) for one in done if one["type"] == "unblock" for of in one["effect"]["of"]}
    rulings = Rulings(hash_key, [], [], {}, [], [], set())
    for answer in done:
        place, effect = place_of(answer), answer["effect"]
        if answer["type"] == "erase":
            for text in answer["identifiers"]:
                rulings.erased.setdefault(key_of_text(text)[1], []).append(place)
        elif answer["type"] == "unbind":
            rulings.unbound.append(Unbound(place, effect["seal"], answer["id"] in ends))
        elif answer["type"] == "block":
            pattern = effect.get("pattern", "").removeprefix("re:")
            block = Block(place, ends.get(answer["id"]), effect["namespace"], effect["seals"], pattern)
            rulings.blocks.append(block)
    for answer in done:
        rule(answer, rulings, config, is_undone=answer["id"] in ends)
    rulings.standing.sort(key=lambda each: each.position, reverse=True)
    return rulings


def rule(answer: dict[str, Any], rulings: Rulings, config: dict[str, Any], *, is_undone: bool) -> None:
    """What one answer says about who is who, as far as it speaks of people who were not erased later."""
    place, effect = place_of(answer), answer["effect"]

    def lives(names: Iterable[str]) -> list[Key]:
        named = [key_of_text(name) for name in names]
        return [rulings.life(key) for key in named if not rulings.is_over(key, place)]

    keys = lives(with_lives(answer)) if answer["type"] != "erase" else []
    if answer["type"] == "block" and not is_undone:
        rulings.silent |= {*keys}
    for name, display in effect.get("created", {}).items():
        at = datetime.fromtimestamp(answer["append_ms"] / 1000, UTC)
        rulings.created += [(identifier_of(key, display, config), at) for key in lives([name])]
    if is_undone:
        return
    if answer["type"] in ("merge", "split"):
        values = {*lives(effect.get("values", []))} if answer["type"] == "merge" else {*keys}
        left = {*lives(effect.get("left", []))}
        rulings.standing.append(Ruling(answer["id"], place, keys, values, left, {*effect.get("lifted", [])}))
    elif answer["type"] == "unbind" and lives(effect[name] for name in ("ends",) if name in effect):
        both = lives(effect[name] for name in ("ends", "from") if name in effect)
        begun = {*lives(effect[name] for name in ("begun",) if name in effect)}
        rulings.standing.append(Ruling(answer["id"], place, both, set(), begun, set()))


def with_lives(answer: dict[str, Any]) -> list[str]:
    """The identifiers that a command acted on, with the lives that they were in."""
    lives = answer["effect"].get("lives", {})
    return [f"{name}{LIFE}{lives[name]}" if name in lives else name for name in answer["identifiers"]]


def place_of(answer: dict[str, Any]) -> Position:
    """The log position of the command."""
    return (answer["append_ms"], answer["topic"], answer["partition"], answer["offset"])


def seal_of(key: Key, hash_key: bytes) -> str:
    """What stands for an erased identifier."""
    message = "idweave seal " + hashlib.sha256(":".join(key).encode()).hexdigest()
    return base64.b32encode(hmac.digest(hash_key, message.encode(), "sha256")).decode()[:26]


def key_of_text(text: str) -> Key:
    """`namespace:~token` -> its two parts."""
    namespace, _, token = text.partition(":~")
    return (namespace, token)


def identifier_of(key: Key, display: str, config: dict[str, Any]) -> Identifier:
    """An identifier that no event has named yet."""
    namespace, token = key
    options = config["namespaces"][namespace]
    scope = token.partition(":")[0] if options.get("scoped") else ""
    return Identifier(list(config["namespaces"]).index(namespace), namespace, scope, token, token, display)
