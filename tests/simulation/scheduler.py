"""A seeded scheduler: the real protocols, interleaved at every store and publish step, crashed and outlived by zombies.

A process runs a loop per input partition, per partition of changes and for the commands that it owns, and one for what
is due, over one shared cache, as the worker does. Every leaf step of every loop is one turn. A crash drops the process
with everything it remembers; a zombie goes on for some turns after another process took its partitions over, and then
it dies, or it notices that its session is lost. Where a run has days, the clock jumps: the first time amid the events,
the last time when all else is done.
"""

import random
from collections.abc import Generator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from resolvers.admission import Admission
from resolvers.asking import ask, matching
from resolvers.cache import Cache
from resolvers.commanding import obey, remembered_of
from resolvers.difference import conflict
from resolvers.intake import Accepted, take_in
from resolvers.judging import Rulebook as MemberRules
from resolvers.namespaces import DEFAULT_RULES, IdentityRules
from resolvers.people import VALUES_OF
from resolvers.projecting import Rulebook, conflated, project, say_again, time_notice
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.publication import Publication
from resolvers.resolving import resolve
from resolvers.restoring import stray
from resolvers.standing import standing_of
from resolvers.steps import Notice, Notify, Outgoing, Pause, Protocol, Publish, ReadPublication, Step, Together
from sinks.journal import Journal
from sinks.memory_store import MemoryStore
from sinks.store import Due
from stream.config.rules_file import PACKAGED_FILE, read_rules
from stream.operating.republishing import is_said
from tests.simulation.logs import COMMANDS_TOPIC, NOW
from tests.simulation.parts import Faults, Kept, Outcome, Process, SessionLostError, Turn
from topics.commands import decode_result
from topics.envelope import Limits
from topics.instants import DAY_US, to_us
from topics.records import LogPosition, Record

HASH_KEY = b"simulation-hash-key"
ID_KEY = b"simulation-id-key"
MEMBER = MemberRules(read_rules(PACKAGED_FILE)[0].rules, ZoneInfo("Asia/Shanghai"))
DIES = 0.5
"""How often a zombie dies of a sudden; else it notices that its session is lost."""
JUMP = 0.01
"""How often, per turn, the clock jumps amid the events."""


SECOND_US = 1_000_000
REMEMBERS = 0.02
"""How often, per turn, the moment comes that a store will remember, and then that it forgets what came after."""


