"""People in Redis, a batch at a time: for the rivals whose framework hands out batches.

The same keys as the plain app's, in three rounds a batch, each one pipeline: whose are these identifiers; write what is
new; read who has changed. Merges, which are rare, take a round of their own. Whoever carries it out sends the commands.
Rule: one process has all partitions. Two would lose merges to each other, which the engine's compare-and-set prevents.
Must not know: which client, which framework.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

from benchmarks.peers.touchpoints import Touchpoint, profile

Command = tuple[Any, ...]
Profiles = dict[str, bytes | None]
"""By person; None: merged into another."""
Rounds = Generator[list[Command], list[Any], Profiles]
FACTS = ("visits", "orders", "paid_cents", "points")


def add(touchpoints: Iterable[Touchpoint], prefix: str) -> Rounds:
    """Add events -> the profile of everybody who has changed. It yields commands, and is sent their replies."""
    batch = _Batch(list(touchpoints), prefix)
    [found] = yield [("MGET", *(f"{prefix}:i:{one}" for one in batch.named))]
    batch.unite(found)
    if batch.merged:
        batch.absorb((yield batch.reads(batch.merged)))
    yield batch.writes()
    return batch.profiles((yield batch.reads(batch.changed)))


class _Batch:
    """Events on their way into the store. `merged`: people who are part of another now; `changed`: all others met."""

    def __init__(self, touchpoints: Sequence[Touchpoint], prefix: str) -> None:
        self.named = list(dict.fromkeys(one for touchpoint in touchpoints for one in touchpoint.identifiers))
        self.merged: list[str] = []
        self.changed: list[str] = []
        self._touchpoints = touchpoints
        self._prefix = prefix
        self._holder: dict[str, str] = {}
        self._stored: dict[str, str] = {}
        self._into: dict[str, str] = {}
        self._added: dict[str, dict[str, int]] = {}
        self._moved: list[Command] = []

    def unite(self, found: Sequence[bytes | None]) -> None:
        """Who is who after these events, and what they add."""
        self._stored = {one: who.decode() for one, who in zip(self.named, found, strict=True) if who is not None}
        self._holder = dict(self._stored)
        for touchpoint in self._touchpoints:
            known = sorted({self._root(self._holder[one]) for one in touchpoint.identifiers if one in self._holder})
            person = (known or touchpoint.identifiers)[0]
            self._into.update(dict.fromkeys(known[1:], person))
            self._holder.update(dict.fromkeys(touchpoint.identifiers, person))
            facts = self._added.setdefault(person, {})
            for name in FACTS:
                if number := getattr(touchpoint, name):
                    facts[name] = facts.get(name, 0) + number
        self.merged = list(self._into)
        self.changed = list(dict.fromkeys(self._root(person) for person in self._added))

    def reads(self, people: Iterable[str]) -> list[Command]:
        """Members and facts of each."""
        kinds = (("SMEMBERS", "m"), ("HGETALL", "f"))
        return [(verb, f"{self._prefix}:{kind}:{one}") for one in people for verb, kind in kinds]

    def absorb(self, replies: Sequence[Any]) -> None:
        """Members and facts of those who were merged go to whom they are part of."""
        for loser, members, facts in _by_person(self.merged, replies):
            person = self._root(loser)
            for member in members:
                self._moved += self._belongs(member.decode(), person)
            self._moved += self._adds(person, {name.decode(): int(number) for name, number in facts.items()})
            self._moved.append(("DEL", f"{self._prefix}:m:{loser}", f"{self._prefix}:f:{loser}"))

    def writes(self) -> list[Command]:
        """All that is new."""
        new = [one for one in self.named if self._stored.get(one) != self._root(self._holder[one])]
        belongs = [command for one in new for command in self._belongs(one, self._root(self._holder[one]))]
        adds = [command for person, facts in self._added.items() for command in self._adds(self._root(person), facts)]
        return self._moved + belongs + adds

    def profiles(self, replies: Sequence[Any]) -> Profiles:
        """What is published."""
        profiles: Profiles = dict.fromkeys(self.merged)
        for person, members, facts in _by_person(self.changed, replies):
            numbers = {name.decode(): int(number) for name, number in facts.items()}
            profiles[person] = profile([one.decode() for one in members], numbers)
        return profiles

    def _root(self, person: str) -> str:
        while person in self._into:
            person = self._into[person]
        return person

    def _belongs(self, identifier: str, person: str) -> list[Command]:
        return [("SET", f"{self._prefix}:i:{identifier}", person), ("SADD", f"{self._prefix}:m:{person}", identifier)]

    def _adds(self, person: str, facts: dict[str, int]) -> list[Command]:
        return [("HINCRBY", f"{self._prefix}:f:{person}", name, number) for name, number in facts.items()]


def _by_person(people: Sequence[str], replies: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Person, members and facts."""
    return zip(people, replies[::2], replies[1::2], strict=True)
