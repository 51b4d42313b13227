"""The store in memory: the twin of `RedisStore`, one step at a time, for tests and the simulation.

Deterministic and synchronous. It keeps the same records as Redis does, field by field, so that a step means the same
here and there; the contract suite holds them together. Must not know: the real clock, randomness.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from resolvers.component import Component
from resolvers.publication import NOTHING, Publication, parse
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
    Step,
)
from sinks.store import Advance, Advanced, AnyTP, Due, Move, Page, shard_of


class PublicationRecord(NamedTuple):
    """A publication at rest: its parts as encoded by `resolvers.publication`."""

    revision: int = 0
    state: bytes | None = None
    offsets: bytes | None = None
    after: bytes | None = None
    sending: bytes | None = None


NO_MORE = {"to": b""}
"""What counts for a component that is not there: nothing is published of it, as of one that has moved."""


class Content(NamedTuple):
    """Everything in the store, by key."""

    homes: dict[str, str]
    components: dict[str, dict[str, bytes]]
    publications: dict[str, PublicationRecord]
    profiles: dict[str, str]
    positions: dict[tuple[str, int], int]
    decisions: dict[str, bytes]
    due: dict[int, set[tuple[int, str]]]
    meta: dict[str, str]
    fences: dict[str, bytes]


class MemoryStore:
    """A store in memory. `run_id` names the server that it plays; `clock_us` is the server's clock."""

    def __init__(self, clock_us: Callable[[], int] = lambda: 0) -> None:
        self.content = Content({}, {}, {}, {}, {}, {}, {}, {}, {})
        self.run_id = "run-1"
        self.clock_us = clock_us
        self._carry_out: dict[type, Callable[[Any], Reply]] = {
            ReadHome: self._read_home,
            ClaimHome: self._claim_home,
            ShortenHome: self._shorten_home,
            ReadComponent: self._read_component,
            Commit: self._commit,
            Freeze: self._freeze,
            Redirect: self._redirect,
            Settle: self._settle,
            ReadPublication: self._read_publication,
            Intend: self._intend,
            Complete: self._complete,
            DropPublication: self._drop_publication,
            Schedule: self._schedule,
            NameProfile: self._name_profile,
            ReadDecision: self._read_decision,
            Decide: self._decide,
            ReadDecisions: self._read_decisions,
            Rewrite: self._rewrite,
            Fence: self._fence,
            ReadProfileName: self._read_profile_name,
            ForgetProfile: self._forget_profile,
            ForgetHome: self._forget_home,
            ForgetComponent: self._forget_component,
            ForgetDue: self._forget_due,
        }

    def execute(self, step: Step) -> Reply:
        """Carry out one leaf step of the store -> its reply, as `resolvers.steps` says."""
        return self._carry_out[type(step)](step)

    def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile, as `NameProfile` wrote it; None: there is no such id."""
        return self.content.profiles.get(profile_id)

    def scan_homes(self, cursor: int = 0) -> Page:
        """The identifiers that are in a component, all at once."""
        assert cursor == 0, "there is one page"
        return Page(list(self.content.homes), 0)

    def scan_components(self, cursor: int = 0) -> Page:
        """The components, also those that have moved, all at once."""
        assert cursor == 0, "there is one page"
        return Page(list(self.content.components), 0)

    def due(self, shard: int, until_us: int, most: int) -> list[Due]:
        """Components of a share that are to be looked at by then, the longest due first; they stay until taken off."""
        entries = sorted(self.content.due.get(shard, ()))
        return [Due(name, due_us) for due_us, name in entries if due_us <= until_us][:most]

    def take_off(self, entries: Iterable[Due]) -> None:
        """Forget what was due, because the projection was told."""
        for one in entries:
            self.content.due.get(shard_of(one.component), set()).discard((one.due_us, one.component))

    def notes(self, names: Sequence[str]) -> list[str | None]:
        """What was noted of the store as a whole under these names; None: nothing."""
        return [self.content.meta.get(name) for name in names]

    def note(self, name: str, text: str) -> None:
        """Note something of the store as a whole."""
        self.content.meta[name] = text

    def start_offsets(self, partitions: Iterable[AnyTP]) -> dict[AnyTP, int | None]:
        """The position of each partition: the next offset to read; None: there is none."""
        return {tp: self.content.positions.get(tp) for tp in partitions}

    def advance(
        self, tp: tuple[str, int], start: int | None, end: int, run_id: str, *, allow_gap: bool = False
    ) -> Advanced:
        """Move a position from the start of a batch, all of whose effects are in this store, to its end.

        Args:
            tp: topic and partition.
            start: the position that the batch continues; None: there was none.
            end: the next offset after the batch.
            run_id: the server's, as it was when the batch began.
            allow_gap: the broker has confirmed that nothing is left between the position and `start`.
        """
        position = self.content.positions.get(tp)
        if run_id != self.run_id:
            return Advanced(Advance.CHANGED, position)
        outcome = judged(position, start, allow_gap=allow_gap)
        if outcome is not Advance.DONE:
            return Advanced(outcome, position)
        self.content.positions[tp] = end
        return Advanced(outcome, end)

    def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """Move positions of partitions that differ, each as `advance` does."""
        return [self.advance(*one, run_id) for one in moves]

    @property
    def generation(self) -> int:
        """What sessions are told apart by: how many fences there are."""
        return len(self.content.fences)

    def saved(self) -> Content:
        """A copy of everything, to `restart` from."""
        return deepcopy(self.content)

    def restart(self, content: Content | None = None) -> None:
        """Play a server that was started anew: with what it had, or with what was saved of it before."""
        self.run_id = f"run-{int(self.run_id.partition('-')[2]) + 1}"
        if content is not None:
            self.content = deepcopy(content)

    def _read_home(self, step: ReadHome) -> str | None:
        return self.content.homes.get(step.key)

    def _claim_home(self, step: ClaimHome) -> str:
        return self.content.homes.setdefault(step.key, step.component)

    def _shorten_home(self, step: ShortenHome) -> None:
        if self.content.homes.get(step.key) == step.seen:
            self.content.homes[step.key] = step.component

    def _read_component(self, step: ReadComponent) -> Component:
        return Component.parse(step.component, self.content.components.get(step.component, {}))

    def _commit(self, step: Commit) -> int | None:
        record = self.content.components.get(step.component, {})
        if int(record.get("v", b"0")) != step.version or "to" in record:
            return None
        self.content.components[step.component] = record
        record.update(step.fields)
        for field in step.removed:
            record.pop(field, None)
        record["v"] = b"%d" % (step.version + 1)
        return step.version + 1

    def _freeze(self, step: Freeze) -> str:
        record = self.content.components.setdefault(step.component, {})
        if "to" not in record:
            record.update({"to": step.to.encode(), "p": b"1", "v": _next(record)})
        return record["to"].decode()

    def _redirect(self, step: Redirect) -> None:
        record = self.content.components.get(step.component, {})
        if "p" in record and record["to"].decode() == step.seen:
            record.update({"to": step.to.encode(), "v": _next(record)})
            if not step.to:
                del record["to"], record["p"]

    def _settle(self, step: Settle) -> None:
        record = self.content.components.get(step.component, {})
        if "p" in record:
            self.content.components[step.component] = {"v": _next(record), "to": record["to"]}

    def _read_publication(self, step: ReadPublication) -> Publication:
        record = self.content.publications.get(step.component)
        if record is None:
            return NOTHING
        return parse(b"%d" % record.revision, *record[1:])

    def _intend(self, step: Intend) -> int | None:
        record = self.content.publications.get(step.component, PublicationRecord())
        if record.revision != step.revision or "to" in self.content.components.get(step.component, NO_MORE):
            return None
        self.content.publications[step.component] = record._replace(
            revision=step.revision + 1, after=step.state, sending=step.sending
        )
        return step.revision + 1

    def _complete(self, step: Complete) -> bool:
        record = self.content.publications.get(step.component)
        if record is None or record.revision != step.revision or record.after is None:
            return False
        state = record.after if step.instead is None else step.instead
        self.content.publications[step.component] = PublicationRecord(step.revision, state, step.offsets)
        return True

    def _drop_publication(self, step: DropPublication) -> None:
        self.content.publications.pop(step.component, None)

    def _schedule(self, step: Schedule) -> None:
        self.content.due.setdefault(shard_of(step.component), set()).add((step.due_us, step.component))

    def _name_profile(self, step: NameProfile) -> None:
        self.content.profiles.setdefault(step.profile_id, step.key)

    def _read_decision(self, step: ReadDecision) -> bytes | None:
        return self.content.decisions.get(step.command)

    def _decide(self, step: Decide) -> bytes:
        return self.content.decisions.setdefault(step.command, step.decision)

    def _read_decisions(self, _step: ReadDecisions) -> list[bytes]:
        return list(self.content.decisions.values())

    def _rewrite(self, step: Rewrite) -> None:
        self.content.decisions[step.command] = step.decision

    def _fence(self, step: Fence) -> None:
        self.content.fences.setdefault(step.name, step.ended)

    def _read_profile_name(self, step: ReadProfileName) -> str | None:
        return self.content.profiles.get(step.profile_id)

    def _forget_profile(self, step: ForgetProfile) -> None:
        self.content.profiles.pop(step.profile_id, None)

    def _forget_home(self, step: ForgetHome) -> None:
        self.content.homes.pop(step.key, None)

    def _forget_due(self, step: ForgetDue) -> None:
        for entries in self.content.due.values():
            entries.difference_update({entry for entry in entries if entry[1] == step.component})

    def _forget_component(self, step: ForgetComponent) -> bool:
        if int(self.content.components.get(step.component, {}).get("v", b"0")) != step.version:
            return False
        self.content.components.pop(step.component, None)
        self.content.publications.pop(step.component, None)
        return True


def judged(position: int | None, start: int | None, *, allow_gap: bool) -> Advance:
    """Whether a batch from `start` continues `position`."""
    if position == start:
        return Advance.DONE
    if position is not None and (start is None or position > start):
        return Advance.BEHIND
    return Advance.DONE if allow_gap else Advance.GAP


def _next(record: dict[str, bytes]) -> bytes:
    return b"%d" % (int(record.get("v", b"0")) + 1)