class Simulation:
    """One run over a log, decided by a seed."""

    def __init__(
        self,
        log: list[Record],
        seed: int,
        rules: IdentityRules = DEFAULT_RULES,
        faults: Faults | None = None,
        *,
        decided: Mapping[str, bytes] | None = None,
        days: int = 0,
    ) -> None:
        """`decided`: what was decided about commands before, as a store that is filled anew is told first.

        `days`: how much later it is in the end.
        """
        self._jumps = [] if not days else [days // 2, days - days // 2]
        self._now = NOW + timedelta(days=days)
        self._rng = random.Random(seed)
        self._clock_us = to_us(NOW)
        self._rules = rules
        self._faults = faults or Faults()
        self._store = MemoryStore(self._tick)
        self._admission = Admission(rules, Pseudonyms(HASH_KEY))
        self._inputs: dict[int, list[Record]] = {}
        self._commands = [record for record in log if record.topic == COMMANDS_TOPIC]
        for record in log:
            if record.topic != COMMANDS_TOPIC:
                self._inputs.setdefault(record.partition, []).append(record)
        self._events = sorted(record.position for record in log if record.topic != COMMANDS_TOPIC)
        # Operators speak of people that they see, so mostly some events go before the first command.
        self._events_first = 0
        if self._commands and not decided:
            events = len(log) - len(self._commands)
            self._events_first = self._rng.choice([0, events // 2, events])
        self._store.content.decisions.update(decided or {})
        for one in map(decode_result, (decided or {}).values()):
            if one.status == "done" and not one.dry_run:
                self._store.content.fences.update(remembered_of(one))
        self._done_commands = 0
        self._changes: list[list[Notice]] = [[] for _ in range(self._rng.randint(1, 3))]
        self._done_input = dict.fromkeys(self._inputs, 0)
        self._done_changes = [0] * len(self._changes)
        self._sent: list[Outgoing] = []
        self._zombies: list[tuple[Process, int]] = []  # with the turns that each has left
        self._silenced = 0
        self._remembered: Kept | None = None
        self.rollbacks = 0
        self.strays = self.nobodys = 0
        self._is_republished = False

    def _tick(self) -> int:
        self._clock_us += 1
        return self._clock_us

    def run(self, turns_max: int = 200_000) -> Outcome:
        """Turns until everything that came in has gone out."""
        processes = [self._process(owned) for owned in self._ownership()]
        crashes = born = turns = 0
        while self._zombies or _is_sending(processes) or not self._finished() or self._republished():
            turns += 1
            assert turns < turns_max, "the run does not come to an end"
            self._clock_us += self._rng.choice([0, 1, 50])
            if self._jumps and (self._is_quiet() if len(self._jumps) == 1 else self._rng.random() < JUMP):
                self._clock_us += self._jumps.pop(0) * DAY_US
            if self._rolls_back():
                processes, self._zombies = [self._process(owned) for owned in self._ownership()], []
            at = self._rng.randrange(len(processes))
            draw = self._rng.random()
            if draw < self._faults.crash:
                crashes += 1
                self._silenced += self._is_overtaken(processes[at])
                processes[at] = self._process(self._ownership()[at])
            elif draw < self._faults.crash + self._faults.zombie:
                born += 1
                self._zombies.append((processes[at], self._rng.randint(3, 60)))
                processes[at] = self._process(self._ownership()[at])
            if not self._turn(processes[at]):
                processes[at] = self._process(self._ownership()[at])
            self._undead()
        return Outcome(self._store, self._sent, turns, crashes, born, self._now, self.rollbacks, self._silenced)

    def _undead(self) -> None:
        """A turn of one of the zombies, and the end of those whose turns are over."""
        if not self._zombies:
            return
        self._zombies = [(process, left - 1) for process, left in self._zombies]
        self._turn(self._rng.choice(self._zombies)[0])
        for process in [process for process, left in self._zombies if not left]:
            if self._rng.random() < DIES:
                self._silenced += self._is_overtaken(process)
            else:
                self._lose_session(process)
        self._zombies = [one for one in self._zombies if one[1]]

    def _is_overtaken(self, process: Process) -> bool:
        """Whether it may have sent something behind newer records."""
        begun = process.cache.unconfirmed.items()
        return any(self._store.execute(ReadPublication(name)).revision != one.revision for name, one in begun)

    def _lose_session(self, process: Process) -> None:
        """What a process does before anything else when its session is lost; its loops do not go on."""
        process.loops, process.generation = [], self._store.generation
        for _ in self._carry(say_again(process.cache.unconfirmed), process):
            pass

    def _rolls_back(self) -> bool:
        """Keep what is in the store, and later have it back: positions too, but nothing that was sent."""
        if not self._faults.rollback or self.rollbacks or self._rng.random() > REMEMBERS:
            return False
        kept = self._remembered
        if kept is None:
            there = (deepcopy(self._store.content), dict(self._done_input), list(self._done_changes))
            self._remembered = Kept(*there, self._done_commands)
            return False
        self._store.content, self._done_input, self._done_changes, self._done_commands = kept
        self._clock_us += SECOND_US  # so long it takes at least
        self.rollbacks += 1
        return True

    def _republished(self) -> bool:
        """After a store came back older, and all is done again: what `idweave republish` does, for both topics."""
        if not self.rollbacks or self._is_republished:
            return False
        self._is_republished = True
        journal = Journal(Path(":memory:"))
        sent = list(enumerate(self._sent))
        journal.take_profiles((one.key, one.value, at) for at, one in sent if one.topic == "profiles")
        journal.take_identities((one.key, one.value) for _, one in sent if one.topic == "identities")
        for name in sorted(self._store.content.publications):
            publication: Publication = self._store.execute(ReadPublication(name))
            if not (is_said(publication, journal, "profiles") and is_said(publication, journal, "identities")):
                self._notify(Notice(name, 0, "", "republish", 0, again=True))
        for profile_id, said in journal.living():
            if profile_id not in self._store.content.profiles:
                there = [key for key in said.members if key in self._store.content.homes]
                if said.members and not there:
                    self.nobodys += 1  # who came to be by a command that is decided otherwise when it is decided anew
                    continue
                holder = there[0] if there else self._second_profile(profile_id)
                home = self._store.content.homes[holder.removeprefix(VALUES_OF)]
                strays = (stray(profile_id, said, holder),)
                self._notify(Notice(home, 0, "", "republish", 0, again=True, strays=strays))
                self.strays += 1
        return True

    def _second_profile(self, profile_id: str) -> str:
        """Whose second profile it is, which has no identifiers."""
        holders = (f"{VALUES_OF}{key}" for key in self._store.content.homes)
        return next(one for one in holders if profile_id in {mint(ID_KEY, one, nth) for nth in range(4)})

    def _ownership(self) -> list[tuple[list[int], list[int], bool]]:
        """Which process owns which partitions: input, changes, and the commands, are dealt out over one or two."""
        count = 1 if len(self._inputs) + len(self._changes) < 3 else 2
        inputs, changes = sorted(self._inputs), range(len(self._changes))
        return [
            (inputs[at::count], [one for one in changes if one % count == at], at == count - 1) for at in range(count)
        ]

    def _process(self, owned: tuple[list[int], list[int], bool]) -> Process:
        standing = standing_of(self._store.content.fences.values(), self._admission)
        process = Process(Cache(self._rng.choice([2, 1000])), standing, self._store.generation)
        process.loops = [self._resolve_loop(process, partition) for partition in owned[0]]
        process.loops += [self._project_loop(process, partition) for partition in owned[1]]
        if owned[2] and self._commands:
            process.loops.append(self._command_loop(process))
        if self._now > NOW:
            process.loops.append(self._wake_loop(process))
        return process

    def _turn(self, process: Process) -> bool:
        """Steps of some of its loops -> whether its session is not lost."""
        try:
            for _ in range(self._rng.choice([1, 1, 2, 5, 20])):
                if process.loops:
                    next(self._rng.choice(process.loops))
        except SessionLostError:
            self._lose_session(process)
            return False
        return True

    def _finished(self) -> bool:
        return not self._jumps and self._is_quiet() and not self._due()

    def _due(self) -> list[Due]:
        shards = [shard for shard, entries in self._store.content.due.items() if entries]
        return [one for shard in shards for one in self._store.due(shard, self._clock_us, 1)]

    def _is_quiet(self) -> bool:
        return (
            self._done_commands >= len(self._commands)
            and all(self._done_input[at] >= len(records) for at, records in self._inputs.items())
            and all(done >= len(notices) for done, notices in zip(self._done_changes, self._changes, strict=True))
        )

    def _resolve_loop(self, process: Process, partition: int) -> Turn:
        records = self._inputs[partition]
        at = self._done_input[partition]
        while True:
            yield
            if at >= len(records) or not self._is_clear(records[at].position):
                continue
            wanted = records[at : at + self._rng.randint(1, 4)]
            batch = [record for record in wanted if self._is_clear(record.position)]
            taken = [take_in(record, Limits(), self._admission, process.standing.blocks) for record in batch]
            arrivals = [one.arrival for one in taken if isinstance(one, Accepted)]
            alive = process.standing.lives.alive(arrivals)
            protocol = resolve(alive.arrivals, process.cache, self._rules, alive.orphans)
            resolved = yield from self._carry(protocol, process)
            for seen in resolved.observations:
                yield
                self._sent.append(conflict(seen.keys, seen.rule, [seen.arrival.mark], ()))
            for changed in resolved.changed:
                cause = changed.cause.mark
                notice = Notice(
                    changed.component.name, changed.component.version, cause.id, cause.source, cause.append_ms
                )
                yield from self._carry(_one(Notify(notice)), process)
            yield
            if self._done_input[partition] > at:  # somebody else is further: this is a zombie, or was one
                at = self._done_input[partition]
                continue
            if process.generation != self._store.generation:  # as the script that moves the position says
                raise SessionLostError
            at += len(batch)
            self._done_input[partition] = at

    def _is_clear(self, position: LogPosition) -> bool:
        """Whether every command before an event is done: what the worker's barrier waits for."""
        return all(one.position > position for one in self._commands[self._done_commands :])

    def _is_due(self, command: Record) -> bool:
        """Whether an operator has seen enough to give a command."""
        before = sum(position < command.position for position in self._events)
        return sum(self._done_input.values()) >= min(self._events_first, before // 2)

    def _command_loop(self, process: Process) -> Turn:
        at = self._done_commands
        while True:
            yield
            if at >= len(self._commands) or not self._is_due(self._commands[at]):
                continue
            asked = ask(self._commands[at], self._admission)
            if asked.pattern:
                homes = sorted(self._store.content.homes)
                asked = asked._replace(named=tuple(matching(asked, homes, self._admission)))
            yield from self._carry(obey(asked, self._rules, frozenset(), process.standing), process)
            yield
            at = self._done_commands = max(at + 1, self._done_commands)

    def _wake_loop(self, process: Process) -> Turn:
        while True:
            yield
            entries = self._due()
            if not entries:
                continue
            for notice in [time_notice(*one) for one in entries]:
                yield from self._carry(_one(Notify(notice)), process)
            yield
            self._store.take_off(entries)

    def _project_loop(self, process: Process, partition: int) -> Turn:
        at = self._done_changes[partition]
        while True:
            yield
            notices = self._changes[partition]
            if at >= len(notices):
                continue
            size = self._rng.randint(1, 5)
            batch = conflated(notices[at : at + size])
            end = min(at + size, len(notices))
            rulebook = Rulebook(
                self._rules,
                frozenset(),
                lambda key, nth: mint(ID_KEY, key, nth),
                MEMBER,
                process.standing.lives.was_erased,
            )
            yield from self._carry(project(batch, process.cache, rulebook, self._tick()), process)
            yield
            if self._done_changes[partition] > at:
                at = self._done_changes[partition]
                continue
            at = self._done_changes[partition] = end

    def _carry(self, protocol: Protocol[Any], process: Process) -> Generator[None, None, Any]:
        """Run a protocol, every leaf of every step a turn of its own."""
        reply: Any = None
        while True:
            try:
                step = protocol.send(reply)
            except StopIteration as stop:
                return stop.value
            reply = yield from self._carry_step(step, process)

    def _carry_step(self, step: Step, process: Process) -> Generator[None, None, Any]:
        if isinstance(step, Together):
            replies: dict[int, Any] = {}
            order = list(range(len(step.steps)))
            self._rng.shuffle(order)
            for index in order:
                replies[index] = yield from self._carry_step(step.steps[index], process)
            return [replies[index] for index in range(len(step.steps))]
        if isinstance(step, Publish):
            offsets: list[int] = []
            for record in step.records:
                yield
                self._sent.append(record)
                offsets.append(len(self._sent) - 1)
            yield
            return offsets
        yield
        if isinstance(step, Pause):
            return None
        if isinstance(step, Notify):
            self._notify(step.notice)
            return None
        if process.generation != self._store.generation:
            raise SessionLostError
        return self._store.execute(step)

    def _notify(self, notice: Notice) -> None:
        self._changes[sum(notice.component.encode()) % len(self._changes)].append(notice)


def _is_sending(processes: list[Process]) -> bool:
    """Whether one of them is amid a publication, although somebody else may have done all that there is to do."""
    return any(process.cache.unconfirmed for process in processes)


def _one(step: Step) -> Protocol[Any]:
    reply = yield step
    return reply
