"""A worker in memory for the tests of lookups and of the web: events in, people published, one step at a time."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from resolvers.admission import Admission
from resolvers.asking import ask
from resolvers.cache import Cache
from resolvers.commanding import obey
from resolvers.intake import Accepted, take_in
from resolvers.judging import Rulebook as MemberRules
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook, conflated, project
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.resolving import resolve
from resolvers.standing import Standing, standing_of
from resolvers.steps import Notice, Notify, Protocol, Publish, Reply, Step, Together
from sinks.history_reader import History
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from sinks.murmur2 import partition_of
from sinks.newest_reader import Bounds, NewestPage
from sinks.store import Page
from topics.codec import decode, encode
from topics.commands import Command, Result
from topics.envelope import Limits
from topics.headers import Headers
from topics.records import Record

NOW_MS = 1_790_000_000_000


class SmallWorker:
    """The store, the log, and the protocols between them. Also a `LookupStore`, its `Records`, and a desk for commands.

    `between` is called before every call of a lookup, so that a test lets the world go on meanwhile.
    """

    def __init__(self, member: MemberRules | None = None) -> None:
        self.store = MemoryStore(self._now_us)
        self.fences: list[bytes] = []
        self.log = MemoryLog()
        self.admission = Admission(DEFAULT_RULES, Pseudonyms(b"hash key of a test"))
        self.between: Callable[[], None] = lambda: None
        self._rulebook = Rulebook(
            DEFAULT_RULES,
            frozenset(),
            lambda key, nth: mint(b"id key of a test", key, nth),
            member,
            self._was_erased,
        )
        self._ticks = 0
        self._offset = 0
        self._notices: list[Notice] = []

    def publish(self, *events: dict[str, str]) -> None:
        """Take events in, each named by its identifiers, and publish what has changed."""
        for _ in self.steps(*events):
            pass

    def steps(self, *events: dict[str, str]) -> Iterator[None]:
        """The same, step by step."""
        cache = Cache()
        taken = [take_in(self._record(event), Limits(), self.admission) for event in events]
        arrivals = [one.arrival for one in taken if isinstance(one, Accepted)]
        assert len(arrivals) == len(events), "a test's event was refused"
        resolved: Any = yield from self._carry(resolve(arrivals, cache, DEFAULT_RULES))
        for changed in resolved.changed:
            component, mark = changed.component, changed.cause.mark
            self._notices.append(Notice(component.name, component.version, mark.id, mark.source, mark.append_ms))
        yield from self._projected(cache)

    def carried(self, protocol: Protocol[Any]) -> Any:  # noqa: ANN401 - whatever it answers
        """Carry a protocol out -> its answer."""
        return _ended(self._carry(protocol))

    def _projected(self, cache: Cache) -> Iterator[None]:
        while self._notices:
            batch, self._notices = conflated(self._notices), []
            yield from self._carry(project(batch, cache, self._rulebook, self._now_us()))

    def profiles(self) -> dict[str, dict[str, Any]]:
        """The last record of each profile on the topic."""
        records = [record for partition in self.log.topic("profiles") for record in partition]
        return {record.key.decode(): decode(record.value) for record in records if record.key and record.value}

    def values(self, profile_id: str) -> list[bytes]:
        """All records of a profile, oldest first."""
        partition = self.log.topic("profiles")[partition_of(profile_id.encode(), self.log.partitions)]
        return [record.value for record in partition if record.key == profile_id.encode() and record.value is not None]

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """One after the other."""
        self.between()
        return [self.store.execute(step) for step in steps]

    async def profile_key(self, profile_id: str) -> str | None:
        """As every store."""
        self.between()
        return self.store.profile_key(profile_id)

    async def scan_homes(self, cursor: int = 0) -> Page:
        """As every store."""
        self.between()
        return self.store.scan_homes(cursor)

    async def scan_components(self, cursor: int = 0) -> Page:
        """As every store."""
        self.between()
        return self.store.scan_components(cursor)

    async def read(self, profile_id: str, offset: int) -> bytes | None:
        """As `ProfileReader` does."""
        self.between()
        partition = self.log.topic("profiles")[partition_of(profile_id.encode(), self.log.partitions)]
        there = partition[offset] if 0 <= offset < len(partition) else None
        return there.value if there is not None and there.key == profile_id.encode() else None

    async def history(self, keys: Mapping[str, frozenset[bytes] | None]) -> History:
        """As `read_history` does."""
        self.between()
        found = [
            (name, record.value)
            for name, wanted in keys.items()
            for partition in self.log.topic(name)
            for record in partition
            if record.value is not None and (wanted is None or record.key in wanted)
        ]
        return History(found, whole=True, since_ms=None)

    async def newest(self, topic: str, limit: int, before: Bounds | None) -> NewestPage:
        """As `NewestReader` does, of a log whose order is time's."""
        self.between()
        bounds = {at: len(found) for at, found in enumerate(self.log.topic(topic))}
        if before is not None:
            bounds = {at: min(before.get(at, 0), end) for at, end in bounds.items()}
        values: list[bytes] = []
        while len(values) < limit and any(bounds.values()):
            at = max(bounds, key=lambda one: bounds[one])
            bounds[at] -= 1
            value = self.log.topic(topic)[at][bounds[at]].value
            if value is not None:
                values.append(value)
        return NewestPage(values, {at: end for at, end in bounds.items() if end})

    async def ask(self, command: Command, headers: Headers) -> Result | None:
        """As `Desk` does: carry the command out."""
        self._offset += 1
        record = Record("commands", 0, self._offset, NOW_MS + self._offset, None, encode(command), headers)
        protocol = obey(ask(record, self.admission), DEFAULT_RULES, frozenset(), self.standing)
        answer: Result = _ended(self._answered(protocol))
        return answer

    @property
    def standing(self) -> Standing:
        """What commands have left behind."""
        return standing_of(self.store.content.fences.values(), self.admission)

    def _was_erased(self, key: str) -> bool:
        return self.standing.lives.was_erased(key)

    def _answered(self, protocol: Protocol[Result]) -> Generator[None, None, Result]:
        """Carry a command out, with the projection going on meanwhile: an erase waits for it."""
        reply: Reply = None
        while True:
            try:
                step = protocol.send(reply)
            except StopIteration as stop:
                answer: Result = stop.value
                return answer
            reply = yield from self._carry_step(step)
            yield from self._projected(Cache())

    def _now_us(self) -> int:
        self._ticks += 1
        return NOW_MS * 1000 + self._ticks

    def _record(self, identifiers: dict[str, str]) -> Record:
        self._offset += 1
        event = {
            "id": f"event-{self._offset}",
            "source": "/test",
            "type": "store.visited",
            "time": f"2026-08-01T10:{self._offset // 60:02}:{self._offset % 60:02}Z",
            "data": {"identifiers": identifiers, "consents": {"sms": True}},
        }
        return Record("touchpoints", 0, self._offset, NOW_MS + self._offset, None, encode(event), ())

    def _carry(self, protocol: Protocol[Any]) -> Generator[None, None, Any]:
        reply: Reply = None
        while True:
            try:
                step = protocol.send(reply)
            except StopIteration as stop:
                return stop.value
            reply = yield from self._carry_step(step)

    def _carry_step(self, step: Step) -> Generator[None, None, Any]:
        match step:
            case Together(steps):
                replies = []
                for one in steps:
                    replies.append((yield from self._carry_step(one)))  # noqa: PERF401 - no comprehension can yield
                return replies
            case Publish(records):
                yield
                return [self.log.append(record) for record in records]
            case Notify(notice):
                yield
                self._notices.append(notice)
                return None
        yield
        return self.store.execute(step)


def _ended(steps: Generator[None, None, Any]) -> Any:  # noqa: ANN401 - whatever they answer
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
